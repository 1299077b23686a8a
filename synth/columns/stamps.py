"""Codes of a row that say something of it: the year of its day, the maker of its thing."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from synth.columns.beginnings import (
    find_beginnings,
    other_beginnings,
    texts_of_column,
    written_form,
)
from synth.columns.checks import check_of
from synth.columns.pii import IdentifierKind
from synth.columns.textforms import WrittenForm
from synth.domain import MOMENTS, Kind, Role

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from synth.columns.roles import Treatment

SHARE = 0.98  # of the codes that must hold the day
SAMPLE = 1_000  # codes that are looked at first
FORMATS = ("%Y%m%d", "%Y-%m", "%Y%m", "%y%m", "%Y", "%y")
FEWEST_DAYS = 2  # different stamps, of which the commonest may be that of at most so many of the codes
COMMONEST = 0.9
RANDOM = frozenset({IdentifierKind.TOKEN, IdentifierKind.UUID, IdentifierKind.MAC})
MOST_BEGINNINGS = 12  # characters
TRIES = 30  # other ends of a code that is not free


class Stamp(NamedTuple):
    """Where a code holds the day of a column, and how it is written."""

    column: str
    place: int
    form: str

    @property
    def length(self) -> int:
        """How many characters it has."""
        return len(pd.Timestamp(0).strftime(self.form))

    @property
    def end(self) -> int:
        """The place behind it."""
        return self.place + self.length


def with_telling_codes(
    columns: Mapping[str, pa.Array],
    treatments: Sequence[Treatment],
    real: pa.Table,
    existing: pa.Table,
    rng: np.random.Generator,
) -> dict[str, pa.Array]:
    """Return the twin's columns with codes that say of their row what real codes say of theirs.

    Args:
        columns: of the twin.
        treatments: of every column.
        real: the rows that are learned from.
        existing: all real values, none of which may come back.
        rng: the source of chance.
    """
    twin_columns = dict(columns)
    dates = {one.column.name: one for one in treatments if _is_day(one) and one.column.name in columns}
    days = pa.table({day: _moments(one, real.column(day)) for day, one in dates.items()})
    labels = [one.column.name for one in treatments if one.role is Role.CATEGORY]
    labels = [name for name in labels if name in columns]
    fixed_columns = {one.parent.parent_column for one in treatments if one.to_itself and one.parent}
    for one in treatments:
        name = one.column.name
        if name in fixed_columns or name not in columns or not _is_code(one):
            continue
        values, texts = real.column(name), columns[name]
        is_own = _differ(values)
        stamp = _find_stamp(values, days) if is_own else None
        if stamp is not None:
            texts = _with_stamp(texts, _moments(dates[stamp.column], columns[stamp.column]), stamp)
        beginnings = None if stamp else find_beginnings(real, name, labels, MOST_BEGINNINGS)
        if beginnings is not None and (is_own or beginnings.are_certain):  # rows of one code keep one
            texts = other_beginnings(texts, columns[beginnings.column], beginnings, rng)
        if texts is not columns[name]:
            begin = stamp.end if stamp else beginnings.length if beginnings else 0
            codes = _NewCodes(values, existing.column(name), begin, rng)
            put_right = codes.apart if is_own else partial(_each_once, codes)
            twin_columns[name] = put_right(texts, columns[name])
    return twin_columns


def _each_once(codes: _NewCodes, texts: pa.Array, before: pa.Array) -> pa.Array:
    """Return the codes put right, those that several rows have alike."""
    numbers = pd.Series(pd.factorize(texts_of_column(texts))[0])
    first = np.flatnonzero((~numbers.duplicated() & (numbers >= 0)).to_numpy(bool))
    new = codes.apart(texts.take(pa.array(first)), before.take(pa.array(first)))
    return new.take(pa.array(numbers.mask(numbers < 0), pa.int64(), from_pandas=True))


def _differ(values: pa.ChunkedArray) -> bool:
    """Return whether no two rows have one code."""
    return bool(len(values.drop_null().unique()) == len(values) - values.null_count)


def _is_day(one: Treatment) -> bool:
    return one.column.kind in MOMENTS or (isinstance(one.form, WrittenForm) and one.form.is_date)


def _moments(one: Treatment, values: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Return days as moments, also those that are written as text."""
    return pa.array(one.form.read(values)) if isinstance(one.form, WrittenForm) else values


