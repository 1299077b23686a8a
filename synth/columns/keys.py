"""New keys in the format of the real ones, none of them real; and children shared out among parents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from synth.columns.checks import check_of
from synth.columns.formats import LOOSENINGS, draw_texts, loosen, read_formats, texts_of
from synth.columns.measures import longest_common
from synth.columns.sharing import FEW
from synth.domain import RARE, Kind
from synth.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from synth.columns.checks import CheckCharacter
    from synth.columns.formats import Format
    from synth.columns.patterns import TextPattern
    from synth.domain import Column

LARGE = 50  # children on average, from which on few parents are groups
TRIES = 60  # draws before a type counts as full
CROWDED_RATIO = (
    4  # where the type holds fewer values than so many times those needed, free ones are looked up
)

MOST_LISTED = 100_000  # texts of a format that are listed where the real ones crowd it
SPARE = 2  # times as many free ones as are needed: what is left out must not tell which are real

TRIAL = 60  # keys by which it is seen whether a way of writing fits a pattern

Rng = np.random.Generator
Draw: TypeAlias = "Callable[[int], pd.Index[Any]]"


def new_keys(
    real: pa.ChunkedArray,
    column: Column,
    rows: int,
    rng: Rng,
    *,
    existing: pa.ChunkedArray | None = None,
    alike: bool = False,
    pattern: TextPattern | None = None,
) -> pa.Array:
    """Return `rows` different keys of the type and format of `real`, in neither `real` nor `existing`.

    Integers and dates continue beyond the real ones from the next round number on; uuids are random; text
    keeps the lengths, fixed characters and alphabets of the real keys, position by position. Where they are
    to be `alike`, integers that all have as many digits keep their number. Text matches the `pattern`.

    Raises:
        ModelError: the type or its format has no room for as many new keys.
    """
    real_values = real.unique().drop_null()
    existing_values = real_values if existing is None else existing.unique().drop_null()
    match column.kind:
        case Kind.UUID:
            return pa.array(uuids(rows, rng), pa.string())
        case Kind.TEXT:
            return _texts(real_values, existing_values, column, rows, rng, pattern)
        case Kind.INTEGER | Kind.DECIMAL | Kind.FLOAT:
            digits = longest_common(real_values) if alike else 0
            return pa.array(
                _whole_numbers(existing_values.to_numpy(), column, rows, rng, digits=digits), pa.int64()
            )
        case _:
            return _moments(existing_values, column, rows)


def share_out(
    real: pa.ChunkedArray,
    column: Column,
    rows: int,
    rng: Rng,
    *,
    parents: pa.Array | None,
    unique: bool,
    make: Callable[[int], pa.Array],
) -> pa.Array:
    """Return `rows` foreign keys: each parent gets about as many children as real parents have.

    Args:
        real: real foreign keys, of which only the numbers of children are learned.
        column: the foreign key.
        rows: how many are needed.
        rng: the source of chance.
        parents: keys to draw from, or None where there is no twin of the parent.
        unique: no parent has more than one child.
        make: makes so many different new keys, where there are no parents.

    Raises:
        ModelError: there are no parents, or `unique` and fewer of them than rows.
    """
    if not rows:
        return pa.nulls(0, real.type)
    counts = np.ones(1, np.int64) if unique else _children(real)
    few = _are_groups(counts)
    owner_count = len(counts) if few else int(np.ceil(rows / counts.mean())) + 1
    if parents is None:
        parents = make(rows if unique else owner_count)
    if not len(parents) or (unique and len(parents) < rows):
        raise ModelError(
            f"{column.name} needs {rows if unique else 1} rows of the parent's twin, "
            f"which has {len(parents)}. Next: give the parent as many rows, or the child fewer "
            f"(meta: synth: rows)."
        )
    if few and len(parents) == len(counts):
        return parents.take(
            pa.array(rng.choice(rng.permutation(len(parents)), rows, p=counts / counts.sum()))
        )
    owners = np.empty(0, np.intp)
    while len(owners) < rows:
        turns = -(-owner_count // len(parents))
        order = rng.permuted(np.tile(np.arange(len(parents)), (turns, 1)), axis=1).ravel()
        owners = np.concatenate([owners, np.repeat(order, rng.choice(counts, len(order)))])
    return parents.take(pa.array(rng.permutation(owners[:rows])))


def _children(real: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return how many children each real parent has, sorted; none more than the `RARE`-th largest.

    Where parents are few and all have many, as shops have, their numbers are nobody's own, and stay.
    """
    counts = np.sort(real.drop_null().value_counts().field("counts").to_numpy(zero_copy_only=False))
    if not len(counts):
        return np.ones(1, np.int64)
    if _are_groups(counts):
        return counts
    capped_counts: NDArray[np.int64] = np.minimum(counts, counts[-min(RARE, len(counts))])
    return capped_counts


