"""Events that many people share, such as races, classes or flights: each tells of none of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from synth.domain import MOMENTS, RARE, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pyarrow as pa

    from synth.domain import Column, ForeignKey
    from synth.graph.look import RelationLook
    from synth.warehouse import Warehouse

WRITTEN_KINDS = frozenset({Kind.TEXT, Kind.INTEGER})
YEAR = re.compile(r"(?<![0-9])(?:19|20)[0-9]{2}")
LONGEST = 16  # of the name of a period
NEAR = 1  # years between that of a period by its name, as of a term, and that of its days


def period_columns(columns: Sequence[Column], sample: pa.Table) -> frozenset[str]:
    """Return the columns that name the period of their row: in each row the year of its day, or one beside.

    So are terms (`2024-S1`), quarters, weeks and days (20240131) written, and no number that was dealt out.

    Args:
        columns: of the relation.
        sample: rows of it, with these columns.
    """
    days = [sample.column(one.name).to_pylist() for one in columns if one.kind in MOMENTS]
    years = [{day.year for day in row if day is not None} for row in zip(*days, strict=True)]
    return frozenset(
        one.name
        for one in columns
        if one.kind in WRITTEN_KINDS
        and years
        and all(map(_is_of_years, sample.column(one.name).to_pylist(), years))
    )


def _is_of_years(name: object, years: set[int]) -> bool:
    """Return whether a name says one of these years, or one beside it."""
    match = YEAR.search(str(name)) if name is not None and len(str(name)) <= LONGEST else None
    return match is not None and any(abs(int(match[0]) - year) <= NEAR for year in years)


def sharing_of(
    references: Iterable[tuple[str, ForeignKey]],
    keys: Mapping[str, tuple[ForeignKey, ...]],
    looks: Mapping[str, RelationLook],
    is_about_people: Callable[[RelationLook], bool],
    warehouse: Warehouse,
) -> str:
    """Return who shares each event, in a few words; nothing where fewer than `RARE` people may share one.

    Args:
        references: the tables that refer to the events, with their references.
        keys: the references of each table, by `unique_id`.
        looks: what was seen of each table.
        is_about_people: whether the rows of a table may be people.
        warehouse: where they are.

    Raises:
        WarehouseError: Postgres refused.
    """
    for child, key in references:
        for whom in keys[child]:
            parent = looks.get(whom.parent)
            if parent is None or whom.column == key.column or not is_about_people(parent):
                continue
            spread = warehouse.count_spread(looks[child].relation, key.column, whom.column, RARE - 1)
            if spread is not None and spread.is_all:
                return f"at least {RARE} of {parent.name} in {looks[child].name}"
    return ""
