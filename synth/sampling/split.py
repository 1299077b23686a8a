"""Training and holdout, decided by a hash of the entity before anything is learned.

The order in which Postgres happens to return rows carries no information and is not reproducible, so rows are
also put into an order that depends on nothing but their content.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from synth.errors import UndecidableError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Hashes: TypeAlias = NDArray[np.uint64]

FEWEST = 20  # units; of fewer, a fifth may be none or half
HOLDOUT = 0.2  # share of the entities that a backend which learns once does not see
HALF = 0.5
SALT = "synth holdout 01"  # sixteen characters: a SipHash key

# Steele, Lea & Flood (2014), "Fast splittable pseudorandom number generators": the finaliser of SplitMix64.
MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def canonical_order(rows: Hashes) -> NDArray[np.intp]:
    """Return the order of the rows by their hashes, from `hash_rows`."""
    return np.argsort(rows, kind="stable")


def hash_rows(table: pa.Table, key: tuple[str, ...]) -> Hashes:
    """Return a hash of every row: of its key, or of its content where the key does not tell rows apart.

    Equal rows of a table without a key are different people, so the second one gets another hash.
    """
    if key:
        hashes = hash_values(table, key)
        if len(np.unique(hashes)) == len(hashes):
            return hashes
    content = hash_values(table, tuple(table.column_names))
    occurrence = pd.Series(content).groupby(content).cumcount().to_numpy().astype(np.uint64)
    return _mix(content + occurrence)


def hash_units(table: pa.Table, unit: str | None, rows: Hashes, *, entity: str | None) -> Hashes:
    """Return a hash of the unit that each row is split with; a row without one is on its own.

    Args:
        table: the rows.
        unit: the column that names it, None where every row is one. Where it names but a handful, every row
            is on its own, unless it is the entity.
        rows: from `hash_rows`.
        entity: the column that was declared to say whom a row is about.

    Raises:
        UndecidableError: there are rows, but fewer than `FEWEST` entities.
    """
    if unit is None or not table.num_rows:
        return rows
    is_valid = table.column(unit).is_valid().to_numpy()
    units = np.where(is_valid, hash_values(table, (unit,)), rows)
    count = len(np.unique(units))
    if count >= FEWEST:
        return units
    if unit == entity:
        raise UndecidableError(
            f"The entity {unit} has {count} values; rows about fewer than {FEWEST} cannot be learned without "
            f"repeating somebody. Next: declare another entity, or none."
        )
    return rows


def hash_values(table: pa.Table, columns: tuple[str, ...]) -> Hashes:
    """Return a hash of the values of `columns` in every row; equal values of different types hash alike."""
    total = np.zeros(table.num_rows, np.uint64)
    for name in columns:
        dictionary = _as_text(table.column(name)).dictionary_encode()
        words = np.array(dictionary.dictionary.to_pylist(), dtype=object)
        hashes = pd.util.hash_array(words, hash_key=SALT, categorize=False)
        total = _mix(total + hashes[dictionary.indices.to_numpy()])
    return total


def _as_text(values: pa.ChunkedArray) -> pa.LargeStringArray:
    """Return values as text; NULL as a character that no text of Postgres holds."""
    if pa.types.is_floating(values.type):
        whole = pc.and_(pc.equal(values, pc.trunc(values)), pc.less(pc.abs(values), 2.0**53))
        if pc.all(whole).as_py():
            values = values.cast(pa.int64())
    # Large, because the offsets of ordinary Arrow text end at two gigabytes.
    return pc.fill_null(values.cast(pa.large_string()), "\0").combine_chunks()


def holdout_mask(units: Hashes, owner: str, secret: str = "", *, share: float = HOLDOUT) -> NDArray[np.bool_]:
    """Return which rows are held out, or the second half, by the hash of each row's entity.

    Nothing else decides, so no other seed and no second run can re-draw the split of the same data.

    Args:
        units: from `hash_units`.
        owner: the `unique_id` of the model whose key names the units; children that name their parent's are
            held out with it.
        secret: of the project, so that nobody else can tell who was held out.
        share: of the entities.
    """
    salt = int.from_bytes(sha256(f"{secret}\0{owner}".encode()).digest()[:8], "big")
    hashes = _mix(units + _mix(np.array([salt], np.uint64)))
    mask: NDArray[np.bool_] = hashes < np.uint64(share * 2**64)
    return mask


def fingerprint(table: pa.Table) -> str:
    """Return a name for exactly these rows, in whatever order; other rows have another."""
    rows = np.sort(hash_values(table, tuple(table.column_names)))
    names = "\0".join(table.column_names)
    return sha256(names.encode() + rows.tobytes()).hexdigest()[:16]


def _mix(values: Hashes) -> Hashes:
    with np.errstate(over="ignore"):
        values = (values ^ (values >> np.uint64(30))) * MIX[0]
        values = (values ^ (values >> np.uint64(27))) * MIX[1]
        hashes: Hashes = values ^ (values >> np.uint64(31))
    return hashes
