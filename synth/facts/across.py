"""Facts across tables: columns that are, in all real rows, what rows of other models say.

Candidates are few: columns of kinds that can be compared, of models whose rows belong together by a key. A
fact that a few hundred rows keep is tried on all of them; one that could as well be chance is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING

from synth.domain import Across, Way
from synth.facts.after import after_facts
from synth.facts.among import among_facts
from synth.facts.comparable import NUMBERS, TIMES, family_of
from synth.facts.days import day_facts
from synth.facts.late import late_facts, stated_late_facts
from synth.facts.mails import mail_facts
from synth.facts.partial import partial_copies
from synth.facts.row_links import (
    Link,
    is_key,
    keys_of,
    late_links,
    links_of,
    open_columns,
    user_columns,
    ways_up,
)
from synth.facts.search import FactSearch
from synth.facts.sql_origins import holds_values_of, is_stated
from synth.facts.standings import standing_facts
from synth.warehouse.across import FactTable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from synth.domain import Model, Relation
    from synth.warehouse import Snapshot, Warehouse

WAYS_OF_NUMBERS = (Way.SUM, Way.LEAST, Way.MOST, Way.MEAN)


@dataclass(frozen=True, slots=True)
class AcrossFacts:
    """The facts across the tables of a run, and where their real rows are.

    Attributes:
        after: which times are never before those of others; keys are dealt out so, and nothing is computed.
    """

    every: tuple[Across, ...] = ()
    tables: Mapping[str, FactTable] = field(default_factory=dict)
    after: tuple[Across, ...] = ()

    def of(self, names: Collection[str]) -> AcrossFacts:
        """Return those of which every party is among the names, or is about nobody."""
        able = {*names, *(name for name, table in self.tables.items() if table.public)}
        return replace(self, every=tuple(fact for fact in self.every if fact.parties <= able))

    def without(self, names: Collection[str]) -> AcrossFacts:
        """Return those to which none of these models is a party."""
        return replace(self, every=tuple(fact for fact in self.every if not fact.parties & set(names)))

    def groups(self, names: Collection[str]) -> list[frozenset[str]]:
        """Return the models among the names that facts bind together, each group apart."""
        groups: list[set[str]] = []
        for fact in self.of(names).every:
            group_models = set(fact.parties & set(names))
            apart = [group for group in groups if not group & group_models]
            groups = [*apart, group_models.union(*(group for group in groups if group & group_models))]
        return [frozenset(group) for group in groups]

    def referenced_columns(self, name: str) -> frozenset[str]:
        """Return the columns of a model that rows of others copy, or by which they find its rows."""
        every = (*self.after, *(fact for fact in self.every if fact.way in {Way.COPY, Way.OWN, Way.DAY}))
        copies = (fact for fact in every if fact.other == name)
        return frozenset(column for fact in copies for column in (fact.key, fact.source))


def told_by_others(models: Sequence[Model], *facts: AcrossFacts) -> frozenset[str]:
    """Return the parts of other models whose rows decide columns of further ones, by `unique_id`.

    A column that other rows decide, too, needs no part: what is calculated from these says the same.
    """
    parts = {model.unique_id for model in models if model.excerpt}
    every = [fact for one in facts for fact in one.every]
    while True:
        places = {(one.model, one.column, one.when) for one in every if not one.parties & parts}
        others = [
            one for one in every if one.model not in parts and (one.model, one.column, one.when) not in places
        ]
        needed_parties = {party for fact in others for party in fact.parties if party in parts}
        if not needed_parties:
            return frozenset(model.unique_id for model in models if model.excerpt) - parts
        parts -= needed_parties


def find_across(models: Sequence[Model], warehouse: Warehouse, snapshot: Snapshot) -> AcrossFacts:
    """Return the facts across these models that all their real rows keep.

    Raises:
        WarehouseError: Postgres refused.
    """
    models_by_id = {model.unique_id: model for model in models if model.history is None}
    links = links_of(models_by_id)
    if len(models_by_id) < 2 and not links:  # noqa: PLR2004 - facts are about two
        return AcrossFacts()
    relations = {name: model.relation for name, model in models_by_id.items()}
    relations |= {
        key.parent: key.relation
        for model in models_by_id.values()
        for key in model.foreign_keys
        if key.relation is not None
    }
    public = {link.one for link in links if link.public}
    tables = {
        name: _table(relation, warehouse, models_by_id.get(name), public=name in public)
        for name, relation in relations.items()
    }
    search = FactSearch(tables, snapshot)
    copies = search.certain_facts(_copies(links, models_by_id, tables))
    candidates = _likeliest_first(_aggregates(links, models_by_id, tables, copies), models_by_id)
    known = [*copies, *search.certain_facts(one for one in candidates if is_stated(one, models_by_id))]
    totals = search.certain_facts(_totals(links, models_by_id, tables, known))
    known = [*copies, *search.certain_facts(_undecided(candidates, totals)), *totals]
    formulas = search.certain_facts(_lookups(links, models_by_id, tables, known))
    formulas += search.certain_facts(_late_copies(models_by_id, tables, [*known, *formulas]))
    formulas += search.certain_facts(day_facts(links, tables, [*known, *formulas]))
    formulas += search.certain_facts(mail_facts(links, models_by_id, tables, [*known, *formulas]))
    firsts = search.certain_facts(_firsts(links, models_by_id, tables, [*known, *formulas]))
    decided_facts, every_copy = [*known, *formulas, *firsts], _copies(links, models_by_id, tables)
    firsts += standing_facts(links, models_by_id, search, open_columns(models_by_id, tables, decided_facts))
    firsts += search.certain_facts(partial_copies(every_copy, decided_facts, tables))
    members = among_facts(models_by_id, tables, snapshot) + late_facts(models_by_id, tables, snapshot)
    after = after_facts(links, models_by_id, tables, snapshot)
    every = _without_figures([*known, *formulas, *firsts, *members], tables)
    return AcrossFacts(every, tables, after)


def stated_across(models: Sequence[Model], warehouse: Warehouse) -> AcrossFacts:
    """Return the facts across these models that the SQL of the project states; no row is looked at.

    Where a row refers to two rows of another model, such as whom a sheet is of and who approved it, columns
    of the same names are those of the one that it is about. Of a table that is public and no model, such as
    a seed of codes, rows copy what stands beside the code.

    Raises:
        WarehouseError: Postgres refused.
    """
    models_by_id = {model.unique_id: model for model in models if model.history is None}
    every = [link for link in links_of(models_by_id) if not link.public or link.many != link.one]
    ways = [(link.many, link.one) for link in every]
    single = [link for link in every if link.many != link.one and ways.count((link.many, link.one)) == 1]
    links = [link for link in single if not link.public]
    whose = [link for link in every if link not in single and _names_owner(link, models_by_id)]
    lists = [link for link in single if link.public and link.one not in models_by_id]
    tables = {
        name: _table(model.relation, warehouse, model, public=bool(model.reference))
        for name, model in models_by_id.items()
    }
    relations = {
        key.parent: key.relation
        for model in models_by_id.values()
        for key in model.foreign_keys
        if key.relation
    }
    tables |= {link.one: _table(relations[link.one], warehouse, None, public=True) for link in lists}
    copies = [
        fact
        for fact in _copies([*links, *lists, *whose], models_by_id, tables)
        if fact.is_direct_copy and is_stated(fact, models_by_id)
        if fact.column == fact.source or not any(_is_by(fact, link) for link in whose)
    ]
    by_key = [link for link in every if not link.public]  # the SQL says by which key rows are grouped
    first = {(fact.model, fact.column): fact for fact in reversed(copies)}
    copies = [fact for fact in copies if first[fact.model, fact.column] is fact]
    partial = [one for one in _totals(by_key, models_by_id, tables, copies) if "FILTER(" in one.source]
    candidates = _undecided(_aggregates(by_key, models_by_id, tables, copies), partial)
    known = [*copies, *(fact for fact in candidates if is_stated(fact, models_by_id))]
    totals = {(fact.model, fact.column): fact for fact in _totals(by_key, models_by_id, tables, known)}
    known += totals.values()
    lookups: dict[tuple[str, str], Across] = {}
    for fact in _lookups(links, models_by_id, tables, known):
        lookups.setdefault((fact.model, fact.column), fact)  # the nearest way: not through another mart
    facts = [*known, *lookups.values(), *stated_late_facts(models_by_id)]
    return AcrossFacts(_without_figures(facts, tables), tables)


def _names_owner(link: Link, models: Mapping[str, Model]) -> bool:
    """Return whether a reference to another model says whom rows are about."""
    whose = models[link.many].ownership
    return link.many != link.one and not link.public and whose is not None and whose.column == link.column


def _is_by(fact: Across, link: Link) -> bool:
    return (fact.model, fact.own, fact.other) == (link.many, link.column, link.one)


def _without_figures(facts: Iterable[Across], tables: Mapping[str, FactTable]) -> tuple[Across, ...]:
    """Return the facts that follow from what copies hold; their figures are made when all else is final."""
    return tuple(fact for fact in facts if not {fact.source, *fact.order} & {*tables[fact.other].figures})


def _likeliest_first(candidates: Iterable[Across], models: Mapping[str, Model]) -> list[Across]:
    """Return what the SQL states first, then counts; of several that all rows keep, it is the one."""
    return sorted(candidates, key=lambda fact: (not is_stated(fact, models), fact.way is not Way.COUNT))


def _undecided(candidates: Iterable[Across], facts: Iterable[Across]) -> Iterator[Across]:
    """Return candidates about columns of which the SQL states nothing else that all rows keep.

    What is paid may be the most that was ever paid to date; that it is the sum of the payments is no chance.
    """
    places = {(fact.model, fact.column) for fact in facts}
    return (one for one in candidates if (one.model, one.column) not in places)


def _table(relation: Relation, warehouse: Warehouse, model: Model | None, *, public: bool) -> FactTable:
    columns = warehouse.describe(relation)
    types = {column.name: column.plain_type for column in columns}
    not_null = frozenset(column.name for column in columns if column.not_null)
    new_numbers, figures = (model.new_numbers, model.figures) if model else ((), ())
    return FactTable(relation, types, not_null, public, new_numbers, figures)


def _copies(
    links: Sequence[Link], models: Mapping[str, Model], tables: Mapping[str, FactTable]
) -> Iterator[Across]:
    """Return columns of rows that may be those of their parents, or of these rows' parents."""
    for blank, single in ways_up(links):
        yield from _pairs(blank, models, tables, single=single)


