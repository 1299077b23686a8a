"""What was decided of a model, in words: whom its rows are about, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synth.domain import Model


def about(model: Model) -> str:
    """Return whom the rows of a model are about, as one sentence without its end."""
    one = model.ownership
    if one is None:
        return "not decided"
    if one.root == model.unique_id and (
        not one.column or (one.column,) in (model.primary_key, *model.unique)
    ):
        return "each row on its own"
    way = [one.column, *(f"{model_name(step.parent)}.{step.column}" for step in one.path)]
    target = "" if one.root == model.unique_id else f"{model_name(one.root)}, by "
    return f"{target}{' → '.join(way)}"


def decisions(model: Model) -> tuple[str, ...]:
    """Return whom the rows are about, and why they are not copied, as sentences without their ends."""
    name, sentences = model.name, []
    if is_inferred(model) or is_declared(model):
        sentences.append(f"{name}: rows are about {explain(model)}")
    if model.reference_doubt:
        sentences.append(not_copied(model))
    return tuple(sentences)


def not_copied(model: Model) -> str:
    """Return why a table that could be reference is not copied, and the line that allows it."""
    return (
        f"{model.name} is not copied as reference, because {model.reference_doubt}; if it is about nobody: "
        "`reference: true`"
    )


def is_inferred(model: Model) -> bool:
    """Return whether the entity is another one than the row itself, and was not declared."""
    one = model.ownership
    return (
        one is not None and not one.is_declared and about(model) != "each row on its own" and bool(one.advice)
    )


def is_declared(model: Model) -> bool:
    """Return whether a declaration says that the entity is another one than the row itself."""
    one = model.ownership
    return one is not None and one.is_declared and about(model) != "each row on its own"


def explain(model: Model) -> str:
    """Return the same with its evidence, and the line that changes it where there is something to change."""
    one = model.ownership
    if one is None:
        return about(model)
    evidence = f" ({one.evidence})" if one.evidence else ""
    advice = f"; to change it: `{one.advice}`" if one.advice else ""
    return f"{about(model)}{evidence}{advice}"


def model_name(unique_id: str) -> str:
    """Return the name of a model as its users know it."""
    return ".".join(unique_id.split(".")[2:]) or unique_id
