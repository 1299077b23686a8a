"""Training rows as a CSV that survives a service which guesses types, and what it returns as exact values.

Rows are encoded in memory only: no real row is written to a disk on its way out.

- Keys never leave. Where rows of an entity belong together, a number says so that means nothing elsewhere,
  and what comes back under its name is not read.
- NULL is an empty field. Labels that a reader might take for something else (`007`, `NA`, the empty string,
  `true`, `2024-01-01`) put a mark before every label of their column.
- Labels that fewer than `RARE` rows hold do not leave: their rows are given a common label of the column.
- What comes back is read as text and cast by the training dtypes. A row with a label that was not sent, a
  NULL where there was none, or anything else that cannot be cast is left out.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import pandas as pd

from synth.backends.reading import Reading
from synth.backends.service import UnreadableError
from synth.domain import RARE
from synth.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from synth.domain import Request

    Values: TypeAlias = pd.Series[Any]
    Mask: TypeAlias = NDArray[np.bool_]

MARK = "v:"
ENTITY = "synth_entity"  # the column of these numbers
EXACT = 2**53  # up to here a service that reads integers as floats reads them exactly
NULL_WORDS = frozenset(
    {"", "na", "n/a", "nan", "null", "none", "nil", "nat", "<na>", "#n/a", "-", "?", "unknown"}
)
TRUE, FALSE = frozenset({"true", "t", "yes", "1", "1.0"}), frozenset({"false", "f", "no", "0", "0.0"})
_WHOLE = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_DATE = re.compile(r"\d{1,4}[-/.:]\d{1,2}\b", re.ASCII)


class ColumnText(Protocol):
    """One column as text and back."""

    def encode(self, values: Values) -> list[str]:
        """Return one field a row; NULL is empty."""

    def decode(self, fields: Sequence[str]) -> tuple[Values, Mask]:
        """Return the values in the training column's dtype, and which of them can be used."""


@dataclass(frozen=True)
class Sheet:
    """The training rows as they leave, and the way back.

    Attributes:
        names: of the columns, in order.
        content: the CSV with a header, in UTF-8.
    """

    names: tuple[str, ...]
    columns: tuple[ColumnText, ...]
    content: bytes

    @classmethod
    def of(cls, training: pd.DataFrame, request: Request, *, by_entity: bool = False) -> Sheet:
        """Return the sheet of `training`; the same rows and request give the same bytes.

        Raises:
            BackendError: a column has the name of the one that is added if the rows are to be `by_entity`.
        """
        names = tuple(str(name) for name in training.columns)
        columns = tuple(_column(training[name], request) for name in names)
        fields = [column.encode(training[name]) for name, column in zip(names, columns, strict=True)]
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        if by_entity:
            if ENTITY in names:
                raise BackendError(f"A column must not be called {ENTITY}. Next: rename it in the model")
            fields.append(_entity_numbers(request))
        writer.writerow([*names, ENTITY] if by_entity else names)
        writer.writerows(zip(*fields, strict=True))
        return cls(names, columns, text.getvalue().encode())

    def read(self, content: bytes, service: str) -> Reading:
        """Return the readable rows of what `service` returned.

        Raises:
            UnreadableError: it is no such table.
        """
        fields = self._fields(content, service)
        readable = np.ones(len(fields[0]), dtype=bool)
        series: dict[str, Values] = {}
        at_fault = []
        for name, column, texts in zip(self.names, self.columns, fields, strict=True):
            series[name], good = column.decode(texts)
            readable &= good
            if not good.all():
                at_fault.append(name)
        usable = np.flatnonzero(readable)
        rows = pd.DataFrame({name: values.iloc[usable] for name, values in series.items()})
        return Reading(rows.reset_index(drop=True), len(readable), tuple(at_fault))

    def _fields(self, content: bytes, service: str) -> list[tuple[str, ...]]:
        """Return the fields by column, in the order of the training columns."""
        try:
            text = content.decode("utf-8-sig")
            lines = [line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line]
        except UnicodeDecodeError:
            raise _unreadable(service, "is not encoded in UTF-8") from None
        except csv.Error:
            raise _unreadable(service, "is no valid CSV") from None
        header = lines[0] if lines else []
        names = header if ENTITY in self.names else [name for name in header if name != ENTITY]
        if sorted(names) != sorted(self.names):
            raise _unreadable(service, f"has {_difference(names, self.names)}")
        if any(len(line) != len(header) for line in lines):
            raise _unreadable(service, "has rows of different lengths")
        if len(lines) == 1:
            raise _unreadable(service, "has no rows")
        columns = dict(zip(header, zip(*lines[1:], strict=True), strict=True))
        return [columns[name] for name in self.names]


