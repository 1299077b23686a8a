"""Text that says a moment, a time or a number: how it is written, and what it is learned as."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from synth.columns.forms import days_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]
    Ints = NDArray[np.int64]
    Texts = pd.Series[Any]

FIRST, LAST = np.datetime64("0001-01-01", "us"), np.datetime64("9999-12-31T23:59:59.999999", "us")
HOURS = 24  # of a day
SIXTY = 60  # minutes of an hour, seconds of a minute
PLACES = 6  # decimals of a second that a moment has
LONGEST = 4  # digits at the front of a length of time
DATE = re.compile(r"[DM./-]*YYYY[DM./-]*")
TOKEN = re.compile(r"YYYY|MM?|DD?|HH?|SS|f+")
# What the letters of a layout stand for: in dates, and in times.
IN_DATES = {"Y": "year", "M": "month", "D": "day"}
IN_TIMES = {"H": "hour", "M": "minute", "S": "second", "f": "fraction"}


class TextKind(StrEnum):
    """What a text says."""

    MOMENT = "moment"
    SPAN = "time or length of time"
    NUMBER = "number"


class WrittenForm(ABC):
    """How values are written that are learned as something else."""

    __slots__ = ()

    @property
    @abstractmethod
    def is_date(self) -> bool:
        """Whether it is a day of the calendar, perhaps with a time."""

    @property
    @abstractmethod
    def is_number(self) -> bool:
        """Whether it measures something, as amounts and lengths of time do."""

    @abstractmethod
    def read(self, values: pa.ChunkedArray) -> pd.Series[Any]:
        """Return what the values are learned as; NULL for those that are not of this form."""

    @abstractmethod
    def write(self, series: pd.Series[Any]) -> pd.Series[Any]:
        """Return what was learned as values of this form, or the nearest that there is."""


@dataclass(frozen=True, slots=True)
class TextForm(WrittenForm):
    """How a moment, a time or a number is written as text.

    Attributes:
        kind: what the text says.
        layout: how: `DD.MM.YYYY`, `YYYY-MM-DD HH:MM`, `H:MM`, `M:SS.fff`, `0.00`, `1.000,00`.
        before: what stands before it in all rows, such as a currency.
        behind: what stands behind it, such as a zone or a percent sign.
        most: what the front of a time does not reach, such as 24 hours; of a number, its digits before the
            point; 0 where nothing says it.
        has_sign: whether a number may be below 0.
    """

    kind: TextKind
    layout: str
    before: str = ""
    behind: str = ""
    most: int = 0
    has_sign: bool = False

    def __str__(self) -> str:
        """Return the form as people write it down."""
        return f"{self.before}{self.layout}{self.behind}"

    @property
    def is_date(self) -> bool:
        """Whether it is a day of the calendar, perhaps with a time."""
        return self.kind is TextKind.MOMENT

    @property
    def is_number(self) -> bool:
        """Whether it measures something, as amounts and lengths of time do."""
        return self.kind is TextKind.NUMBER or (self.kind is TextKind.SPAN and self.most != HOURS)

    def read(self, values: pa.ChunkedArray) -> pd.Series[Any]:
        """Return moments, whole numbers of the smallest unit of time, or numbers; NULL for other text."""
        codes, different = pd.factorize(pd.Series(values.to_pandas(), dtype=object))
        texts = pd.Series(different, dtype="string")
        series, is_like = (_read_number if self.kind is TextKind.NUMBER else _read_time)(self, texts)
        places: Any = np.where(codes < 0, len(series), codes)  # NULL is behind the last
        result: pd.Series[Any] = series.where(is_like).reindex(places).reset_index(drop=True)
        is_whole = self.kind is TextKind.SPAN and result.notna().all()
        return result.astype("int64") if is_whole else result

    def write(self, series: pd.Series[Any]) -> pd.Series[Any]:
        """Return what was learned as text of this form, or the nearest that there is."""
        is_there = series.notna().to_numpy(bool)
        codes, different = pd.factorize(series[is_there])
        written_texts = (_write_number if self.kind is TextKind.NUMBER else _write_time)(self, different)
        texts = np.full(len(series), None, dtype=object)
        texts[is_there] = np.array(written_texts, dtype=object)[codes]
        return pd.Series(texts, index=series.index, dtype=object)


def _spell(form: TextForm, field: Callable[[str, str, bool], str], literal: Callable[[str], str]) -> str:
    """Return the layout with each of its fields, and what stands between them, as functions say."""
    match = DATE.match(form.layout) if form.is_date else None
    end = match.end() if match else 0
    pieces = [literal(form.before)]
    for text, names in ((form.layout[:end], IN_DATES), (form.layout[end:], IN_TIMES)):
        place = 0
        for token in TOKEN.finditer(text):
            is_front = form.kind is TextKind.SPAN and token.start() == 0
            between = literal(text[place : token.start()])
            pieces += [between, field(token[0], names[token[0][0]], is_front)]
            place = token.end()
        pieces.append(literal(text[place:]))
    return "".join([*pieces, literal(form.behind)])


def _pattern(form: TextForm) -> str:
    """Return the regular expression of moments and times."""

    def field(token: str, name: str, is_front: bool) -> str:
        size = len(token)
        longest = LONGEST if is_front else 2 if size == 1 and name != "fraction" else size
        return rf"(?P<{name}>[0-9]{{{size},{longest}}})"

    return rf"^{_spell(form, field, re.escape)}\Z"


def _template(form: TextForm) -> str:
    """Return the format of Python that writes moments and times."""
    return _spell(
        form, lambda token, name, _: f"{{{name}:0{len(token)}d}}", lambda text: text.replace("{", "{{")
    )


def _read_time(form: TextForm, texts: Texts) -> tuple[pd.Series[Any], Bools]:
    found_parts = texts.str.extract(_pattern(form))
    is_like = found_parts.notna().all(axis=1).to_numpy(bool)
    parts = {str(name): found_parts[name].fillna("0").to_numpy(np.int64) for name in found_parts}
    nothing = np.zeros(len(texts), np.int64)
    hour, minute, second = (parts.get(name, nothing) for name in ("hour", "minute", "second"))
    fraction, digits = parts.get("fraction", nothing), form.layout.count("f")
    is_like = is_like & ((minute < SIXTY) | ("hour" not in parts)) & (second < SIXTY)
    if form.kind is TextKind.SPAN:
        units = hour * SIXTY + minute
        units = units * SIXTY + second if "second" in parts else units
        return pd.Series(units * 10**digits + fraction, dtype="Int64"), is_like
    days, is_day = days_of(parts["year"] * 10_000 + parts["month"] * 100 + parts["day"])
    seconds = (hour * SIXTY + minute) * SIXTY + second
    moments = days.astype("datetime64[us]") + seconds * 10**PLACES + fraction * 10 ** (PLACES - digits)
    return pd.Series(moments), is_like & is_day & (hour < HOURS)


def _write_time(form: TextForm, values: Any) -> list[str]:
    fields = (_fields_of_span if form.kind is TextKind.SPAN else _fields_of_moment)(form, values)
    template, names = _template(form), list(fields)
    rows = zip(*(one.tolist() for one in fields.values()), strict=True)
    return [template.format(**dict(zip(names, row, strict=True))) for row in rows]


def _fields_of_span(form: TextForm, values: Any) -> Mapping[str, Ints]:
    """Return hours, minutes, seconds and what is less, of whole numbers of the smallest unit."""
    scale = 10 ** form.layout.count("f")
    has_seconds, has_hours = "SS" in form.layout, "H" in form.layout
    front = (SIXTY if has_seconds else 1) * (SIXTY if has_hours else 1) * scale
    numbers = np.rint(pd.Series(values).to_numpy("float64")).astype(np.int64)
    highest = (form.most or 10**LONGEST) * front - 1
    numbers = np.clip(numbers, 0, highest)
    rest, fraction = numbers // scale, numbers % scale
    minutes, second = (rest // SIXTY, rest % SIXTY) if has_seconds else (rest, 0 * rest)
    hour, minute = (minutes // SIXTY, minutes % SIXTY) if has_hours else (0 * minutes, minutes)
    return {"hour": hour, "minute": minute, "second": second, "fraction": fraction}


def _fields_of_moment(form: TextForm, values: Any) -> Mapping[str, Ints]:
    """Return years, months, days and so on; what is less than the layout has is cut."""
    moments = np.clip(pd.Series(values).to_numpy("datetime64[us]"), FIRST, LAST)
    days = moments.astype("datetime64[D]")
    months, years = days.astype("datetime64[M]"), days.astype("datetime64[Y]")
    rest = (moments - days).astype(np.int64)
    seconds = rest // 10**PLACES
    return {
        "year": years.astype(np.int64) + 1970,
        "month": (months - years).astype(np.int64) + 1,
        "day": (days - months).astype(np.int64) + 1,
        "hour": seconds // SIXTY**2,
        "minute": seconds // SIXTY % SIXTY,
        "second": seconds % SIXTY,
        "fraction": rest % 10**PLACES // 10 ** (PLACES - form.layout.count("f")),
    }


def _marks(form: TextForm) -> tuple[int, str, str]:
    """Return the decimals of a number, its point, and what stands between its thousands."""
    decimals = len(re.split(r"[.,]", form.layout)[-1])
    return decimals, form.layout[-decimals - 1], form.layout[1] if len(form.layout) > decimals + 2 else ""


def _read_number(form: TextForm, texts: Texts) -> tuple[pd.Series[Any], Bools]:
    decimals, point, group = (re.escape(str(one)) for one in _marks(form))
    whole = rf"[0-9]{{1,3}}(?:{group}[0-9]{{3}})*" if group else "[0-9]+"
    parts = texts.str.extract(
        rf"^(-?){re.escape(form.before)}({whole}){point}([0-9]{{{decimals}}}){re.escape(form.behind)}\Z"
    )
    is_like = parts.notna().all(axis=1).to_numpy(bool)
    plain = parts[0] + parts[1].str.replace(r"\D", "", regex=True) + "." + parts[2]
    return plain.fillna("0").astype("float64"), is_like


def _write_number(form: TextForm, values: Any) -> list[str]:
    decimals, point, group = _marks(form)
    numbers = pd.Series(values).to_numpy("float64")
    if form.most:
        highest = 10.0**form.most - 10.0**-decimals
        numbers = np.clip(numbers, -highest, highest)
    numbers = np.round(numbers if form.has_sign else np.maximum(numbers, 0), decimals) + 0.0
    marks = str.maketrans({",": group, ".": point})
    digits = (f"{abs(number):,.{decimals}f}".translate(marks) for number in numbers.tolist())
    signs = np.where(numbers < 0, "-", "").tolist()
    return [f"{sign}{form.before}{text}{form.behind}" for sign, text in zip(signs, digits, strict=True)]
