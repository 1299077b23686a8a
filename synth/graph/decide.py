"""The graph of a project: decided before anything is learned, and handed on as values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from synth.facts.stated import stated_references
from synth.graph.circles import broken_circles
from synth.graph.derived import with_formulas
from synth.graph.lineage import ancestry, relations, trace, unique_columns
from synth.graph.links import Linker
from synth.graph.look import look_at
from synth.graph.owners import Owners
from synth.graph.reference import References, with_public_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from synth.domain import ForeignKey, Model, Ownership
    from synth.graph.look import Look
    from synth.graph.origins import NodeLineage
    from synth.graph.owners import Question
    from synth.project.manifest import Manifest
    from synth.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class Graph:
    """What was decided across models.

    Attributes:
        models: the tagged models with the references and the entity that were decided for each.
        looks: what was seen of each relation, by `unique_id`.
        lineages: where their columns come from.
        questions: what evidence could not decide.
    """

    models: tuple[Model, ...]
    looks: Mapping[str, Look] = field(default_factory=dict)
    lineages: Mapping[str, NodeLineage] = field(default_factory=dict)
    questions: tuple[Question, ...] = ()


def decide(
    manifest: Manifest,
    models: Sequence[Model],
    warehouse: Warehouse,
    statements: Mapping[str, str],
    *,
    inferred: bool = True,
) -> Graph:
    """Decide what the models are about and how they refer to each other.

    Args:
        manifest: of the project.
        models: that are tagged.
        warehouse: where their relations are.
        statements: the compiled SQL of nodes whose manifest lacks it.
        inferred: whether evidence is enough for a table to be copied as reference data.

    Raises:
        WarehouseError: Postgres refused.
    """
    named = {model.unique_id: model for model in models}
    parents = {key.parent for model in models for key in model.foreign_keys}
    nodes = [manifest.nodes[name] for name in dict.fromkeys((*named, *sorted(parents)))]
    looks = look_at(nodes, named, warehouse)
    lineages = _lineages(manifest, [node.unique_id for node in nodes], warehouse, statements)
    linker = Linker(manifest, named, looks, stated_references(manifest), lineages, warehouse)
    keys = linker.resolved()
    linked = {name: _linked(model, keys, linker) for name, model in named.items()}
    columns = {name: lineage.columns for name, lineage in lineages.items()}
    reference = References(manifest, linked, looks, keys, lineages, columns).decided(inferred=inferred)
    linked = {name: with_public_keys(model, reference, looks, named.keys()) for name, model in linked.items()}
    linked = broken_circles(linked, looks)
    keys = {name: model.foreign_keys for name, model in linked.items()}
    owners = Owners(linked, looks, keys, reference, warehouse)
    owned = {
        name: replace(_owned(model, owners.of(name)), reference=reference.get(name, ""))
        for name, model in linked.items()
    }
    decided = tuple(with_formulas(model, lineages.get(name)) for name, model in owned.items())
    return Graph(decided, looks, lineages, tuple(owners.questions))


def _lineages(
    manifest: Manifest, names: Iterable[str], warehouse: Warehouse, statements: Mapping[str, str]
) -> Mapping[str, NodeLineage]:
    """Where the columns of the models come from, and those of all that they are made from."""
    nodes = ancestry(manifest, names)
    places = relations(nodes)
    layout = warehouse.layout(places.values())
    columns = {name: layout.types.get(relation, {}) for name, relation in places.items()}
    return trace(nodes, columns, unique_columns(manifest, layout), statements)


def open_questions(graph: Graph) -> Mapping[str, str]:
    """What evidence could not decide, by the `unique_id` of the model, with the lines to paste."""
    return {question.model: _asked(question) for question in graph.questions}


def _asked(question: Question) -> str:
    name = question.model.split(".")[-1]
    first, other = (claim.ownership.column for claim in question.claims)
    return "\n".join(
        [
            f"It is not clear whom the rows of {name} are about: they have both a {first} and a {other}.",
            f"Next: say so in {question.path}:",
            f"  - name: {name}",
            f"    config: {{meta: {{synthesize: true, synth: {{entity: {first}}}}}}}  # or {other}, or none",
        ]
    )


def _linked(model: Model, keys: Mapping[str, tuple[ForeignKey, ...]], linker: Linker) -> Model:
    """The model with its references, and with the keys that others refer to and that its rows differ in."""
    name = model.unique_id
    held = {key.parent_column for held_keys in keys.values() for key in held_keys if key.parent == name}
    own = linker.key_of(name, held)
    single = dict.fromkeys(
        (column,) for column in (*([own] if own else []), *sorted(held & linker.unique(name)))
    )
    return replace(
        model,
        foreign_keys=keys[name],
        primary_key=model.primary_key or ((own,) if own else ()),
        unique=(*model.unique, *(columns for columns in single if columns not in model.unique)),
    )


def _owned(model: Model, ownership: Ownership) -> Model:
    """The model with whom its rows are about; the entity is one of its columns, or a way leads to it."""
    entity = model.entity
    repeats = ownership.column and ownership.column not in set(_single_keys(model))
    if entity is None and repeats and not ownership.path and not ownership.declared:
        entity = ownership.column
    return replace(model, ownership=ownership, entity=entity)


def _single_keys(model: Model) -> Iterable[str]:
    return [columns[0] for columns in (model.primary_key, *model.unique) if len(columns) == 1]
