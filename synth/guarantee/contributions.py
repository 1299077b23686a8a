"""At most so many rows of each entity, chosen by a keyed hash of what is in them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from synth.guarantee.noise import Mechanisms

CLEAR = 3.0  # standard deviations of the noise from which there are entities with so many rows
SPREAD = 0.2  # of the share of a cell, times its complement: a cell of a quarter or so of the rows


@dataclass(frozen=True, slots=True)
class RowBound:
    """How many rows of an entity are used, and how many rows there are for each of those.

    Attributes:
        most: rows of an entity that are used.
        ratio: rows within the stated bound for each row that is used.
    """

    most: int
    ratio: float = 1.0


def measured_bound(
    owners: NDArray[np.int64], most: int, mechanisms: Mechanisms, rho: float, rho_of_a_column: float
) -> RowBound:
    """Return the bound under which shares of rows are surest, by a noisy histogram of rows per entity.

    Noise grows with the bound, and chance falls with the rows. A share p of n rows has the variance
    p·(1-p)/n by chance and (bound/n)²/(2·rho) by Gaussian noise.

    Args:
        owners: whose each row is, of at most `most` rows each.
        most: the stated bound.
        mechanisms: that draw the noise.
        rho: the loss of the histogram; an entity moves one of its counts by one.
        rho_of_a_column: the loss that a column may cause later.
    """
    alone = mechanisms.with_contribution(1)
    sizes = np.bincount(np.bincount(owners), minlength=most + 1)[1 : most + 1]
    noisy = alone.counts("rows per entity", sizes, rho)
    counts = np.where(noisy > CLEAR * alone.scale(rho), noisy, 0.0)
    if not counts.any():
        return RowBound(most)
    rows = {one: float(counts @ np.minimum(np.arange(1, most + 1), one)) for one in range(1, most + 1)}
    variances = {one: SPREAD / n + (one / n) ** 2 / (2 * rho_of_a_column) for one, n in rows.items()}
    best = min(variances, key=lambda one: variances[one])
    return RowBound(best, rows[most] / rows[best])


def rows_within(frame: pd.DataFrame, entities: Any, most: int, secret: bytes) -> pd.DataFrame:
    """Return the frame with at most `most` rows of each entity; without entities each row is one."""
    places, _ = places_within(frame, entities, most, secret)
    return frame.iloc[places].reset_index(drop=True)


def places_within(
    frame: pd.DataFrame, entities: Any, most: int, secret: bytes
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places of at most `most` rows of each entity, and as a number whose each of them is.

    Which rows of an entity are used depends on the secret and on its own rows alone, so that nobody else's
    presence changes it. Rows without an entity are each their own.
    """
    if entities is None:
        return np.arange(len(frame)), np.arange(len(frame))
    codes, _ = pd.factorize(np.asarray(entities), use_na_sentinel=True)
    alone = codes < 0
    codes = np.where(alone, codes.max(initial=-1) + 1 + np.arange(len(codes)), codes)
    order = np.lexsort((_hashes(frame, secret), codes))
    ranks = pd.Series(1, index=order).groupby(codes[order]).cumsum()
    places = np.flatnonzero((ranks.sort_index() <= most).to_numpy())
    return places, codes[places].astype(np.int64)


def _hashes(frame: pd.DataFrame, secret: bytes) -> NDArray[np.uint64]:
    """Return a keyed hash of each row's texts; equal rows have equal hashes."""
    key = hashlib.blake2b(secret, digest_size=16).hexdigest()[:16]
    total = np.zeros(len(frame), dtype=np.uint64)
    for place, name in enumerate(frame.columns):
        texts = _texts(frame[name])
        column = pd.util.hash_array(texts, hash_key=key, categorize=False)
        total = total * np.uint64(0x9E3779B97F4A7C15) + column + np.uint64(place)
    return total


def _texts(values: pd.Series) -> NDArray[np.object_]:
    """Return values as texts that do not depend on the type that others' NULLs gave the column."""
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return values.astype("Float64").astype(str).to_numpy(dtype=object)
    return values.astype(object).where(values.notna(), None).map(str).to_numpy(dtype=object)
