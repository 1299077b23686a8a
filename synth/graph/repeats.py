"""Whom rows are about where no name says so: what repeats, and what stays the same wherever it does.

A salary slip holds a number of the employee, whatever the column is called, and beside it the salary and the
day of birth, the same ones every month. Without the number, salary and birthday still repeat together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from synth.columns.forms import form_of
from synth.columns.measures import LONG, is_measure, lie_evenly, whole_numbers
from synth.columns.pii import IdentifierKind
from synth.columns.textevidence import text_form
from synth.domain import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

    from synth.domain import Column, Model
    from synth.graph.look import RelationLook
    from synth.warehouse import Warehouse
    from synth.warehouse.values import ValueCounts

FEWEST = 20  # entities; fewer cannot be split
OFTEN = 2  # rows that a value has on average
MOST_COLUMNS = 16  # that are compared with each other: those of the most values
MOST_ROWS = 100_000  # that are read
MANY = 100  # different short numbers from which they may stand for people; shops and machines are fewer
NEARLY = 0.5  # share of the values of one column that another one has, if each stands for one of them
IN_ORDER = 0.99  # rank correlation of what is computed from each other, as a month from its first day
SPARSE = log(1_000)  # ways to write a code for each one that there is, from which they tell people apart
DIGITS = 4  # of codes that count people; those of kinds of things have fewer
GAPS = 50  # whole numbers for each one that there is, from which measures would hardly repeat
ROUND = 0.3  # share of numbers that end alike, from which they are rounded
GROUP = 20  # different numbers of a stretch whose places are counted
FULL = 0.8  # share of the different numbers to be expected that there are, where nothing dealt them out
MOST_WORDS = 0.8  # share of texts that must be words which name no people
_THING = re.compile(r"(?=.* [^\W\dA-Z_]{3})[^\W\d_][^\d_@/\\:;|<>=+*%$#!?\[\]{}]*")  # `Wheat and meslin`
NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT})
DAYS = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})
COMPARED = NUMBERS | DAYS | {Kind.TEXT, Kind.UUID}
DENSE = 3  # days for each one that there is; a calendar has fewer, people's days more
# Types without a kind of their own that Postgres can compare; `json`, `xml` and `point` it cannot.
COMPARABLE = re.compile(
    r"(jsonb|inet|cidr|macaddr8?|bytea|text|character varying|uuid|integer|bigint|date|\w+range)(\[\])?"
)
DEVICES = frozenset({"inet", "macaddr", "macaddr8"})
# What somebody has alone, or nearly so, wherever it is written.
OWN = frozenset(
    {
        *(
            IdentifierKind.PHONE,
            IdentifierKind.CARD,
            IdentifierKind.IBAN,
            IdentifierKind.IP,
            IdentifierKind.MAC,
        ),
        *(IdentifierKind.LOGIN, IdentifierKind.STREET),
    }
)
PLACES = frozenset({IdentifierKind.CITY, IdentifierKind.POSTCODE, IdentifierKind.COORDINATES})


@dataclass(frozen=True, slots=True)
class Repetition:
    """A column by which rows belong together.

    Attributes:
        column: its name.
        entities: how many different values it has.
        companions: columns that hold another value for nearly each of them, and always the same.
        complete: whether every row has a value.
        is_key: whether it is made of what keys are made of, so that its values may be dealt out anew.
    """

    column: str
    entities: int
    companions: tuple[str, ...]
    complete: bool
    is_key: bool

    @property
    def evidence(self) -> str:
        """Why, as the end of a sentence."""
        if not self.companions:
            return f"{self.column} holds numbers or codes that were dealt out, and they repeat"
        verb = "is" if len(self.companions) == 1 else "are"
        return f"wherever {self.column} is the same, so {verb} {' and '.join(self.companions[:2])}"


def find_repetition(look: RelationLook, model: Model, warehouse: Warehouse) -> Repetition | None:
    """Return the column whose values stand for whom the rows are about; None where nothing shows one.

    Raises:
        WarehouseError: Postgres refused.
    """
    others = [
        column
        for column in look.columns.values()
        if _is_compared(column) and column.name not in look.counts and column.name not in model.roles
    ]
    counts = {**look.counts, **(warehouse.counts(look.relation, others) or {})}
    names = [
        name
        for name, one in counts.items()
        if name not in model.roles and one.different >= FEWEST and one.different * OFTEN <= one.present
    ]
    names = sorted(names, key=lambda name: (-counts[name].different, name))[:MOST_COLUMNS]
    if not names:
        return None
    columns = [look.columns[name] for name in names]
    rows = warehouse.sample(look.relation, columns, MOST_ROWS).rename_columns(names)
    hints = {**look.personal, **look.leading}
    return choose_repetition(
        {one.name: one for one in columns},
        rows,
        counts,
        model.vocabulary,
        places=frozenset(name for name, what in hints.items() if what in PLACES),
        own=frozenset(name for name, what in hints.items() if what in OWN),
    )


def _is_compared(column: Column) -> bool:
    return column.kind in COMPARED or (
        column.kind is Kind.OPAQUE and COMPARABLE.fullmatch(column.data_type) is not None
    )


def choose_repetition(
    columns: Mapping[str, Column],
    rows: pa.Table,
    counts: Mapping[str, ValueCounts],
    vocabulary: frozenset[str] = frozenset(),
    *,
    places: frozenset[str] = frozenset(),
    own: frozenset[str] = frozenset(),
) -> Repetition | None:
    """Return the surest of the columns whose values may stand for whom the rows are about.

    Args:
        columns: by name, those of the most values first.
        rows: with these columns.
        counts: of all rows.
        vocabulary: the project's words.
        places: columns that say where something is, which many people share.
        own: columns that hold what somebody has alone.
    """
    frame = rows.to_pandas()
    columns = {name: one for name, one in columns.items() if not _is_calendar(one, frame[name])}
    keys = [name for name in columns if name not in places and _may_be_key(columns[name], rows, vocabulary)]
    for is_key, candidates in ((True, keys), (False, [*columns])):
        for name in candidates:
            companions = _companions(name, columns, frame, counts)
            if is_key:
                many = counts[name].different >= MANY
                stands = _tells_apart(columns[name], rows) or (
                    bool(companions) and (many or _is_long(columns[name], rows))
                )
                stands = (
                    stands or (many and is_dealt_out(whole_numbers(columns[name], rows.column(name))))
                ) and not (_names_things(name, columns, frame, counts))
            else:
                kinds = {columns[one].kind for one in (name, *companions)}
                stands = name in own or (name not in places and _is_somebody_s(columns[name], rows, kinds))
            if stands:
                one = counts[name]
                return Repetition(name, one.different, companions, one.present == one.rows, is_key)
    return None


def _is_somebody_s(column: Column, rows: pa.Table, kinds: set[Kind]) -> bool:
    """Return whether what is no key stands for somebody, by itself or with what repeats beside it.

    Labels of things have prices beside them; people have days and amounts, and documents of their own.
    """
    if column.kind is Kind.OPAQUE:
        return column.data_type in DEVICES or len(kinds) > 1 or _tells_apart(column, rows)
    return len(kinds) > 1 and bool(kinds & (DAYS | {Kind.OPAQUE}))


def _is_calendar(column: Column, values: pd.Series[Any]) -> bool:
    """Return whether there are nearly all the days of a time, which then are nobody's."""
    if column.kind not in DAYS:
        return False
    days = (
        pd.to_datetime(pd.Series(values.dropna().unique()), errors="coerce", utc=True).dropna().dt.floor("D")
    )
    return len(days) > 1 and (days.max() - days.min()).days < DENSE * days.nunique() == DENSE * len(days)


