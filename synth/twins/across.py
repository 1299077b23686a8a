"""Twins of one run made to agree: what rows of other models say of a column is computed when all are drawn.

Columns are computed in an order in which each comes after those it follows from, formulas of the models' SQL
in between. What a twin is judged by is what it will hold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from synth.columns.keys import new_keys
from synth.columns.roles import KEYS, treatments_to_replace
from synth.domain import Across, Formula, Role, Way
from synth.sampling.computing import candidates, own_formulas, with_columns, without_new_breaks
from synth.sampling.source import looked_up
from synth.twins.admission import comes_of_twins, loses_labels
from synth.twins.dependents import followers_of
from synth.twins.kinship import elders_again
from synth.twins.pools import former_places, keys_in_turn
from synth.twins.solutions import solved_rule

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from synth.domain import Model, Relation
    from synth.facts.across import AcrossFacts
    from synth.sampling.context import Case, Samples, TwinTable
    from synth.sampling.families import Family
    from synth.sampling.owners import Owners
    from synth.sampling.redraw import RowSelection
    from synth.twins.examination import Examination
    from synth.twins.private import PrivateDraft
    from synth.warehouse import Warehouse
    from synth.warehouse.across import FactTable
    from synth.warehouse.rules import Candidates

    Place: TypeAlias = tuple[str, str]
    Assignment: TypeAlias = Across | tuple[str, Formula]

NUMERIC_WAYS = frozenset({Way.COUNT, Way.SUM, Way.MEAN})


@dataclass(frozen=True, slots=True)
class Draft:
    """A twin that is drawn and not judged yet.

    Attributes:
        broken_rules: how many of all rows drawn broke each rule, by its source.
        keys: columns that its children reference.
        parents: whose new keys it holds, by `unique_id`.
        owners: for the models that reference this one.
        warnings: to be told beside those of its making.
        examination: what the checks found; None before they were asked.
    """

    case: Case
    samples: Samples
    selection: RowSelection
    twin_table: TwinTable
    broken_rules: Mapping[str, int]
    keys: Mapping[str, pa.ChunkedArray]
    parents: frozenset[str]
    owners: Owners | None
    warnings: tuple[str, ...] = ()
    examination: Examination | None = None


def with_counts(model: Model, facts: Iterable[Across]) -> Model:
    """Return the model where counts and sums are numbers, whatever their names are: they identify nobody."""
    numeric_facts = (fact for fact in facts if fact.model == model.unique_id and fact.way in NUMERIC_WAYS)
    roles = {fact.column: Role.NUMBER for fact in numeric_facts}
    return replace(model, roles={**roles, **model.roles}) if roles else model


def nearest_owner(model: Model, facts: Iterable[Across], complete: Collection[str]) -> Model:
    """Return the model with rows of the parent whose row says whom they are about, where there is such.

    The measurements of a visit are those of the visit's patient: they are drawn as rows of visits. Entries of
    an account are not drawn as rows of the card that some of them name.

    Args:
        model: whose rows.
        facts: across tables.
        complete: its columns that every row has a value of.
    """
    whose = model.ownership
    if whose is None:
        return model
    own = (fact for fact in facts if fact.model == model.unique_id and fact.own in complete)
    direct = (fact for fact in own if fact.through is None)
    keys = {key.column: key.parent for key in model.foreign_keys}
    for fact in direct:
        if fact.way is Way.COPY and fact.column == whose.column and keys.get(fact.own) == fact.other:
            return replace(model, ownership=replace(whose, column=fact.own))
    return model


def with_count(family: Family, model: Model, facts: Iterable[Across]) -> Family:
    """Return the histories with the owners' columns that follow from their rows; one may count these."""
    ways = {
        fact.column: fact.way
        for fact in facts
        if fact.other == model.unique_id and fact.key == family.key and fact.is_of_owner
    }
    columns = [name for name in sorted(ways) if name in family.twins.columns]
    count = next((name for name in columns if ways[name] is Way.COUNT), None)
    return replace(family, count=count or family.count, follows=frozenset(columns))