def _late_copies(
    models: Mapping[str, Model], tables: Mapping[str, FactTable], earlier_facts: Sequence[Across]
) -> list[Across]:
    """Return columns that nothing else decides, and that may be those of the row which a late key names.

    What that row has from this one, such as the key by which it refers back, is no copy.
    """
    decided_columns = {(fact.model, fact.column) for fact in earlier_facts}
    origins = {(one.other, one.model, one.column) for one in earlier_facts if one.way is Way.COPY}
    origins |= {(key.parent, name, key.column) for name, one in models.items() for key in one.foreign_keys}
    return [
        fact
        for fact in _copies(late_links(models), models, tables)
        if (fact.model, fact.column) not in decided_columns
        and (fact.model, fact.other, fact.source) not in origins
    ]


def _pairs(
    blank: Across, models: Mapping[str, Model], tables: Mapping[str, FactTable], *, single: bool
) -> Iterator[Across]:
    """Return the copy for all pairs of columns of one type, but not for keys of rows."""
    model = models[blank.model]
    excluded_columns = {blank.own, *(name for name in user_columns(model))}
    for column, kind in tables[blank.model].types.items():
        if column in excluded_columns or (is_key(model, column) and not single):
            continue
        for source, other in tables[blank.other].types.items():
            is_same = (blank.model, column) == (blank.other, source)  # see `synth.twins.kinship`
            is_alike = family_of(kind) is not None and family_of(kind) == family_of(other)
            if source != blank.key and not is_same and is_alike:
                yield replace(blank, column=column, source=source)


