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
    """Return the models without one nullable reference of each circle; other circles stay.

    What no test states is given up first, then what is NULL in some rows, then that of the smaller table. The
    column is NULL in the twin, because there is no parent yet when it is made. One copied table may refer to
    another all the same.

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
        nullable = [
            (child, key)
            for parent, child in pairwise(circle)
            for key in models[child].foreign_keys
            if key.parent == parent and _may_be_null(models[child], looks.get(child), key)
        ]
        if not nullable:
            stuck_circles.add(frozenset(circle))
            continue
        child, given_up = min(nullable, key=lambda one: _worth(models[one[0]], looks[one[0]], one[1]))
        names = " → ".join(models[name].name for name in reversed(circle))
        model = models[child]
        is_copied = child in reference and given_up.public
        reason = {} if is_copied else {given_up.column: f"references go in a circle ({names})"}
        models[child] = replace(
            model,
            foreign_keys=tuple(key for key in model.foreign_keys if key != given_up),
            unlinked_columns={**model.unlinked_columns, **reason},
        )


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


def _worth(model: Model, look: RelationLook, key: ForeignKey) -> tuple[bool, bool, int, str]:
    """Return how much is lost with a reference, to be compared."""
    counts = look.counts.get(key.column)
    always = counts is not None and counts.present == counts.rows
    return any(fact.source == key.test for fact in model.facts), always, look.rows, look.unique_id