def with_copied_keys(
    table: pa.Table, case: Case, facts: Iterable[Across], parents: Mapping[str, Mapping[str, pa.ChunkedArray]]
) -> pa.Table:
    """Return the twin with the keys that its rows have in common with the rows they reference.

    A column that has a key in all real rows keeps its own where those rows have none.

    Args:
        table: the twin.
        case: of the twin.
        facts: across tables.
        parents: columns of the twins already made, by `unique_id`.
    """
    name = case.task.model.unique_id
    keys = {one.column.name for one in case.treatments if one.role in KEYS}
    never_null = _never_null(case)
    for fact in facts:
        parent = parents.get(fact.other, {})
        direct = fact.model == name and fact.way in {Way.COPY, Way.OWN} and fact.through is None
        if not direct or fact.column not in keys or not {fact.key, fact.source} <= parent.keys():
            continue
        values = looked_up(table.column(fact.own), parent[fact.key], parent[fact.source])
        place = table.column_names.index(fact.column)
        copies = values.cast(table.schema.field(place).type)
        own = table.column(place if fact.way is Way.OWN else fact.own)
        column = with_copies_of(table.column(place), copies, own)
        column = pc.coalesce(column, table.column(place)) if fact.column in never_null else column
        table = table.set_column(place, fact.column, column)
    return table