def _are_groups(counts: NDArray[np.int64]) -> bool:
    """Return whether parents are few, and so large that they are shops or the like and not somebody."""
    return len(counts) <= FEW and bool(counts.min() >= RARE) and bool(counts.mean() >= LARGE)


def uuids(rows: int, rng: Rng) -> list[str]:
    """Return random UUIDs."""
    octets = rng.integers(0, 256, (rows, 16), np.uint8)
    octets[:, 6] = octets[:, 6] & 0x0F | 0x40  # version 4, RFC 9562
    octets[:, 8] = octets[:, 8] & 0x3F | 0x80
    text = octets.tobytes().hex()
    return [
        f"{text[i : i + 8]}-{text[i + 8 : i + 12]}-{text[i + 12 : i + 16]}"
        f"-{text[i + 16 : i + 20]}-{text[i + 20 : i + 32]}"
        for i in range(0, 32 * rows, 32)
    ]


def _whole_numbers(
    existing: NDArray[Any], column: Column, rows: int, rng: Rng, *, digits: int = 0
) -> NDArray[np.int64]:
    """Return keys of so many digits; else beyond the known ones where the type goes so far, else among them.

    `existing` may be floats for longer numbers. A whole number is new if the float nearest to it is.
    """
    existing = existing[np.isfinite(existing)]
    most = largest(column)
    low, high = 10 ** max(digits - 1, 0), min(10**digits - 1, most)
    if high - low > CROWDED_RATIO * (rows + len(existing)):
        among = _distinct(
            lambda n: pd.Index(rng.integers(low, high, n, endpoint=True)), pd.Index(existing), rows, column
        )
        return rng.permutation(among.to_numpy(np.int64))
    start = 10 ** len(str(max(int(existing.max(initial=0)), rows, 9))) + 1
    if start + rows <= most:
        return np.arange(start, start + rows)
    if most > CROWDED_RATIO * (rows + len(existing)):
        numbers = _distinct(
            lambda n: pd.Index(rng.integers(1, most, n, endpoint=True)), pd.Index(existing), rows, column
        )
        return np.sort(numbers.to_numpy(np.int64))
    every = np.concatenate([np.arange(1, most + 1), np.arange(0, -most - 1, -1)])
    free = every[~np.isin(every, existing)]
    if len(free) < rows:
        raise full(column, rows)
    return np.sort(free[:rows])


def largest(column: Column) -> int:
    """Return the largest whole number that the column holds and that an int64 can be."""
    digits = min(column.precision - (column.scale or 0), 18) if column.precision else None
    return int(min(10**digits - 1 if digits is not None else 2**63 - 1, 2 ** ((column.bits or 64) - 1) - 1))


def _moments(existing: pa.ChunkedArray, column: Column, rows: int) -> pa.Array:
    """Return days or seconds after the newest existing year; before the oldest, if that is too late."""
    kind = pa.date32() if column.kind is Kind.DATE else existing.type
    step = np.timedelta64(1, "D" if column.kind is Kind.DATE else "s")
    years = existing.cast(pa.timestamp("us")).to_numpy().astype("datetime64[Y]")
    newest, oldest = years.max(initial="1999"), years.min(initial="1999")
    after = (newest + 1).astype("datetime64[us]") + np.arange(rows) * step
    before = oldest.astype("datetime64[us]") - np.arange(1, rows + 1) * step
    for moments in (after, before[::-1]):
        if not rows or (
            moments[0] >= np.datetime64("0001-01-01") and moments[-1] < np.datetime64("9999-12-31")
        ):
            return pa.array(moments, pa.timestamp("us")).cast(kind)
    raise full(column, rows)