def _is_code(one: Treatment) -> bool:
    """Return whether a column is of the table's own codes, and not of random characters."""
    is_code = one.role in {Role.KEY, Role.NATURAL_KEY} and one.parent is None and one.shared is None
    return is_code and one.column.kind is Kind.TEXT and one.what not in RANDOM


def _find_stamp(codes: pa.ChunkedArray, days: pa.Table) -> Stamp | None:
    """Return which day of the row nearly all codes hold, the longest way of writing it first."""
    texts = texts_of_column(codes)
    shortest = int(texts.str.len().min()) if texts.notna().any() else 0
    for form in FORMATS:
        for name in days.column_names:
            moments = pd.Series(pd.to_datetime(days.column(name).to_pandas(), errors="coerce", utc=True))
            both = (texts.notna() & moments.notna()).to_numpy(bool)
            stamps, some_texts = moments[both].dt.strftime(form), texts[both]
            if stamps.nunique() < FEWEST_DAYS or stamps.value_counts(normalize=True).iloc[0] > COMMONEST:
                continue
            length = len(stamps.iloc[0])
            for place in range(shortest - length + 1):
                parts = some_texts.str[place : place + length]
                head = slice(0, SAMPLE)
                is_alike = (parts[head].to_numpy() == stamps[head].to_numpy()).mean() >= SHARE
                if is_alike and (parts.to_numpy() == stamps.to_numpy()).mean() >= SHARE:
                    return Stamp(name, place, form)
    return None


def _with_stamp(codes: pa.Array, days: pa.Array, stamp: Stamp) -> pa.Array:
    texts = texts_of_column(codes)
    moments = pd.Series(pd.to_datetime(days.to_pandas(), errors="coerce", utc=True))
    stamps = moments.dt.strftime(stamp.form)
    new_texts = texts.str[: stamp.place] + stamps + texts.str[stamp.end :]
    return pa.array(new_texts.where(new_texts.notna(), texts).where(texts.notna(), None), codes.type)


class _NewCodes:
    """Puts the ends of codes right: none is real, none is that of another row, and all pass their check."""

    def __init__(
        self, real: pa.ChunkedArray, existing: pa.ChunkedArray, begin: int, rng: np.random.Generator
    ) -> None:
        self._check = check_of(real.drop_null().to_pylist())
        self._known_codes = {*texts_of_column(existing).dropna()}
        self._begin, self._rng = begin, rng

    def apart(self, codes: pa.Array, before: pa.Array) -> pa.Array:
        """Return the codes, of which some have the end of another; as before where none is free."""
        known_codes = self._known_codes | {*texts_of_column(before).dropna()}
        ends: dict[str, list[str]] = defaultdict(list)  # by how the codes that they are of begin
        for text in codes.drop_null().to_pylist():
            ends[written_form(text[: self._begin])].append(text[self._begin :])
        new_texts: list[str | None] = []
        for text, old in zip(codes.to_pylist(), before.to_pylist(), strict=True):
            new = None if text is None else self._free(text, ends, known_codes, old)
            known_codes |= {new} if new else set()
            new_texts.append(new)
        return pa.array(new_texts, codes.type)

    def _free(self, text: str, ends: Mapping[str, Sequence[str]], known_codes: set[str], old: str) -> str:
        for _ in range(TRIES):
            new = text if self._check is None else self._check.put_right(text)
            if new and (new == old or new not in known_codes):
                return new
            begin = text[: self._begin]
            text = begin + self._rng.choice(ends[written_form(begin)])
        return old
