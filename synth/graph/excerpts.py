"""Models that are parts of another tagged model: their twins are the same parts of its twin.

Only what the SQL says in a form that is wholly understood counts, and only if the real rows are so. Where
anything was declared of the part that was not of the whole, it is drawn on its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from synth.domain import BackendOptions, Excerpt, Role, merge
from synth.errors import WarehouseError
from synth.graph.calculated import calculated, is_learned, is_plain
from synth.warehouse.parts import PartOfTwin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from synth.domain import ForeignKey, Model, PublicValues
    from synth.graph.choices import RowChoice
    from synth.graph.look import RelationLook
    from synth.graph.origins import NodeLineage
    from synth.warehouse import Warehouse

Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class ModelPart:
    """A model that is part of another.

    Attributes:
        choice: over the columns of the other model, whose name `choice.node` is.
    """

    model: Model
    choice: RowChoice


def with_excerpts(
    models: Mapping[str, Model],
    lineages: Mapping[str, NodeLineage],
    looks: Mapping[str, RelationLook],
    warehouse: Warehouse,
) -> dict[str, Model]:
    """Return the models, each part of another with what it is of that one.

    Args:
        models: that are tagged, with their references and entities, by `unique_id`.
        lineages: of these and of all that they are made from.
        looks: at the relations.
        warehouse: where they are.

    Raises:
        WarehouseError: Postgres refused.
    """
    parts = _without_references(_parts(models, lineages, looks), models)
    parts = {name: _from_whole(part, parts) for name, part in parts.items()}
    excerpts = {name: _excerpt(part, models) for name, part in parts.items()}
    excerpts |= _without_references(calculated(models, lineages, looks, excerpts), models)
    excerpts = {name: one for name, one in excerpts.items() if _is_so(models[name], one, models, warehouse)}
    return {name: replace(model, excerpt=excerpts.get(name)) for name, model in models.items()}


def _parts(
    models: Mapping[str, Model], lineages: Mapping[str, NodeLineage], looks: Mapping[str, RelationLook]
) -> dict[str, ModelPart]:
    """Return the models that choose of another one, directly or because both choose of the same relation."""
    choices = {name: _choice(name, models, lineages) for name in models}
    parts: dict[str, ModelPart] = {}
    for name, choice in choices.items():
        wholes = (
            [] if choice is None else [choice] if choice.node in models else _beside(name, choice, choices)
        )
        candidates = (ModelPart(models[name], whole) for whole in wholes if whole.node != name)
        part = next((one for one in candidates if _is_alike(one, models, looks)), None)
        if part is not None:
            parts[name] = part
    return parts


def _choice(name: str, models: Mapping[str, Model], lineages: Mapping[str, NodeLineage]) -> RowChoice | None:
    """Return what a model chooses of the first tagged model upstream, else of what is farthest upstream."""
    choice = lineages[name].choice if name in lineages else None
    visited_names = {name}
    while choice is not None and choice.node not in models and choice.node not in visited_names:
        visited_names.add(choice.node)
        inner = lineages[choice.node].choice if choice.node in lineages else None
        if inner is None:
            break
        choice = choice.of(inner)
    return choice


def _beside(name: str, choice: RowChoice, choices: Mapping[str, RowChoice | None]) -> Iterator[RowChoice]:
    """Yield the choice in terms of other models that have all rows of the same relation."""
    for other in sorted(choices):
        whole = choices[other]
        if whole is None or other == name or whole.node != choice.node or whole.conditions:
            continue
        own = {source: column for column, source in whole.columns.items()}
        if not choice.conditions and (len(choice.columns), other) >= (len(whole.columns), name):
            continue  # of two with all rows, the one with fewer columns is the part
        renamed_choice = choice.of(replace(choice, node=other, columns=own, conditions=()))
        if renamed_choice is not None:
            yield renamed_choice


def _is_alike(part: ModelPart, models: Mapping[str, Model], looks: Mapping[str, RelationLook]) -> bool:
    """Return whether nothing was declared of the part alone, and its columns are those of the whole."""
    model, whole = part.model, models[part.choice.node]
    look, other = looks.get(model.unique_id), looks.get(whole.unique_id)
    if look is None or other is None or look.columns.keys() != part.choice.columns.keys():
        return False
    if model.history is not None or model.reference or whole.reference:
        return False
    of_one_type = all(
        source in other.columns and look.columns[name].data_type == other.columns[source].data_type
        for name, source in part.choice.columns.items()
    )
    return (
        of_one_type
        and _is_undeclared(part, whole)
        and all(_is_column_alike(model, name, whole, source) for name, source in part.choice.columns.items())
        and all(_has_key(key, part, whole) for key in model.foreign_keys)
        and _can_be_asked(part.choice, whole, other)
    )


def _is_undeclared(part: ModelPart, whole: Model) -> bool:
    """Return whether the model's own options say nothing that those of the whole do not."""
    model = part.model
    if "rows" in model.options or merge(model.options, whole.options) != whole.options:
        return False
    if model.backend_options not in (BackendOptions(), whole.backend_options):
        return False
    if model.seed_columns or model.balance or model.target_column not in {None, whole.target_column}:
        return False
    ours, theirs = model.ownership, whole.ownership
    if ours is None or not ours.is_declared:
        return True
    source = part.choice.columns.get(ours.column, "")
    return theirs is not None and theirs.is_declared and source == theirs.column


