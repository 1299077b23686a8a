"""How a column is distributed, in cells that may be shown: each stands for at least ten people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.api import types

from synth.domain.figures import Cell, Distribution
from synth.evaluate.grids import line, written

if TYPE_CHECKING:
    from synth.evaluate.tables import Codes, Column, Floats, Keys, Tables

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
        """These people, numbered without holes."""
        found, codes = np.unique(entities, return_inverse=True)
        return cls(codes, len(found), fewest)

    def holding(self, cells: Codes, size: int) -> Codes:
        """How many different people each of `size` cells holds; rows that are nowhere do not count."""
        inside = cells != NOWHERE
        pairs = np.unique(cells[inside] * self.count + self.codes[inside])
        held: Codes = np.bincount(pairs // self.count, minlength=size)
        return held


@dataclass(frozen=True, slots=True)
class Placed:
    """Which cell every row of the three tables falls into; no labels: nothing may be shown.

    Attributes:
        folded: how many different values of too few people are in the cell of all others.
    """

    labels: tuple[str, ...]
    cells: Codes
    folded: int = 0


def distribution(column: Column, tables: Tables, training: pd.Series[Any], people: People) -> Distribution:
    """The cells of one column, with the share of the rows in each.

    Args:
        column: of the tables; `training` holds its training rows as they are, for what to call the cells.
        tables: the three.
        training: the column's training rows.
        people: whom they are about.
    """
    numeric = column.numbers is not None and not column.boolean
    many = len(np.unique(column.keys[: tables.training])) > MOST_LABELS
    if column.numbers is not None and numeric and many:
        placed = _ranged(column, column.numbers, tables, _kind(training), people)
    else:
        placed = _labelled(column, tables, training, people)
    placed = _with_null(placed, column, tables, people)
    return Distribution(column.name, numeric, _cells(placed, tables), placed.folded)


def _cells(placed: Placed, tables: Tables) -> tuple[Cell, ...]:
    size = len(placed.labels)
    counts = [
        np.bincount(part[part != NOWHERE], minlength=size)
        for part in (placed.cells[: tables.training], placed.cells[tables.real :])
    ]
    real, twin = (count / max(count.sum(), 1) for count in counts)
    return tuple(
        Cell(label, round(float(real[place]), 4), round(float(twin[place]), 4))
        for place, label in enumerate(placed.labels)
    )


def _ranged(column: Column, numbers: Floats, tables: Tables, kind: str, people: People) -> Placed:
    """Ranges of a line, each joined to a neighbour until enough people are in it."""
    known = ~column.null
    real = np.sort(numbers[: tables.training][known[: tables.training]])
    grid = line(real, kind, people.fewest)
    while True:
        cells = np.where(known, grid.place(numbers), NOWHERE)
        size = len(grid.cuts) + 1
        few = np.flatnonzero(people.holding(cells[: tables.training], size) < people.fewest)
        if not len(few):
            return Placed(grid.labels(), cells)
        if size == 1:
            return Placed((), np.full_like(cells, NOWHERE))
        grid = grid.without(min(int(few[0]), size - 2))


def _labelled(column: Column, tables: Tables, training: pd.Series[Any], people: People) -> Placed:
    """The most frequent labels, and all others together."""
    known = ~column.null[: tables.training]
    keys, first, inverse, counts = np.unique(
        column.keys[: tables.training][known], return_index=True, return_inverse=True, return_counts=True
    )
    places = np.full(tables.training, NOWHERE)
    places[known] = inverse
    held = people.holding(places, len(keys))
    shown = [int(place) for place in np.argsort(-counts, kind="stable") if held[place] >= people.fewest]
    shown = shown[:MOST_LABELS]

    def others() -> int:
        rest = np.where(np.isin(places, [*shown, NOWHERE]), NOWHERE, 0)
        return int(people.holding(rest, 1)[0])

    while shown and 0 < others() < people.fewest:
        shown.pop()  # else what is left of the whole tells how many the others are
    if not shown and others() < people.fewest:
        return Placed((), np.full(len(column.keys), NOWHERE))
    where = np.flatnonzero(known)[first]
    if column.numbers is not None:
        shown.sort(key=lambda place: float(column.numbers[where[place]]))  # type: ignore[index] # as above
    labels = tuple(_text(training.iloc[where[place]]) for place in shown)
    cells = _found(column.keys, keys[shown])
    cells[column.null] = NOWHERE
    rest = bool((cells == len(shown)).any())
    return Placed((*labels, OTHERS) if rest else labels, cells, int((held < people.fewest).sum()))


def _with_null(placed: Placed, column: Column, tables: Tables, people: People) -> Placed:
    """With a cell for NULL, unless it would stand for too few people; then those rows are left out."""
    null = np.where(column.null, 0, NOWHERE)
    held = int(people.holding(null[: tables.training], 1)[0])
    in_twin_alone = bool(placed.labels) and not held and bool((null[tables.real :] == 0).any())
    if held < people.fewest and not in_twin_alone:
        return placed
    return Placed(
        (*placed.labels, NULL), np.where(column.null, len(placed.labels), placed.cells), placed.folded
    )


def _found(keys: Keys, wanted: Keys) -> Codes:
    """The place of each key in `wanted`, and after the last place what is not in it."""
    order = np.argsort(wanted)
    if not len(order):
        return np.zeros(len(keys), dtype=np.int64)
    near = np.minimum(np.searchsorted(wanted[order], keys), len(order) - 1)
    found: Codes = np.where(wanted[order][near] == keys, order[near], len(order))
    return found


def _kind(values: pd.Series[Any]) -> str:
    kind = types.infer_dtype(values, skipna=True)
    if kind.startswith("date"):
        return "moment"
    return "span" if kind.startswith("timedelta") else "number"


def _text(value: object) -> str:
    """How to write a label; where letters are left out, it says so."""
    match value:
        case bool() | np.bool_():
            return str(bool(value)).lower()
        case pd.Timestamp():
            return str(value).removesuffix(" 00:00:00")
        case int() | float() | np.integer() | np.floating():
            return written(float(value))
        case _:
            text = str(value)
    return text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 1]}…"
