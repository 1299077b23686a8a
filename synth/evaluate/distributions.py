"""How a column is distributed, in cells that may be shown: each stands for at least ten people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.api import types

from synth.domain.figures import Cell, Distribution
from synth.evaluate.grids import format_number, line

if TYPE_CHECKING:
    from synth.evaluate.tables import Codes, Floats, Keys, TableColumn, Tables

MOST_LABELS = 15
LONGEST_LABEL = 80  # letters
OTHERS = "all others"
NULL = "NULL"
NOWHERE = -1


@dataclass(frozen=True, slots=True)
class People:
    """Whom each training row is about, as numbers from 0 on, and how many people a cell must stand for."""

    codes: Codes
    count: int
    fewest: int

    @classmethod
    def of(cls, entities: Codes, fewest: int) -> People:
        """Return these people, numbered without holes."""
        unit_ids, codes = np.unique(entities, return_inverse=True)
        return cls(codes, len(unit_ids), fewest)

    def holder_counts(self, cells: Codes, size: int) -> Codes:
        """Return how many different people each of `size` cells holds; rows that are nowhere do not count."""
        inside = cells != NOWHERE
        pairs = np.unique(cells[inside] * self.count + self.codes[inside])
        holders: Codes = np.bincount(pairs // self.count, minlength=size)
        return holders


@dataclass(frozen=True, slots=True)
class CellPlacement:
    """Which cell every row of the three tables falls into; no labels: nothing may be shown.

    Attributes:
        folded_values: how many different values of too few people are in the cell of all others.
    """

    labels: tuple[str, ...]
    cells: Codes
    folded_values: int = 0


def distribution(
    column: TableColumn, tables: Tables, training: pd.Series[Any], people: People
) -> Distribution:
    """Return the cells of one column, with the share of the rows in each.

    Args:
        column: of the tables; `training` holds its training rows as they are, for what to call the cells.
        tables: the three.
        training: the column's training rows.
        people: whom they are about.
    """
    numeric = column.numbers is not None and not column.boolean
    many = len(np.unique(column.keys[: tables.training])) > MOST_LABELS
    if column.numbers is not None and numeric and many:
        placement = _place_in_ranges(column, column.numbers, tables, _kind(training), people)
    else:
        placement = _place_by_labels(column, tables, training, people)
    placement = _with_null(placement, column, tables, people)
    return Distribution(column.name, numeric, _cells(placement, tables), placement.folded_values)


def _cells(placement: CellPlacement, tables: Tables) -> tuple[Cell, ...]:
    size = len(placement.labels)
    counts = [
        np.bincount(part[part != NOWHERE], minlength=size)
        for part in (placement.cells[: tables.training], placement.cells[tables.real :])
    ]
    real, twin = (count / max(count.sum(), 1) for count in counts)
    return tuple(
        Cell(label, round(float(real[place]), 4), round(float(twin[place]), 4))
        for place, label in enumerate(placement.labels)
    )


def _place_in_ranges(
    column: TableColumn, numbers: Floats, tables: Tables, kind: str, people: People
) -> CellPlacement:
    """Return ranges of a line, each joined to a neighbour until enough people are in it."""
    has_value = ~column.null
    real = np.sort(numbers[: tables.training][has_value[: tables.training]])
    grid = line(real, kind, people.fewest)
    while True:
        cells = np.where(has_value, grid.place(numbers), NOWHERE)
        size = len(grid.cuts) + 1
        few = np.flatnonzero(people.holder_counts(cells[: tables.training], size) < people.fewest)
        if not len(few):
            return CellPlacement(grid.labels(), cells)
        if size == 1:
            return CellPlacement((), np.full_like(cells, NOWHERE))
        grid = grid.without(min(int(few[0]), size - 2))


def _place_by_labels(
    column: TableColumn, tables: Tables, training: pd.Series[Any], people: People
) -> CellPlacement:
    """Return the most frequent labels, and all others together."""
    has_value = ~column.null[: tables.training]
    keys, first, inverse, counts = np.unique(
        column.keys[: tables.training][has_value], return_index=True, return_inverse=True, return_counts=True
    )
    places = np.full(tables.training, NOWHERE)
    places[has_value] = inverse
    holders = people.holder_counts(places, len(keys))
    visible_places = [
        int(place) for place in np.argsort(-counts, kind="stable") if holders[place] >= people.fewest
    ]
    visible_places = visible_places[:MOST_LABELS]

    def others() -> int:
        rest = np.where(np.isin(places, [*visible_places, NOWHERE]), NOWHERE, 0)
        return int(people.holder_counts(rest, 1)[0])

    while visible_places and 0 < others() < people.fewest:
        visible_places.pop()  # else what is left of the whole tells how many the others are
    if not visible_places and others() < people.fewest:
        return CellPlacement((), np.full(len(column.keys), NOWHERE))
    where = np.flatnonzero(has_value)[first]
    if column.numbers is not None:
        visible_places.sort(key=lambda place: float(column.numbers[where[place]]))  # type: ignore[index] # as above
    labels = tuple(_text(training.iloc[where[place]]) for place in visible_places)
    cells = _find_keys(column.keys, keys[visible_places])
    cells[column.null] = NOWHERE
    rest = bool((cells == len(visible_places)).any())
    return CellPlacement((*labels, OTHERS) if rest else labels, cells, int((holders < people.fewest).sum()))


def _with_null(
    placement: CellPlacement, column: TableColumn, tables: Tables, people: People
) -> CellPlacement:
    """Return with a cell for NULL, unless it would stand for too few people; then those rows are left out."""
    null = np.where(column.null, 0, NOWHERE)
    null_holders = int(people.holder_counts(null[: tables.training], 1)[0])
    in_twin_alone = bool(placement.labels) and not null_holders and bool((null[tables.real :] == 0).any())
    if null_holders < people.fewest and not in_twin_alone:
        return placement
    return CellPlacement(
        (*placement.labels, NULL),
        np.where(column.null, len(placement.labels), placement.cells),
        placement.folded_values,
    )


def _find_keys(keys: Keys, targets: Keys) -> Codes:
    """Return the place of each key in `targets`, and after the last place what is not in it."""
    order = np.argsort(targets)
    if not len(order):
        return np.zeros(len(keys), dtype=np.int64)
    near = np.minimum(np.searchsorted(targets[order], keys), len(order) - 1)
    places: Codes = np.where(targets[order][near] == keys, order[near], len(order))
    return places


def _kind(values: pd.Series[Any]) -> str:
    kind = types.infer_dtype(values, skipna=True)
    if kind.startswith("date"):
        return "moment"
    return "span" if kind.startswith("timedelta") else "number"


def _text(value: object) -> str:
    """Return how to write a label; where letters are left out, it says so."""
    match value:
        case bool() | np.bool_():
            return str(bool(value)).lower()
        case pd.Timestamp():
            return str(value).removesuffix(" 00:00:00")
        case int() | float() | np.integer() | np.floating():
            return format_number(float(value))
        case _:
            text = str(value)
    return text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 1]}…"
