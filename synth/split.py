"""Training and holdout, decided by a hash of the entity before anything is learned.

The order in which Postgres happens to return rows carries no information and is not reproducible, so rows are
also put into an order that depends on nothing but their content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

HOLDOUT = 0.2  # share of the entities
SALT = "synth holdout 01"  # sixteen characters: a SipHash key

# Steele, Lea & Flood (2014), "Fast splittable pseudorandom number generators": the finaliser of SplitMix64.
MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def canonical_order(rows: NDArray[np.uint64]) -> NDArray[np.intp]:
    """The order of the rows by their hashes, from `hash_rows`."""
    return np.argsort(rows, kind="stable")


def hash_rows(table: pa.Table, key: tuple[str, ...]) -> NDArray[np.uint64]:
    """A hash of every row: of its key, or of its whole content and how often that occurred before.

    Equal rows of a table without a key are different people, so the second one gets another hash.
    """
    if key:
        return hash_values(table, key)
    content = hash_values(table, tuple(table.column_names))
    occurrence = pd.Series(content).groupby(content).cumcount().to_numpy(np.uint64)
    return _mix(content + occurrence)


def hash_values(table: pa.Table, columns: tuple[str, ...]) -> NDArray[np.uint64]:
    """A hash of the values of `columns` in every row; equal values of different types hash alike."""
    total = np.zeros(table.num_rows, np.uint64)
    for name in columns:
        text = pc.fill_null(pc.cast(table.column(name), pa.string()), "\0")
        encoded = text.combine_chunks().dictionary_encode()
        words = np.asarray(encoded.dictionary.to_pylist(), dtype=object)
        hashes = pd.util.hash_array(words, hash_key=SALT, categorize=False)
        total = _mix(total + hashes[encoded.indices.to_numpy()])
    return total


def holdout_mask(units: NDArray[np.uint64], seed: int) -> NDArray[np.bool_]:
    """Which rows are held out, by the hash of the entity that each belongs to.

    The seed is the only other thing it depends on: the rows of a child are held out with their parent's, and
    no second run can re-draw the split of the same data.
    """
    salted = _mix(units + _mix(np.full(1, seed & (2**64 - 1), np.uint64)))
    mask: NDArray[np.bool_] = salted < np.uint64(HOLDOUT * 2**64)
    return mask


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        values = (values ^ (values >> np.uint64(30))) * MIX[0]
        values = (values ^ (values >> np.uint64(27))) * MIX[1]
        mixed: NDArray[np.uint64] = values ^ (values >> np.uint64(31))
    return mixed
