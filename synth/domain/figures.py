"""The figures of a report: shares and curves that are safe to show, whatever the rows behind them.

No figure holds a value that fewer than ten people have, nor a count of fewer than ten real rows.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cell:
    """A range of numbers, a label, or what is folded together, and which shares of the rows fall into it.

    Attributes:
        label: what to call it; a range's ends are round numbers, or moments of the calendar.
        training: share of the training rows, 0 to 1; `synthetic` of the twin's rows.
    """

    label: str
    training: float
    synthetic: float


@dataclass(frozen=True, slots=True)
class Distribution:
    """How one column is distributed in the training rows and in the twin.

    Attributes:
        numeric: whether the cells lie on a line, in their order; labels come most frequent first.
        folded: how many different labels or numbers of fewer than ten people lie in the cell of all others.
    """

    name: str
    numeric: bool
    cells: tuple[Cell, ...]
    folded: int = 0


@dataclass(frozen=True, slots=True)
class Associations:
    """How strongly columns hang together, pair by pair, in the training rows and in the twin.

    Attributes:
        columns: those that are shown; `of` is how many there are.
        training: the lower triangle: row `i` holds the association of columns `i` and 0 … i-1, each 0 to 1.
        synthetic: likewise, of the twin.
    """

    columns: tuple[str, ...]
    of: int
    training: tuple[tuple[float, ...], ...]
    synthetic: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Roc:
    """How well the distance to the twin tells training rows from unseen ones.

    Attributes:
        false_positives: shares of the unseen rows, rising; none stands for fewer than ten rows.
        true_positives: which share of the training rows an attacker finds at each.
        auc: the area below the curve; .5 is guessing.
        training: how many training rows were asked; `holdout` likewise.
    """

    false_positives: tuple[float, ...]
    true_positives: tuple[float, ...]
    auc: float
    training: int
    holdout: int


@dataclass(frozen=True, slots=True)
class Distances:
    """How far the twin's rows are from their nearest training row, and from their nearest unseen row.

    Attributes:
        distance: rising; 0 is an equal row, 1 one label that differs or the whole length of one number.
        to_training: share of the twin's rows that are at most so far; `to_holdout` likewise, among as many.
        rows: how many rows of the twin were asked; `targets` how many of each table they were held against.
    """

    distance: tuple[float, ...]
    to_training: tuple[float, ...]
    to_holdout: tuple[float, ...]
    rows: int
    targets: int


@dataclass(frozen=True, slots=True)
class Portrait:
    """What the pictures of a report need.

    Attributes:
        missing: pictures that could not be drawn, in words.
    """

    distributions: tuple[Distribution, ...] = ()
    associations: Associations | None = None
    roc: Roc | None = None
    distances: Distances | None = None
    missing: tuple[str, ...] = ()