def with_copies_of(column: pa.ChunkedArray, copies: pa.ChunkedArray, own: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the column as its copies; rows whose `own` key refers to nothing keep what they have."""
    return pc.if_else(own.is_null(), column, copies)


def make_agree(
    drafts: Mapping[str, Draft],
    facts: AcrossFacts,
    warehouse: Warehouse,
    final: Mapping[str, Relation] = MappingProxyType({}),
    copies: Mapping[str, Candidates] = MappingProxyType({}),
) -> dict[str, Draft]:
    """Return the drafts with every column as the facts across them say.

    Args:
        drafts: the twins that are made to agree, by `unique_id`.
        facts: across their tables.
        warehouse: where it is computed.
        final: where twins are that stay as they are, but decide columns of the drafts.
        copies: the rows of public tables that are others in their twins.

    Raises:
        WarehouseError: Postgres refused.
    """
    twins = {*drafts, *final}
    facts = facts.of(twins)
    steps = agreement_steps(facts.every, drafts, twins)
    if not steps:
        return dict(drafts)
    tables = {
        name: replace(table, not_null=table.not_null | _never_null(drafts[name].case))
        if name in drafts
        else replace(table, relation=final.get(name, table.relation))
        for name, table in facts.tables.items()
    }
    copies = {name: rows for name, rows in copies.items() if name in tables}
    result, violations = _agree(drafts, steps, tables, copies, warehouse)
    followers = followers_of(drafts, result, steps)
    result = {name: _with(draft, followers[name]) if followers else draft for name, draft in result.items()}
    led = elders_again(result)
    result |= {name: _with(result[name], columns) for name, columns in led.items()}
    if followers or led:  # what other tables say of these has changed, too
        drafts = {name: replace(draft, warnings=drafts[name].warnings) for name, draft in result.items()}
        steps = agreement_steps(facts.every, drafts, twins, whole=True)
        result, violations = _agree(drafts, steps, tables, copies, warehouse)
    for fact in (step for step in steps if isinstance(step, Across) and _is_of_keys(step, drafts)):
        holds = result[fact.model].parents | {fact.other}
        result[fact.model] = replace(result[fact.model], parents=holds)
    for fact, count in violations.items():
        draft = result[fact.model]
        warning = f"in {count:,} rows of the twin it is not so that {fact}"
        result[fact.model] = replace(draft, warnings=(*draft.warnings, warning))
    return result


def _agree(
    drafts: Mapping[str, Draft],
    steps: Sequence[Assignment],
    tables: Mapping[str, FactTable],
    copies: Mapping[str, Candidates],
    warehouse: Warehouse,
) -> tuple[dict[str, Draft], dict[Across, int]]:
    """Return the drafts as the steps say, but for rules of their own, and how many rows break a fact."""
    rows = {name: candidates(draft.case, draft.twin_table.table) for name, draft in drafts.items()}
    columns, violations = warehouse.agree({**copies, **rows}, steps, tables)
    return {name: _within_rules(draft, columns.get(name)) for name, draft in drafts.items()}, violations


def _never_null(case: Case) -> frozenset[str]:
    real = case.source.real
    return frozenset(name for name in real.column_names if not real.column(name).null_count)


def agreement_steps(
    facts: Sequence[Across],
    drafts: Mapping[str, Draft] | Mapping[str, PrivateDraft],
    twins: Collection[str],
    *,
    whole: bool = False,
) -> list[Assignment]:
    """Return the facts and formulas, each after those that compute what it follows from.

    A fact that would lead back to itself is left out, and one by which a real value would come back.

    Args:
        facts: across tables.
        drafts: the twins whose columns are computed, by `unique_id`.
        twins: the models of which there are twins.
        whole: whether any column may have changed, so that all formulas count.
    """
    steps: dict[Place, list[Assignment]] = {}
    needs: dict[Place, set[Place]] = {}
    for name, draft in drafts.items():
        for formula, names in own_formulas(draft.case).items():
            place = name, formula.column
            steps[place] = [(name, formula)]
            needs[place] = {(name, one) for one in names if one != formula.column}
    late = {(name, key.column) for name, one in drafts.items() for key in one.case.task.model.late_keys}
    anew = {
        name: {one.column.name for one in treatments_to_replace(draft.case.treatments)}
        for name, draft in drafts.items()
    }
    for one in facts:  # what the row itself or others say adds up, too: then the rows are its parts
        fact = one.mirror if one.way is Way.SUM and (one.model, one.column) in steps else one
        place = fact.model, fact.column
        if not _may_decide(fact, drafts, steps) or not comes_of_twins(fact, anew, twins):
            continue
        if loses_labels(fact, {name: draft.case.treatments for name, draft in drafts.items()}):
            continue
        more = {**needs, place: needs.get(place, set()) | _needs(fact) | (_ways(fact) & late)}
        if _has_order(more):
            steps[place], needs = [*steps.get(place, []), fact], more
    for name, formula, others in _solved_rules(drafts, steps):
        more = {**needs, (name, formula.column): {(name, other) for other in others}}
        if _has_order(more):
            steps[name, formula.column], needs = [(name, formula)], more
    return _in_order(steps, needs, whole=whole)


def _may_decide(
    fact: Across, drafts: Mapping[str, Draft] | Mapping[str, PrivateDraft], steps: Collection[Place]
) -> bool:
    """Return whether nothing else decides a column; keys may belong where the column holds keys anyhow."""
    draft = drafts.get(fact.model)
    if draft is None or fact.column not in draft.twin_table.table.column_names:
        return False
    if fact.way is not Way.AMONG:
        return (fact.model, fact.column) not in steps
    return fact.when is None or _is_of_keys(fact, drafts)


def _is_of_keys(fact: Across, drafts: Mapping[str, Draft] | Mapping[str, PrivateDraft]) -> bool:
    """Return whether a column holds one of the keys of the other table, and not a label that both have."""
    roles = {one.column.name: one.role for one in drafts[fact.model].case.treatments}
    return fact.way is Way.AMONG and roles[fact.column] in KEYS


def _needs(fact: Across) -> set[Place]:
    """Return what has to be final before the column is; of a key of two columns its other half, too."""
    columns = fact.order if fact.way in {Way.FORMULA, Way.TOTAL} else (fact.source, *fact.order)
    needs = {(fact.other, name) for name in columns if name} | {(fact.model, name) for name in fact.beside}
    if fact.at:
        needs |= {(fact.model, fact.at.own), (fact.other, fact.at.other)}
    if fact.way is Way.AMONG and fact.own:
        needs |= {(fact.model, fact.own), (fact.other, fact.key)}
    return needs | ({(fact.other, fact.such[0])} if fact.such else set())


def _ways(fact: Across) -> set[Place]:
    """Return the keys by which a row finds the one that it copies."""
    if not fact.is_of_one_row:
        return set()
    return {(fact.model, fact.own), *([(fact.through[0], fact.through[2])] if fact.through else [])}


def _in_order(
    steps: Mapping[Place, Sequence[Assignment]], needs: Mapping[Place, set[Place]], *, whole: bool
) -> list[Assignment]:
    """Return the steps by which something changes, or all of them, each after those that it needs."""
    order = [place for place in TopologicalSorter(needs).static_order() if place in steps]
    if whole:
        return [step for place in order for step in steps[place]]
    affected_places = {place for place in order if any(isinstance(step, Across) for step in steps[place])}
    for place in order:
        if needs[place] & affected_places:
            affected_places.add(place)
    return [step for place in order if place in affected_places for step in steps[place]]


def _has_order(needs: Mapping[Place, set[Place]]) -> bool:
    """Return whether nothing needs itself."""
    try:
        TopologicalSorter(needs).prepare()
    except CycleError:
        return False
    return True


def _solved_rules(
    drafts: Mapping[str, Draft] | Mapping[str, PrivateDraft], steps: Collection[Place]
) -> Iterator[tuple[str, Formula, tuple[str, ...]]]:
    """Yield formulas by which rules of a row hold beside the steps, with the model and what they need.

    Where lines decide the total of an invoice, and a CHECK says that this is a sum of two parts, one follows.
    """
    for name, draft in drafts.items():
        columns = {*draft.twin_table.table.column_names}
        fixed_columns = {column for model, column in steps if model == name}
        for rule in draft.case.enforceable.of_rows:
            assignment = solved_rule(rule, fixed_columns, columns - fixed_columns)
            if assignment is not None:
                fixed_columns.add(assignment[0].column)
                yield name, *assignment


def _within_rules(draft: Draft, columns: pa.Table | None) -> Draft:
    """Return the draft with these columns, but in rows that would break one of its rules with them."""
    if columns is None or not columns.num_columns:
        return draft
    columns, number = without_new_breaks(draft.case, draft.twin_table.table, columns)
    result = _with(draft, columns)
    if not number:
        return result
    warning = (
        f"{number:,} rows of the twin do not follow rows of other tables, because that would break its rules"
    )
    return replace(result, warnings=(*result.warnings, warning))


def _with(draft: Draft, columns: pa.Table) -> Draft:
    """Return the draft with these columns, also in the rows that it is judged by."""
    twin_table, samples = with_columns(draft.twin_table, draft.samples, draft.case.treatments, columns)
    return replace(draft, twin_table=twin_table, samples=samples)


def with_other_keys(
    draft: Draft,
    unpublished_parents: Collection[str],
    pools: Mapping[str, pa.Array | None],
    former: Mapping[str, Mapping[str, pa.ChunkedArray]],
) -> Draft:
    """Return the draft without keys of parents whose twins are not published: others take their places.

    One key becomes the same one in all twins that hold it, so that copies of it stay copies.

    Args:
        draft: whose rows reference them.
        unpublished_parents: the parents, by `unique_id`.
        pools: the keys of their twins of before, or made again, by column; None where there is none.
        former: the keys that their twins had when this one was drawn, by parent and column.
    """
    task, table = draft.case.task, draft.twin_table.table
    for key in task.model.held_keys:
        if key.parent not in unpublished_parents or key.column not in table.column_names:
            continue
        real = draft.case.source.real.column(key.column)
        old = table.column(key.column).combine_chunks().dictionary_encode()
        parents = former.get(key.parent, {}).get(key.parent_column)
        places = former_places(old.dictionary, parents)
        fewest = (
            0 if parents is None else len(parents.unique())
        )  # so that all children have the same new keys
        pool, number = pools.get(key.column), max(fewest, int(places.max(initial=-1)) + 1)
        rng = np.random.default_rng([task.seed, *key.parent.encode(), 3])
        if pool is None or not len(pool):
            column = next(one.column for one in draft.case.treatments if one.column.name == key.column)
            pool = new_keys(real, column, number, rng, existing=real)
        keys = keys_in_turn(pool, places, number, rng).take(old.indices)
        place = table.column_names.index(key.column)
        table = table.set_column(place, key.column, keys.cast(table.schema.field(place).type))
    return replace(draft, twin_table=replace(draft.twin_table, table=table))