def _may_be_key(column: Column, rows: pa.Table, vocabulary: frozenset[str]) -> bool:
    """Return whether values are made as keys are, and neither measure something nor are dates or words."""
    if column.kind is Kind.UUID:
        return True
    values = rows.column(column.name)
    if column.kind in NUMBERS:
        is_whole = whole_numbers(column, values) is not None
        return is_whole and not is_measure(column.name, vocabulary) and form_of(column, values) is None
    return (
        column.kind is Kind.TEXT
        and _are_codes(values.to_pandas())
        and text_form(column, values.drop_null()) is None
    )


def _are_codes(values: pd.Series[Any]) -> bool:
    """Return whether texts are codes, which have digits and no spaces; those of dates are none."""
    texts = pd.Series(values.dropna().unique())
    is_date = pd.to_datetime(texts.head(FEWEST), errors="coerce", format="mixed").notna().all()
    has_digits = texts.str.contains(r"\d", regex=True).mean() > NEARLY
    return bool(has_digits and not texts.str.contains(r"\s", regex=True).any() and not is_date)


def _is_long(column: Column, rows: pa.Table) -> bool:
    """Return whether there are as many digits as those have that count people."""
    values = rows.column(column.name)
    numbers = whole_numbers(column, values)
    if numbers is not None:
        return bool((np.abs(numbers) >= 10 ** (LONG - 1)).mean() > NEARLY)
    return column.kind is Kind.UUID or _fewest_digits(values.drop_null().unique().to_pylist()) >= DIGITS


