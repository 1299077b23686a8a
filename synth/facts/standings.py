"""Numbers that say how things stand: points of the season so far, what an account has seen, places in a race.

A sum so far is of rows of another model that belong to the same owner and are not later. Of an owner there is
one for each day, or for each row of a third model to which both refer and that says when rows are. A rank is
a place among the rows of one key.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from synth.domain import RARE, Across, SharedTime, Way
from synth.facts.comparable import NUMBERS, TIMES, family_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from synth.domain import Model
    from synth.facts.row_links import Link
    from synth.facts.search import FactSearch
    from synth.warehouse.across import FactTable

WHOLE = frozenset({"smallint", "integer", "bigint"})
MOST_LABELS = 30  # of a column whose rows are counted apart
LABELS = frozenset({*WHOLE, "text", "character varying", "character", "boolean"})


def standing_facts(
    links: Sequence[Link],
    models: Mapping[str, Model],
    search: FactSearch,
    open_columns: Mapping[str, Collection[str]],
) -> list[Across]:
    """Return the sums so far and the ranks that all real rows keep.

    Args:
        links: which rows refer to which.
        models: of the run, by `unique_id`.
        search: asks Postgres.
        open_columns: of each model, those that nothing else decides.
    """
    tables = search.tables
    whose = [link for link in links if _says_whose(link, models)]
    every = [blank for own, other in product(whose, whose) for blank in _blanks(own, other, links, tables)]
    places = {(blank.model, blank.own, blank.at.own) for blank in every if blank.at}
    repeated_places = {one for one in places if search.snapshot.repeats(tables[one[0]], one[1:])}
    blanks = [one for one in every if one.at and (one.model, one.own, one.at.own) not in repeated_places]
    sums = search.certain_facts(_sums(blanks, tables, open_columns))
    decided_columns = {(fact.model, fact.column) for fact in sums}
    ways = {(fact.model, fact.other, fact.own, fact.key): fact for fact in reversed(sums)}
    sums += search.certain_facts(
        replace(fact, column=column, source="", such=such)
        for fact in ways.values()
        for such in _labels(fact, search)
        for column in _numbers(fact.model, tables, open_columns)
        if (fact.model, column) not in decided_columns
    )
    decided_columns |= {(fact.model, fact.column) for fact in sums}
    still_open = {
        name: {column for column in columns if (name, column) not in decided_columns}
        for name, columns in open_columns.items()
    }
    return sums + _ranks(models, search, still_open)


def _says_whose(link: Link, models: Mapping[str, Model]) -> bool:
    """Return whether rows are about whom they refer to by a link."""
    ownership = models[link.many].ownership
    return ownership is not None and ownership.column == link.column


def _blanks(
    own: Link, other: Link, links: Sequence[Link], tables: Mapping[str, FactTable]
) -> Iterator[Across]:
    """Yield sums of nothing yet, of the rows of one owner, for all that may say when rows are."""
    if own.many == other.many or (own.one, own.key) != (other.one, other.key) or own.single or own.public:
        return
    for at in _times(own, other, links, tables):
        yield Across(own.many, "", Way.SO_FAR, other.many, "", own.column, other.column, empty="0", at=at)


def _times(
    own: Link, other: Link, links: Sequence[Link], tables: Mapping[str, FactTable]
) -> Iterator[SharedTime]:
    for ours, theirs in product(links, links):
        if (ours.many, theirs.many) != (own.many, other.many) or own.one in {ours.one, theirs.one}:
            continue
        if (ours.one, ours.key) == (theirs.one, theirs.key):
            types = tables[ours.one].types
            periods = [name for name, kind in types.items() if _is_label(kind) and name != ours.key]
            for time, period in product(_times_of(types), ["", *periods]):
                yield SharedTime(ours.column, theirs.column, ours.one, ours.key, time, period)
    own_types, other_types = tables[own.many].types, tables[other.many].types
    days = [name for name, kind in own_types.items() if kind == "date"]
    for column, source in product(days, _times_of(other_types)):
        yield SharedTime(column, source)


def _times_of(types: Mapping[str, str]) -> list[str]:
    return [name for name, kind in types.items() if family_of(kind) is TIMES]


def _is_label(kind: str) -> bool:
    return kind.partition("(")[0].strip() in LABELS


def _numbers(
    name: str, tables: Mapping[str, FactTable], open_columns: Mapping[str, Collection[str]]
) -> list[str]:
    kinds = tables[name].types
    return [
        one for one, kind in kinds.items() if family_of(kind) is NUMBERS and one in open_columns.get(name, ())
    ]


def _sums(
    blanks: Sequence[Across], tables: Mapping[str, FactTable], open_columns: Mapping[str, Collection[str]]
) -> Iterator[Across]:
    for blank in blanks:
        types = tables[blank.other].types
        sources = [name for name, kind in types.items() if family_of(kind) is NUMBERS and name != blank.key]
        for column, source in product(_numbers(blank.model, tables, open_columns), ["", *sources]):
            yield replace(blank, column=column, source=source)


def _labels(fact: Across, search: FactSearch) -> Iterator[tuple[str, str]]:
    """Yield the columns of the other model, and labels of theirs, whose rows may be counted apart."""
    table = search.tables[fact.other]
    for source, kind in table.types.items():
        if _is_label(kind) and source != fact.key:
            labels = search.snapshot.labels(table, source, fewest=RARE, most=MOST_LABELS + 1)
            yield from ((source, label) for label in labels if len(labels) <= MOST_LABELS)


def _ranks(
    models: Mapping[str, Model], search: FactSearch, open_columns: Mapping[str, Collection[str]]
) -> list[Across]:
    """Return which numbers are places among rows of one key; what ties alone explain is none."""
    candidates: list[Across] = []
    for name, model in models.items():
        numbers = _numbers(name, search.tables, open_columns)
        whole = [one for one in numbers if search.tables[name].types[one] in WHOLE]
        sources = [one for one, kind in search.tables[name].types.items() if family_of(kind) is NUMBERS]
        keys = {key.column for key in model.foreign_keys}
        if not whole or model.reference:
            continue
        for own in sorted(keys):
            places = search.snapshot.counting(search.tables[name], own, whole)
            for column, source, falls in product(places, sources, (True, False)):
                if source not in {column, *keys, *model.primary_key}:
                    blank = Across(name, column, Way.RANK, name, source, own, own)
                    candidates.append(replace(blank, falls=falls))
    every = search.snapshot.holding(candidates, search.tables) if candidates else []
    # Prizes by place are a matter of the row, and so is a place that another column repeats.
    open_ranks = [fact for fact in every if not _is_of_row(fact, search)]
    ranks = search.certain_facts(open_ranks)
    if not ranks:
        return []
    flat = search.snapshot.holding([replace(fact, falls=not fact.falls) for fact in ranks], search.tables)
    tied = {replace(fact, falls=not fact.falls) for fact in flat}
    return [fact for fact in ranks if fact not in tied]


def _is_of_row(fact: Across, search: FactSearch) -> bool:
    table = search.tables[fact.model]
    others = [one for one, kind in table.types.items() if kind in WHOLE and one != fact.column]
    return search.snapshot.is_of_row(fact, table, others)