def _aggregates(
    links: Sequence[Link],
    models: Mapping[str, Model],
    tables: Mapping[str, FactTable],
    copies: Sequence[Across],
) -> Iterator[Across]:
    """Return columns of parents that may be counts, sums, and the like of their children."""
    sources = {(fact.model, fact.column): (fact.other, fact.source) for fact in copies}
    for link in links:
        children = tables[link.many].types
        for column, kind in _own_columns(link, models, tables).items():
            if (link.one, column) in sources:
                continue
            blank = Across(link.one, column, Way.COUNT, link.many, "", link.key, link.column)
            numeric = family_of(kind) is NUMBERS
            if numeric:
                yield replace(blank, empty="0")
                yield blank
            if kind == "boolean":
                yield replace(blank, way=Way.SOME, empty="false")
            ways = WAYS_OF_NUMBERS if numeric else (Way.LEAST, Way.MOST) if family_of(kind) is TIMES else ()
            for (source, other), way in product(children.items(), ways):
                itself = sources.get((link.many, source)) == (link.one, column)
                if itself or source == link.column or family_of(other) is not family_of(kind):
                    continue
                if numeric:
                    yield replace(blank, way=way, source=source, empty="0")
                yield replace(blank, way=way, source=source)


def _own_columns(link: Link, models: Mapping[str, Model], tables: Mapping[str, FactTable]) -> dict[str, str]:
    """Return the types of columns of a parent that its children may decide; of a copy, its figures."""
    model, table = models.get(link.one), tables[link.one]
    if link.single or model is None:
        return {}
    columns = {*table.figures} if link.public else {*table.types}
    columns -= keys_of(model) | user_columns(model)
    return {name: kind for name, kind in table.types.items() if name in columns}