def _entity_numbers(request: Request) -> list[str]:
    """Return a number for the entity of each row, by chance."""
    codes, entities = pd.factorize(np.asarray(request.entities))
    numbers = np.random.default_rng([request.seed, *ENTITY.encode()]).permutation(len(entities)) + 1
    return [str(number) for number in numbers[codes]]


def _unreadable(service: str, reason: str) -> UnreadableError:
    return UnreadableError(f"What {service} returned {reason}, so nothing of it is used. Next: synth run")


def _difference(names: Sequence[str], expected_names: Sequence[str]) -> str:
    missing_names = [name for name in expected_names if name not in names]
    extra = (
        len(names) - len(expected_names) + len(missing_names)
    )  # their names come from the service, and are not repeated
    parts = [f"no column {', '.join(missing_names)}"] if missing_names else []
    return " and ".join([*parts, f"{extra} columns that were not asked for"] if extra else parts)


def _column(values: Values, request: Request) -> ColumnText:
    name, dtype = str(values.name), values.dtype
    if pd.api.types.is_bool_dtype(dtype) and name not in request.categories:
        return _Flags(values)
    if pd.api.types.is_datetime64_any_dtype(dtype) and name not in request.categories:
        return _Moments(values)
    if pd.api.types.is_numeric_dtype(dtype) and not {name} & request.categories:
        return _Wholes(values) if pd.api.types.is_integer_dtype(dtype) else _Floats(values)
    rng = np.random.default_rng([request.seed, *name.encode()])
    return _Labels(values, 1 if name in request.public else RARE, rng)


class _Codec:
    """What the columns with an order have in common."""

    def __init__(self, values: Values) -> None:
        self._nullable = bool(values.isna().any())
        self._dtype: Any = values.dtype

    def _usable(self, fields: Sequence[str], valid: Mask) -> Mask:
        """Return known values, and NULL where training has NULL."""
        if not self._nullable:
            return valid
        empty: Mask = np.array([field.strip().lower() in NULL_WORDS for field in fields], dtype=bool)
        return valid | empty


class _Flags(_Codec):
    def encode(self, values: Values) -> list[str]:
        return ["" if value is None else "true" if value else "false" for value in _objects(values)]

    def decode(self, fields: Sequence[str]) -> tuple[Values, Mask]:
        words = [field.strip().lower() for field in fields]
        valid = np.array([word in TRUE | FALSE for word in words], dtype=bool)
        truth = pd.Series([word in TRUE for word in words], dtype="boolean")
        return _with_null(truth, valid, self._dtype), self._usable(fields, valid)


class _Wholes(_Codec):
    """Integers; those that a float would not hold are sent as the distance from the smallest."""

    def __init__(self, values: Values) -> None:
        super().__init__(values)
        integers = [int(value) for value in values.dropna()]
        low, high = min(integers, default=0), max(integers, default=0)
        self._base = low if max(-low, high) >= EXACT > high - low else 0
        bounds = np.iinfo(str(self._dtype).lower())
        self._low, self._high = int(bounds.min), int(bounds.max)

    def encode(self, values: Values) -> list[str]:
        return ["" if value is None else str(int(value) - self._base) for value in _objects(values)]

    def decode(self, fields: Sequence[str]) -> tuple[Values, Mask]:
        wholes = [_whole(field.strip()) for field in fields]
        offsets = [None if whole is None else whole + self._base for whole in wholes]
        valid = np.array([m is not None and self._low <= m <= self._high for m in offsets], dtype=bool)
        valid_offsets = [m if good else self._low for m, good in zip(offsets, valid, strict=True)]
        return _with_null(
            pd.Series(valid_offsets, dtype=str(self._dtype).lower()), valid, self._dtype
        ), self._usable(fields, valid)


class _Floats(_Codec):
    def encode(self, values: Values) -> list[str]:
        finite = values[np.isfinite(values.to_numpy("float64", na_value=np.nan))]
        finite_values = values if finite.empty else values.clip(finite.min(), finite.max())
        return ["" if value is None else repr(float(value)) for value in _objects(finite_values)]

    def decode(self, fields: Sequence[str]) -> tuple[Values, Mask]:
        numbers = pd.to_numeric(pd.Series(fields, dtype=object), errors="coerce").to_numpy("float64")
        valid = np.isfinite(numbers)
        series = pd.Series(np.where(valid, numbers, np.nan)).astype(self._dtype)
        return series, self._usable(fields, valid)


