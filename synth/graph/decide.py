"""The graph of a project: decided before anything is learned, and handed on as values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from synth.domain import with_article
from synth.facts.stated import stated_references
from synth.graph.circles import broken_circles
from synth.graph.common_keys import KeyShares
from synth.graph.constants import with_sql_labels
from synth.graph.derived import with_derivations, with_formulas
from synth.graph.excerpts import with_excerpts
from synth.graph.lineage import ancestry, keys_above, relations, trace, unique_columns
from synth.graph.links import Linker
from synth.graph.look import KEY_KINDS, look_at
from synth.graph.owners import EntityOwners
from synth.graph.reference import References, with_public_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from synth.domain import ForeignKey, Model, Ownership
    from synth.facts.stated import Reference
    from synth.graph.look import RelationLook
    from synth.graph.origins import NodeLineage
    from synth.graph.owners import Question
    from synth.graph.reference import CopyReason
    from synth.project.manifest import Manifest, Node
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
    looks: Mapping[str, RelationLook] = field(default_factory=dict)
    lineages: Mapping[str, NodeLineage] = field(default_factory=dict)
    questions: tuple[Question, ...] = ()


def decide(
    manifest: Manifest,
    models: Sequence[Model],
    warehouse: Warehouse,
    statements: Mapping[str, str],
    *,
    infer: bool = True,
) -> Graph:
    """Decide what the models are about and how they refer to each other.

    Args:
        manifest: of the project.
        models: that are tagged.
        warehouse: where their relations are.
        statements: the compiled SQL of nodes whose manifest lacks it.
        infer: whether evidence is enough for a table to be copied as reference data.

    Raises:
        WarehouseError: Postgres refused.
    """
    by_name = {model.unique_id: model for model in models}
    references = stated_references(manifest)
    names = dict.fromkeys((*by_name, *_parents(manifest, models, references)))
    looks = look_at([manifest.nodes[name] for name in names], by_name, warehouse)
    lineages = _lineages(manifest, names, warehouse, statements)
    linker = Linker(manifest, by_name, looks, references, lineages, warehouse)
    keys = linker.resolve()
    linked_models = {name: _link(model, keys, linker) for name, model in by_name.items()}
    columns = {name: lineage.columns for name, lineage in lineages.items()}
    finder = References(manifest, linked_models, looks, keys, lineages, columns, warehouse)
    reference, doubts = finder.decide(infer=infer)
    linked_models = {
        name: with_public_keys(
            replace(model, reference_doubt=doubts.get(name, "")), reference, looks, by_name.keys()
        )
        for name, model in linked_models.items()
    }
    linked_models = broken_circles(linked_models, looks, reference)
    keys = {name: model.foreign_keys for name, model in linked_models.items()}
    owners = EntityOwners(linked_models, looks, keys, reference, warehouse)
    owned_models = {
        name: _with_reason(_with_owner(model, owners.of(name)), reference.get(name))
        for name, model in linked_models.items()
    }
    whole_models = with_excerpts(owned_models, lineages, looks, warehouse)
    decided_models = tuple(
        _with_sql(model, lineages, looks.get(name))
        for name, model in KeyShares(whole_models, looks, lineages, warehouse).with_keys().items()
    )
    return Graph(decided_models, looks, lineages, tuple(owners.questions))


def _with_sql(model: Model, lineages: Mapping[str, NodeLineage], look: RelationLook | None) -> Model:
    """Return the model with what its SQL says of its columns: formulas, where values arise, labels."""
    own = with_formulas(model, lineages.get(model.unique_id))
    return with_sql_labels(with_derivations(own, lineages), lineages, look)


def _parents(manifest: Manifest, models: Sequence[Model], references: Sequence[Reference]) -> list[str]:
    """Return what models refer to, and the seeds to which models refer that they are made of."""
    above = {node.unique_id for node in ancestry(manifest, [model.unique_id for model in models])}
    parents = {key.parent for model in models for key in model.foreign_keys}
    parents |= {one.parent for one in references if one.child in above and one.parent.startswith("seed.")}
    return sorted(parents)


def _lineages(
    manifest: Manifest, names: Iterable[str], warehouse: Warehouse, statements: Mapping[str, str]
) -> Mapping[str, NodeLineage]:
    """Return where the columns of the models come from, and those of all that they are made from."""
    nodes = ancestry(manifest, names)
    places = relations(nodes)
    layout = warehouse.layout(places.values())
    columns = {name: layout.types.get(relation, {}) for name, relation in places.items()}
    stated_keys = unique_columns(manifest, layout)
    keys = {**stated_keys, **_keys_of_seeds(nodes, stated_keys, warehouse)}
    lineages = trace(nodes, columns, keys, statements)
    whole_keys = keys_above(lineages, keys)
    return trace(nodes, columns, whole_keys, statements) if whole_keys != keys else lineages


def _keys_of_seeds(
    nodes: Iterable[Node], keys: Mapping[str, Sequence[tuple[str, ...]]], warehouse: Warehouse
) -> dict[str, list[tuple[str, ...]]]:
    """Return the columns in which no two rows of a seed are alike, of those whose keys nobody states.

    A seed is a file of the project: what holds of its rows holds until somebody edits it.
    """
    seeds = [node for node in nodes if node.resource_type == "seed" and not keys.get(node.unique_id)]
    unique: dict[str, list[tuple[str, ...]]] = {}
    for name, relation in relations(seeds).items():
        columns = [one for one in warehouse.describe(relation) if one.kind in KEY_KINDS]
        counts = warehouse.counts(relation, columns) or {}
        unique[name] = [
            (column,)
            for column, one in counts.items()
            if one.unique and one.whole and one.present == one.rows
        ]
    return unique


def open_questions(graph: Graph) -> Mapping[str, str]:
    """Return what evidence could not decide, by the `unique_id` of the model, with the lines to paste."""
    return {question.model: _question_text(question) for question in graph.questions}


def _question_text(question: Question) -> str:
    name = question.model.split(".")[-1]
    first, other = (claim.ownership.column for claim in question.claims)
    both = f"{with_article(first)} and {with_article(other)}"
    return "\n".join(
        [
            f"It is not clear whom the rows of {name} are about: they have both {both}.",
            f"Next: say so in {question.path}:",
            f"  - name: {name}",
            f"    config: {{meta: {{synthesize: true, synth: {{entity: {first}}}}}}}  # or {other}, or none",
        ]
    )


def _link(model: Model, keys: Mapping[str, tuple[ForeignKey, ...]], linker: Linker) -> Model:
    """Return the model with its references, and with those referenced keys that its rows differ in."""
    name = model.unique_id
    parent_columns = {
        key.parent_column for held_keys in keys.values() for key in held_keys if key.parent == name
    }
    own = linker.key_of(name, parent_columns)
    single = dict.fromkeys(
        (column,) for column in (*([own] if own else []), *sorted(parent_columns & linker.unique(name)))
    )
    return replace(
        model,
        foreign_keys=keys[name],
        primary_key=model.primary_key or ((own,) if own else ()),
        unique=(*model.unique, *(columns for columns in single if columns not in model.unique)),
    )


def _with_owner(model: Model, ownership: Ownership) -> Model:
    """Return the model with its entity: one of its columns, or a path that leads to it."""
    entity = model.entity
    repeats = ownership.column not in {"", *_single_keys(model)} and ownership.is_identifier
    if entity is None and repeats and not ownership.path and not ownership.is_declared:
        entity = ownership.column
    return replace(model, ownership=ownership, entity=entity)


def _with_reason(model: Model, reason: CopyReason | None) -> Model:
    """Return the model with why it is copied, and what is made up in the copy."""
    if reason is None:
        return model
    roles = {**model.roles, **reason.made_up}
    return replace(
        model, reference=reason.text, roles=roles, new_numbers=reason.new_numbers, figures=reason.figures
    )


def _single_keys(model: Model) -> Iterable[str]:
    return [columns[0] for columns in (model.primary_key, *model.unique) if len(columns) == 1]
