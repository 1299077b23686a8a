"""References that would end where they began: one of each circle is given up, so that there is an order."""

from __future__ import annotations

from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from synth.domain import ForeignKey, Model
    from synth.graph.look import RelationLook


def broken_circles(
    models: Mapping[str, Model], looks: Mapping[str, RelationLook], reference: Collection[str] = ()
) -> dict[str, Model]:
    """Return the models without one reference of each circle; circles stay in which none can be spared.

    What no two rows share is given up first: an account names one of its users, who all name their account.
    Then what is NULL in some rows, what no test states, and that of the smaller table. There is no parent yet
    when the twin is made, so its keys are chosen later. In a copied table they are NULL; one copied table may
    refer to another all the same.

    Args:
        models: by `unique_id`, with their references.
        looks: what was seen of them.
        reference: those that are copied.
    """
    models = dict(models)
    stuck_circles: set[frozenset[str]] = set()
    while True:
        circle = _circle(models, stuck_circles)
        if circle is None:
            return models
        spare = [
            (child, key)
            for parent, child in pairwise(circle)
            for key in models[child].foreign_keys
            if key.parent == parent
            and child in looks
            and (_may_be_null(models[child], looks[child], key) or _may_wait(models[child], key, reference))
        ]
        if not spare:
            stuck_circles.add(frozenset(circle))
            continue
        child, given_up = min(spare, key=lambda one: _worth(models[one[0]], looks[one[0]], one[1]))
        circle_names = " → ".join(models[name].name for name in reversed(circle))
        models[child] = _without(models[child], given_up, circle_names, reference)


def _without(model: Model, given_up: ForeignKey, circle_names: str, reference: Collection[str]) -> Model:
    """Return the model without a reference, whose keys are chosen later where its rows are drawn."""
    kept = replace(model, foreign_keys=tuple(key for key in model.foreign_keys if key != given_up))
    if _may_wait(model, given_up, reference):
        return replace(kept, late_keys=(*model.late_keys, given_up))
    if model.unique_id in reference and given_up.public:
        return kept
    reason = {given_up.column: f"references go in a circle ({circle_names})"}
    return replace(kept, unlinked_columns={**model.unlinked_columns, **reason})


def _may_wait(model: Model, key: ForeignKey, reference: Collection[str]) -> bool:
    """Return whether keys can be chosen when all rows are drawn: these are not copied, nor called so."""
    fixed_columns = {model.entity, *model.primary_key, *model.seed_columns, *model.roles}
    is_drawn = model.unique_id not in reference and model.history is None
    return is_drawn and not key.public and key.column not in fixed_columns


def _circle(models: Mapping[str, Model], stuck_circles: set[frozenset[str]]) -> list[str] | None:
    """Return the models of a circle that is not stuck, each before one that refers to it."""
    ignored_names = {name for circle in stuck_circles for name in circle}
    order = {
        name: {key.parent for key in model.foreign_keys if key.parent in models and key.parent != name}
        for name, model in models.items()
        if name not in ignored_names
    }
    try:
        TopologicalSorter(order).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        return circle
    return None


def _may_be_null(model: Model, look: RelationLook | None, key: ForeignKey) -> bool:
    is_declared = key.column in model.not_null or key.column in model.primary_key
    column = look.columns.get(key.column) if look else None
    return not is_declared and column is not None and not column.not_null


def _worth(model: Model, look: RelationLook, key: ForeignKey) -> tuple[bool, bool, bool, bool, int, str]:
    """Return how much is lost with a reference, to be compared."""
    counts = look.counts.get(key.column)
    is_shared = counts is None or not counts.unique
    always = counts is not None and counts.present == counts.rows
    is_tested = any(fact.source == key.test for fact in model.facts)
    return is_shared, not _may_be_null(model, look, key), is_tested, always, look.rows, look.unique_id