class _Moments(_Codec):
    """Dates and times in ISO 8601, in UTC, no finer than the values are."""

    def encode(self, values: Values) -> list[str]:
        moments = self._utc(values).to_numpy("datetime64[us]")
        valid_moments = moments[~np.isnat(moments)]
        fits = (
            unit
            for unit in ("D", "s", "us")
            if (valid_moments == valid_moments.astype(f"datetime64[{unit}]")).all()
        )
        texts = np.datetime_as_string(moments.astype(f"datetime64[{next(fits)}]"))
        return [str(text).replace("T", " ") if text != "NaT" else "" for text in texts]

    def decode(self, fields: Sequence[str]) -> tuple[Values, Mask]:
        texts = pd.Series(fields, dtype=object)
        moments = pd.to_datetime(texts, utc=True, errors="coerce", format="ISO8601")
        zone = getattr(self._dtype, "tz", None)
        local_moments = moments.dt.tz_convert(zone) if zone else moments.dt.tz_localize(None)
        valid = local_moments.notna().to_numpy(bool)
        return local_moments.astype(self._dtype), self._usable(fields, valid)

    @staticmethod
    def _utc(values: Values) -> Values:
        if getattr(values.dtype, "tz", None):
            return values.dt.tz_convert("UTC").dt.tz_localize(None)
        return values


class _Labels:
    """Labels, of which only the common ones leave and come back."""

    def __init__(self, values: Values, fewest: int, rng: np.random.Generator) -> None:
        self._dtype: Any = values.dtype
        codes, uniques = pd.factorize(values)
        counts = np.bincount(codes[codes >= 0], minlength=len(uniques))
        common = np.flatnonzero(counts >= fewest)
        self._nullable = bool((codes < 0).any())
        if not len(common) and len(uniques) and not self._nullable:
            common = np.array([counts.argmax()])
        rare = (codes >= 0) & ~np.isin(codes, common)
        weights = counts[common] / max(counts[common].sum(), 1)
        self._codes = codes.copy()
        self._codes[rare] = rng.choice(common, int(rare.sum()), p=weights) if len(common) else -1
        labels = list(pd.Series(uniques).astype(object))
        texts = [str(label).replace("\r", "\\r") for label in labels]  # which many writers leave unquoted
        if any(_is_misread(texts[code]) for code in common):
            texts = [MARK + text for text in texts]
        if len(set(texts)) < len(texts):  # labels that only their type tells apart
            texts = [f"{MARK}{code}" for code in range(len(texts))]
        self._texts = texts
        self._labels = {texts[code]: labels[code] for code in common}
        self._null = values[values.isna()].iloc[0] if self._nullable else None

    def encode(self, values: Values) -> list[str]:  # noqa: ARG002 - which label each row has was drawn above
        return ["" if code < 0 else self._texts[code] for code in self._codes]

    def decode(self, fields: Sequence[str]) -> tuple[Values, Mask]:
        valid = np.array([field in self._labels for field in fields], dtype=bool)
        spare = self._null if self._nullable else next(iter(self._labels.values()), None)
        labels = [self._labels.get(field, spare) for field in fields]
        empty = np.array([not field for field in fields], dtype=bool)
        return pd.Series(labels, dtype=self._dtype), valid | (empty & self._nullable)


def _is_misread(text: str) -> bool:
    """Return whether a reader that guesses types may take the label for something else."""
    word = text.strip()
    if word != text or word.lower() in NULL_WORDS | TRUE | FALSE or _DATE.match(word):
        return True
    try:
        float(word.replace(",", ""))
    except ValueError:
        return text.startswith(MARK)
    return True


def _objects(values: Values) -> list[Any]:
    """Return python's own values, with None for NULL."""
    return [None if is_null else value for value, is_null in zip(values, values.isna(), strict=True)]


def _whole(text: str) -> int | None:
    """Return the integer nearest to the number in `text`."""
    if _WHOLE.fullmatch(text):
        return int(text)
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return int(number.to_integral_value()) if number.is_finite() and number.adjusted() < 20 else None  # noqa: PLR2004 - digits of a 64-bit integer


def _with_null(values: Values, valid: Mask, dtype: Any) -> Values:
    """Return the values as `dtype`, NULL where they are not known and `dtype` has a NULL."""
    if isinstance(dtype, np.dtype):
        return values.astype(dtype)
    return values.astype(dtype).mask(~valid)