def _lookups(
    links: Sequence[Link],
    models: Mapping[str, Model],
    tables: Mapping[str, FactTable],
    earlier_facts: Sequence[Across],
) -> Iterator[Across]:
    """Return columns that the SQL computes of the row and of its parent, or of that one's parent."""
    for way_up, _ in ways_up(links):
        yield from _by_sql(replace(way_up, way=Way.FORMULA), models, tables, earlier_facts, by="")


def _totals(
    links: Sequence[Link],
    models: Mapping[str, Model],
    tables: Mapping[str, FactTable],
    earlier_facts: Sequence[Across],
) -> Iterator[Across]:
    """Return columns that the SQL computes of aggregates of the rows that refer to the row."""
    for link in links:
        own = _own_columns(link, models, tables)
        if not own:
            continue
        blank = Across(link.one, "", Way.TOTAL, link.many, "", link.key, link.column)
        every = _by_sql(blank, models, tables, earlier_facts, by=link.column)
        for fact in (one for one in every if one.column in own):
            kind = tables[fact.model].types[fact.column]
            empty = "false" if kind == "boolean" else "0" if family_of(kind) is NUMBERS else ""
            yield from (replace(fact, empty=some) for some in dict.fromkeys((empty, "")))


def _by_sql(
    blank: Across,
    models: Mapping[str, Model],
    tables: Mapping[str, FactTable],
    earlier_facts: Sequence[Across],
    *,
    by: str,
) -> Iterator[Across]:
    """Yield a blank fact for each column that SQL computes so, and no other fact or user decides.

    Rows of the other table are grouped `by` a column; "" stands for the one row that belongs to each.
    """
    decided_columns = {(fact.model, fact.column) for fact in earlier_facts}
    model, places = models[blank.model], _places(blank.other, models, tables)
    excluded_columns = {*user_columns(model), *keys_of(model)}
    for one in model.lookups:
        is_open = one.column not in excluded_columns and (blank.model, one.column) not in decided_columns
        is_by = holds_values_of(by, one.by, blank.other, models) if by else not one.by
        if is_open and is_by and {*one.roots} <= {*places}:
            names = tuple(places[root] for root in one.roots)
            sorts = tuple(places[root] for root in one.sorts)
            yield replace(
                blank,
                column=one.column,
                source=one.over(names),
                order=names,
                beside=one.own,
                sorts=sorts,
            )


def _places(name: str, models: Mapping[str, Model], tables: Mapping[str, FactTable]) -> dict[str, str]:
    """Return the columns of a relation by where their values arise."""
    derivations = models[name].derivations if name in models else {}
    copies = {one.root: column for column, one in derivations.items() if one.way is Way.COPY}
    return copies | {f"{name}.{column}": column for column in tables[name].types}


def _firsts(
    links: Sequence[Link],
    models: Mapping[str, Model],
    tables: Mapping[str, FactTable],
    earlier_facts: Sequence[Across],
) -> Iterator[Across]:
    """Return columns of parents that may be what the first or last of their children has."""
    derived_columns = {(fact.model, fact.column) for fact in earlier_facts}
    for link in links:
        own = {one: kind for one, kind in _own_columns(link, models, tables).items() if family_of(kind)}
        children = tables[link.many].types
        times = [name for name, kind in children.items() if family_of(kind) is TIMES]
        for (column, kind), (source, other) in product(own.items(), children.items()):
            places = {(link.one, column), (link.many, source)}
            if family_of(kind) != family_of(other) or source == link.column or places & derived_columns:
                continue
            for time, way in product(times, (Way.FIRST, Way.LAST)):
                if source != time:
                    order = tuple(dict.fromkeys((time, *models[link.many].primary_key)))
                    yield Across(link.one, column, way, link.many, source, link.key, link.column, order=order)