def _tells_apart(column: Column, rows: pa.Table) -> bool:
    """Return whether far more values could have been written than are there, and those that are repeat."""
    values = rows.column(column.name)
    if column.kind is Kind.UUID:
        return True
    if column.kind in {Kind.TEXT, Kind.OPAQUE}:
        texts = values.drop_null().unique().to_pylist()
        is_counter = len(texts) >= MANY and _fewest_digits(texts) >= DIGITS
        return is_counter or ways(texts) - log(len(texts)) >= SPARSE
    numbers = whole_numbers(column, values)
    if numbers is None or not len(numbers) or not _is_long(column, rows):
        return False
    different, holders = np.unique(numbers, return_counts=True)
    rounded = np.bincount(np.abs(different) % 10, minlength=10).max() > ROUND * len(different)
    wide = int(different[-1]) - int(different[0]) >= GAPS * len(different)
    return bool(wide and not rounded and (holders >= OFTEN).mean() > 1 - ROUND)


def is_dealt_out(numbers: NDArray[np.int64] | None) -> bool:
    """Return whether numbers repeat as if most of a stretch had not been dealt out, all over it alike.

    What is measured or counted lies closer at some places than at others, and fills what lies between.
    """
    if numbers is None or not len(numbers):
        return False
    different, holders = np.unique(numbers, return_counts=True)
    if len(different) < MANY or int(np.gcd.reduce(np.diff(different))) > 1:
        return False
    groups = np.array_split(np.arange(len(different)), len(different) // GROUP)
    places = np.array([different[group[-1]] - different[group[0]] + 1 for group in groups], float)
    rows = np.array([holders[group].sum() for group in groups], float)
    expected = float((places * -np.expm1(-rows / places)).sum())
    return len(different) < FULL * expected and lie_evenly(different)


def _names_things(
    name: str, columns: Mapping[str, Column], frame: pd.DataFrame, counts: Mapping[str, ValueCounts]
) -> bool:
    """Return whether words beside a code say what it is of, another for nearly each, and name no people."""
    for other, column in columns.items():
        if (
            other == name
            or column.kind is not Kind.TEXT
            or counts[other].different < NEARLY * counts[name].different
        ):
            continue
        pairs = frame[[name, other]].dropna().drop_duplicates()
        texts = pairs[other].unique().tolist()
        if len(pairs) and not pairs[name].duplicated().any() and _share(texts, _THING) >= MOST_WORDS:
            return True
    return False


def _share(texts: list[str], pattern: re.Pattern[str]) -> float:
    return sum(pattern.fullmatch(text) is not None for text in texts) / len(texts)


def _fewest_digits(texts: list[str]) -> int:
    return min((sum(map(str.isdigit, text)) for text in texts), default=0)


def ways(texts: list[str]) -> float:
    """Return the logarithm of the number of texts that have at each place a character of those there are."""
    size = int(np.median([len(text) for text in texts]))
    of_size = [text for text in texts if len(text) == size]
    return float(sum(log(len(set(characters))) for characters in zip(*of_size, strict=True)))


def _companions(
    name: str, columns: Mapping[str, Column], frame: pd.DataFrame, counts: Mapping[str, ValueCounts]
) -> tuple[str, ...]:
    """Return the columns that hold one value for each of a column's, and another one for nearly each.

    Words are none, as things have names, too; nor is what rises with the column, as it is computed from it.
    """
    least = max(FEWEST, NEARLY * counts[name].different)
    companions = []
    for other, column in columns.items():
        if other == name or counts[other].different < least:
            continue
        if column.kind in DAYS and columns[name].kind in DAYS:
            continue
        if column.kind is Kind.TEXT and not _are_codes(frame[other]):
            continue
        pairs = frame[[name, other]].dropna().drop_duplicates()
        if len(pairs) < FEWEST or pairs[name].duplicated().any():
            continue
        if abs(pairs[name].rank().corr(pairs[other].rank())) < IN_ORDER:
            companions.append(other)
    return tuple(companions)
