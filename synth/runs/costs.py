"""What twins by guarantee cost whom, and whether the budget reaches: known before a row is looked at."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from synth.errors import ModelError
from synth.warehouse.spending import Spending, refuse_beyond

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from synth.domain import Model, Task


def domain_of(model: Model) -> str:
    """Return whom the rows of a model are about, by the name under which costs add up.

    That is the model of the entity; where none describes it, the column that names it, in all models alike.
    """
    whose = model.ownership
    if whose is None:
        return model.unique_id
    by_column = whose.root == model.unique_id and whose.column and not _is_own(model)
    return f"column {whose.column}" if by_column else whose.root


def rows_per_entity(task: Task) -> int:
    """Return how many rows an entity may have among those that are learned from; public."""
    return 1 if _is_own(task.model) else task.guarantee.max_rows_per_entity


def _is_own(model: Model) -> bool:
    """Return whether each row is its own entity."""
    whose = model.ownership
    if whose is None or not whose.column:
        return True
    return not whose.path and (whose.column,) in {model.primary_key, *model.unique}


def beyond_budget(
    tasks: Iterable[Task], costs_so_far: Mapping[str, Spending], budget: float | None
) -> dict[str, str]:
    """Return why twins by guarantee may not be made, by `unique_id`, when those before them are paid for.

    Args:
        tasks: what is to be made, in order.
        costs_so_far: what each kind of entity has cost so far.
        budget: the epsilon that all twins about one kind may cost; None is no limit.
    """
    reasons: dict[str, str] = {}
    costs = defaultdict(Spending, costs_so_far)
    for task in tasks:
        if not task.by_guarantee or task.model.reference or task.model.excerpt:
            continue
        domain, before = domain_of(task.model), costs[domain_of(task.model)]
        try:
            refuse_beyond(budget, before, task.guarantee.epsilon, domain, task.model.unique_id)
        except ModelError as error:
            reasons[task.model.unique_id] = str(error)
            continue
        costs[domain] = before.plus(task.guarantee.epsilon, task.guarantee.delta)
    return reasons