def _is_column_alike(model: Model, name: str, whole: Model, source: str) -> bool:
    """Return whether nothing was declared of a column that was not of the one that it is."""
    declared = {(one.labels, one.low, one.high) for one in model.public if _is_declared_of(one, name)}
    theirs = {(one.labels, one.low, one.high) for one in whole.public if _is_declared_of(one, source)}
    role, other = model.roles.get(name), whole.roles.get(source)
    return (
        declared <= theirs
        and (role == other or (role is None and other is not Role.DROP))
        and model.labels.get(name, ()) in {(), whole.labels.get(source, ())}
        and (name not in model.sensitive or source in whole.sensitive)
    )


def _is_declared_of(values: PublicValues, column: str) -> bool:
    return values.column == column and values.source == "declared"


def _has_key(key: ForeignKey, part: ModelPart, whole: Model) -> bool:
    """Return whether a reference of the part is one of the whole, or leads to it."""
    source = part.choice.columns.get(key.column)
    if key.parent == whole.unique_id:
        return source == key.parent_column
    theirs = {(one.column, one.parent, one.parent_column) for one in whole.foreign_keys}
    return key.public or (source, key.parent, key.parent_column) in theirs


def _can_be_asked(choice: RowChoice, whole: Model, look: RelationLook) -> bool:
    """Return whether the twin of the whole can answer the conditions: by what is learned, not made up."""
    from synth.graph.predicates import compared, mentioned  # noqa: PLC0415 - the parser takes its time to load

    names = {name for condition in choice.conditions for name in mentioned(condition)}
    condition_columns = {name for condition in choice.conditions for name in compared(condition)}
    return all(is_plain(name, whole, look) for name in names) and all(
        is_learned(name, whole, look) for name in condition_columns
    )


def _without_references(parts: Mapping[str, Part], models: Mapping[str, Model]) -> dict[str, Part]:
    """Return the parts to which no other model refers."""
    parts = dict(parts)
    while True:
        referenced_names = {
            name
            for other, model in models.items()
            for name in _references(model)
            if name in parts and name != other
        }
        if not referenced_names:
            return parts
        parts = {name: part for name, part in parts.items() if name not in referenced_names}


def _references(model: Model) -> set[str]:
    """Return the models that a model refers to, or through which it leads to its entity."""
    path = model.ownership.path if model.ownership else ()
    return {key.parent for key in model.foreign_keys} | {step.parent for step in path}


def _from_whole(part: ModelPart, parts: Mapping[str, ModelPart]) -> ModelPart:
    """Return a part of a part as one of the whole."""
    choice = part.choice
    while choice.node in parts:
        further = choice.of(parts[choice.node].choice)
        if further is None:
            break
        choice = further
    return replace(part, choice=choice)


def _excerpt(part: ModelPart, models: Mapping[str, Model]) -> Excerpt:
    from synth.graph.predicates import as_sql, as_words, together  # noqa: PLC0415 - as above

    condition = together(part.choice.conditions)
    name = models[part.choice.node].name
    words = f"rows of {name}" if condition is None else f"rows of {name} where {as_words(condition)}"
    text = "" if condition is None else as_sql(condition)
    return Excerpt(part.choice.node, dict(part.choice.columns), text, words)


def _is_so(model: Model, excerpt: Excerpt, models: Mapping[str, Model], warehouse: Warehouse) -> bool:
    """Return whether the real rows are what the SQL says; tables may have been built at different times."""
    try:
        with warehouse.snapshot() as snapshot:
            relations = tuple(models[name].relation for name in excerpt.parents)
            return snapshot.is_excerpt(model.relation, PartOfTwin(relations, excerpt))
    except WarehouseError:
        return False