def _texts(
    real_values: pa.ChunkedArray,
    existing: pa.ChunkedArray,
    column: Column,
    rows: int,
    rng: Rng,
    pattern: TextPattern | None,
) -> pa.Array:
    if "citext" in column.data_type:  # keys that differ in case only are equal
        real_values, existing = pc.utf8_lower(real_values).unique(), pc.utf8_lower(existing).unique()
    real_formats = read_formats(real_values, column.length)
    real, check = pd.Index(existing.to_pylist(), dtype=object), check_of(real_values.to_pylist())
    check_room, places = check.room if check else 1.0, CROWDED_RATIO * (rows + len(existing))
    for formats in _ways_of_writing(real_formats, column, pattern, rng):
        room = sum(form.room for form in formats) / check_room
        if room >= places and _most_have_room(formats, places * check_room):
            values = _distinct(_draw_of(formats, rng, pattern, check), real, rows, column)
            return pa.array(values.to_numpy(object), pa.string())
        if rows + len(existing) <= room <= MOST_LISTED:
            free = pd.Index(_that_fit(texts_of(formats), pattern, check), dtype=object).unique()
            free = free[~free.isin(real)]
            if len(free) >= SPARE * rows:
                return pa.array(free.to_numpy(object)[rng.permutation(len(free))[:rows]], pa.string())
    for formats in _ways_of_writing(real_formats, column, pattern, rng):  # where most are crowded in any case
        if sum(form.room for form in formats) >= places * check_room:
            values = _distinct(_draw_of(formats, rng, pattern, check), real, rows, column)
            return pa.array(values.to_numpy(object), pa.string())
    raise full(column, rows)


def _most_have_room(formats: tuple[Format, ...], room: float) -> bool:
    """Return whether formats that most keys have hold as many texts as fall to each of them."""
    keys = sum(form.keys for form in formats)
    return 2 * sum(form.keys for form in formats if form.room * keys >= room * form.keys) >= keys


def _ways_of_writing(
    real_formats: tuple[Format, ...], column: Column, pattern: TextPattern | None, rng: Rng
) -> Iterator[tuple[Format, ...]]:
    """Yield formats of new keys, those like the real ones first; most of which match the pattern, if any."""
    for place, looser in enumerate(LOOSENINGS):
        formats = loosen(real_formats, looser, column.length)
        if pattern is None or (formats and _mostly_fit(formats, pattern, rng)):
            yield formats
        if pattern is not None and place == (len(LOOSENINGS) - 1 if pattern.is_loose else 0):
            yield pattern.formats


def _mostly_fit(formats: tuple[Format, ...], pattern: TextPattern, rng: Rng) -> bool:
    return sum(map(pattern.fits, draw_texts(formats, TRIAL, rng))) >= TRIAL / 2


def texts_of_pattern(pattern: TextPattern, column: Column, rows: int, rng: Rng, *, unique: bool) -> pa.Array:
    """Return `rows` texts that match a pattern; different ones, unless these are few and need not be.

    Raises:
        ModelError: there are not as many different ones.
    """
    room = sum(form.room for form in pattern.formats)
    if unique or room >= CROWDED_RATIO * rows:
        values = _distinct(_draw_of(pattern.formats, rng), pd.Index([], dtype=object), rows, column)
        return pa.array(values.to_numpy(object), pa.string())
    return pa.array(draw_texts(pattern.formats, rows, rng), pa.string())


def _draw_of(
    formats: tuple[Format, ...],
    rng: Rng,
    pattern: TextPattern | None = None,
    check: CheckCharacter | None = None,
) -> Draw:
    def draw(rows: int) -> pd.Index[Any]:
        return pd.Index(_that_fit(draw_texts(formats, rows, rng), pattern, check), dtype=object)

    return draw


def _that_fit(texts: Iterable[str], pattern: TextPattern | None, check: CheckCharacter | None) -> list[str]:
    """Return the texts with the last character that a check gives them, those that match the pattern."""
    right_texts = texts if check is None else filter(None, map(check.put_right, texts))
    return list(right_texts) if pattern is None else [text for text in right_texts if pattern.fits(text)]


def _distinct(draw: Draw, existing: pd.Index[Any], rows: int, column: Column) -> pd.Index[Any]:
    """Return `rows` different values from `draw`, in the order they came, none of them known."""
    values = draw(0)
    for _ in range(TRIES):
        fresh = draw(round(1.1 * (rows - len(values))) + 16)
        values = values.append(fresh[~fresh.astype(existing.dtype).isin(existing)]).unique()
        if len(values) >= rows:
            return values[:rows]
    raise full(column, rows)


def full(column: Column, rows: int) -> ModelError:
    """Return what to say of a type that has no room for so many keys."""
    return ModelError(
        f"The key {column.name} ({column.data_type}) has no room for {rows} new values beside the real ones. "
        f"Next: ask for fewer rows (meta: synth: rows) or use a wider type."
    )
