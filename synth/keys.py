"""New keys in the format of the real ones, none of them real; and children shared out among parents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from synth.domain import Kind
from synth.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from synth.domain import Column

RARE = 10  # a length, a constant character or a number of children that fewer hold is not repeated
TRIES = 60
DIGITS, LOWER, UPPER, HEX = "0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdef"

Rng = np.random.Generator


def new_keys(real: pa.ChunkedArray, column: Column, rows: int, rng: Rng) -> pa.Array:
    """`rows` different keys of the type and format of `real`, none of which occurs in it.

    Integers and dates continue beyond the real ones from the next round number on; uuids are random; text keeps
    the lengths, fixed characters and alphabets of the real keys, position by position.

    Raises:
        ModelError: the type or its format has no room for as many new keys.
    """
    real = real.drop_null()
    if column.kind is Kind.UUID:
        return pa.array(_uuids(rows, rng))
    if column.kind is Kind.TEXT:
        return _texts(real, column, rows, rng)
    if column.kind in {Kind.INTEGER, Kind.DECIMAL}:
        numbers = _integers(pc.cast(real, pa.int64(), safe=False).to_numpy(), column, rows, rng)
        return pa.array(numbers)
    return _moments(real, column, rows)


def share_out(
    training: pa.ChunkedArray,
    real: pa.ChunkedArray,
    column: Column,
    rows: int,
    rng: Rng,
    *,
    parents: pa.Array | None,
    unique: bool,
) -> pa.Array:
    """`rows` foreign keys: each parent gets about as many children as real parents have.

    Args:
        training: real foreign keys, from which only the numbers of children are learned.
        real: every real foreign key, so that none is made again.
        column: the foreign key.
        rows: how many are needed.
        rng: the source of chance.
        parents: keys to draw from; new ones are made where there is no twin of the parent.
        unique: no parent has more than one child.

    Raises:
        ModelError: `unique`, and there are fewer parents than rows.
    """
    counts = np.sort(training.drop_null().value_counts().field("counts").to_numpy(zero_copy_only=False))
    if unique or not len(counts):
        counts = np.ones(1, np.int64)
    counts = np.minimum(counts, counts[-min(RARE, len(counts))])
    if parents is None:
        needed = int(np.ceil(rows / counts.mean())) + 1
        parents = new_keys(real, column, needed, rng)
    if not len(parents) or (unique and len(parents) < rows):
        raise ModelError(
            f"{column.name} needs {rows} rows of the parent's twin, which has {len(parents)}. "
            f"Next: give the parent as many rows, or the child fewer (meta: synth: rows)."
        )
    owners = np.empty(0, np.intp)
    while len(owners) < rows:
        order = rng.permutation(len(parents))
        owners = np.concatenate([owners, np.repeat(order, rng.choice(counts, len(order)))])
    return parents.take(pa.array(rng.permutation(owners[:rows])))


def _uuids(rows: int, rng: Rng) -> list[str]:
    octets = rng.integers(0, 256, (rows, 16), np.uint8)
    octets[:, 6] = octets[:, 6] & 0x0F | 0x40  # version 4, RFC 9562
    octets[:, 8] = octets[:, 8] & 0x3F | 0x80
    text = octets.tobytes().hex()
    starts = range(0, 32 * rows, 32)
    return [
        f"{text[i : i + 8]}-{text[i + 8 : i + 12]}-{text[i + 12 : i + 16]}-{text[i + 16 : i + 20]}-{text[i + 20 : i + 32]}"
        for i in starts
    ]


def _integers(real: NDArray[np.int64], column: Column, rows: int, rng: Rng) -> NDArray[np.int64]:
    largest = 10 ** (column.precision - (column.scale or 0)) - 1 if column.precision else 2**63 - 1
    limit = min(largest, 2 ** ((column.bits or 64) - 1) - 1)
    top = max(int(real.max(initial=0)), rows, 9)
    start = 10 ** len(str(top)) + 1
    if start + rows <= limit:
        return np.arange(start, start + rows)
    known = pd.Index(real)

    def draw(n: int) -> pd.Index[int]:
        return pd.Index(rng.integers(1, limit, n, endpoint=True))

    if limit <= 4 * (rows + len(known)):  # too crowded to draw: list what is free
        free = np.setdiff1d(np.arange(1, limit + 1), real)
        if len(free) < rows:
            raise _full(column, rows)
        return np.sort(rng.permutation(free)[:rows])
    return np.sort(_distinct(draw, known, rows, column).to_numpy())


def _moments(real: pa.ChunkedArray, column: Column, rows: int) -> pa.Array:
    kind = pa.date32() if column.kind is Kind.DATE else real.type
    newest = pc.max(real).as_py()
    year = (newest.year if newest else 1999) + 1
    first = np.datetime64(f"{year:04d}-01-01")
    step = np.timedelta64(1, "D" if column.kind is Kind.DATE else "s")
    moments = first.astype("datetime64[us]") + np.arange(rows) * step
    if moments[-1] > np.datetime64("9999-12-31"):
        raise _full(column, rows)
    return pa.array(moments).cast(pa.timestamp("us")).cast(kind)


def _texts(real: pa.ChunkedArray, column: Column, rows: int, rng: Rng) -> pa.Array:
    known = pd.Index(real.to_pandas().astype(object))
    for loosen in range(TRIES):
        formats = _formats(known, column.length, loosen)
        room = sum(np.prod([float(len(a)) for a in alphabets]) for alphabets, _ in formats)
        if room >= 2 * (rows + len(known)):
            shares = np.array([share for _, share in formats])

            def draw(
                n: int, formats: list[tuple[list[str], int]] = formats, shares: NDArray[np.int_] = shares
            ) -> pd.Index[str]:
                sizes = rng.multinomial(n, shares / shares.sum())
                drawn = [
                    _draw(alphabets, size, rng) for (alphabets, _), size in zip(formats, sizes, strict=True)
                ]
                return pd.Index(rng.permutation(np.concatenate(drawn)))

            try:
                return pa.array(_distinct(draw, known, rows, column).to_numpy(), pa.string())
            except ModelError:
                continue
        if column.length is not None and loosen > 1 and max(len(a) for a, _ in formats) >= column.length:
            break
    raise _full(column, rows)


def _formats(known: pd.Index[str], limit: int | None, loosen: int) -> list[tuple[list[str], int]]:
    """The alphabets, position by position, of each length that keys have, and how many keys have it.

    `loosen` 1 lets constant digits vary, every further step adds one digit at the end.
    """
    if not len(known):
        return [([DIGITS] * min(10, limit or 10), 1)]
    lengths = pd.Series(known.str.len())
    sizes = lengths.value_counts().sort_index()
    common = sizes[sizes >= RARE] if (sizes >= RARE).any() else sizes[sizes == sizes.max()]
    formats = []
    for length, size in common.items():
        points = np.array(known[(lengths == length).to_numpy()].tolist(), f"U{max(length, 1)}")
        matrix = points.view(np.uint32).reshape(len(points), -1)[:, :length]
        alphabets = [_alphabet(matrix[:, i], vary=loosen > 0) for i in range(length)]
        alphabets += [DIGITS] * max(loosen - 1, 0)
        if limit is None or len(alphabets) <= limit:
            formats.append((alphabets, int(size)))
    return formats or [([DIGITS] * (limit or 10), 1)]


def _alphabet(points: NDArray[np.uint32], *, vary: bool) -> str:
    found, counts = np.unique(points, return_counts=True)
    seen = "".join(map(chr, found))
    if len(found) == 1 and not (vary and seen in DIGITS):
        return seen
    letters = [letter for letter in seen if letter in LOWER + UPPER]
    classes = DIGITS if any(letter in DIGITS for letter in seen) else ""
    for alphabet in (LOWER, UPPER):
        mine = [letter for letter in letters if letter in alphabet]
        if mine:
            narrow = HEX if alphabet is LOWER else HEX.upper()
            classes += narrow if set(mine) <= set(narrow) else alphabet
    others = "".join(
        chr(point)
        for point, count in zip(found, counts, strict=True)
        if chr(point) not in DIGITS + LOWER + UPPER and count >= RARE
    )
    return classes + others or DIGITS


def _draw(alphabets: list[str], rows: int, rng: Rng) -> NDArray[np.object_]:
    if not rows:
        return np.empty(0, object)
    columns = [np.array(list(alphabet))[rng.integers(0, len(alphabet), rows)] for alphabet in alphabets]
    text = np.stack(columns, axis=1).astype("U1")
    joined: NDArray[np.object_] = np.ascontiguousarray(text).view(f"U{len(alphabets)}").ravel().astype(object)
    return joined


def _distinct(
    draw: Callable[[int], pd.Index[str] | pd.Index[int]], known: pd.Index, rows: int, column: Column
) -> pd.Index:
    found = draw(0)
    for _ in range(TRIES):
        fresh = draw(round(1.1 * (rows - len(found))) + 16)
        found = found.append(fresh[~fresh.isin(known)]).unique()
        if len(found) >= rows:
            return found[:rows]
    raise _full(column, rows)


def _full(column: Column, rows: int) -> ModelError:
    return ModelError(
        f"The key {column.name} ({column.data_type}) has no room for {rows} new values beside the real ones. "
        f"Next: ask for fewer rows (meta: synth: rows) or use a wider type."
    )
