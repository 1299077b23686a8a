"""Columns of values without an order."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from synth.engine.columns import NO_CODE

if TYPE_CHECKING:
    from synth.engine.columns import Ints, Mask
    from synth.engine.crowd import Crowd


class LabelColumn:
    """Values without an order. Kept values are held by enough entities; no others are ever returned.

    Where no value is, NULL is left if the column has NULLs, else its commonest value.

    Args:
        series: the rows that are learned.
        crowd: of these, and of the rows beside them.
        beside: the rows beside them, if there are any.
    """

    is_ordered = False
    exact = True

    def __init__(self, series: pd.Series[Any], crowd: Crowd, beside: pd.Series[Any] | None = None) -> None:
        crowd = crowd.alone if beside is None else crowd
        every = factorize(series if beside is None else pd.concat([series, beside], ignore_index=True))
        raw = every[: len(series)]  # codes go by appearance: the learned rows have the first ones
        counts = np.bincount(raw[raw >= 0], minlength=raw.max(initial=-1) + 1)
        frequent_codes = np.flatnonzero(crowd.holders(every, len(counts)) >= crowd.rare)
        if len(frequent_codes) == 0 and len(counts) and (raw >= 0).all():
            frequent_codes = np.array([counts.argmax()])
        common = crowd.common_side(every < 0)
        new = np.full(len(counts) + 1, -1, dtype=np.int64)
        new[frequent_codes] = np.arange(len(frequent_codes))
        self.codes: Ints = new[raw]
        self.size = len(frequent_codes)
        self.plain: Mask = np.ones(self.size, dtype=bool)
        self.learnable: Mask = ((raw < 0) | (self.codes >= 0)) & common
        self.rare_rows: Mask = (raw >= 0) & (self.codes < 0) & common & (self.size > 0)
        if not self.learnable.any():  # no value is common enough: NULLs, however few, are left
            self.learnable = raw < 0
        first = (
            np.unique(self.codes, return_index=True)[1][-self.size :] if self.size else np.zeros(0, np.int64)
        )
        self._values = series.iloc[first].array
        self._nullable = bool((raw < 0).any())
        self._null = series.iloc[int((raw < 0).argmax())] if self._nullable else None
        self._dtype = series.dtype

    def restore(self, codes: Ints, rng: np.random.Generator) -> pd.Series[Any]:  # noqa: ARG002 - the protocol's
        """Return the labels themselves."""
        if not self._nullable:
            return pd.Series(self._values.take(codes), dtype=self._dtype)
        labels = self._values.take(codes, allow_fill=True, fill_value=self._null)
        return pd.Series(labels, dtype=self._dtype)

    def encode(self, series: pd.Series[Any]) -> Ints:
        """Return codes of kept labels; all others, and NULL where training has none, are NO_CODE."""
        labels = series.astype(object)
        try:
            codes = self._index.get_indexer(pd.Index(labels, dtype=object))
        except TypeError:  # a value without a hash
            own_labels = pd.Series(self._values).astype(object)
            codes = pd.Index(own_labels.map(repr)).get_indexer(pd.Index(labels.map(repr)))
        codes = np.where(codes < 0, NO_CODE, codes).astype(np.int64)
        codes[series.isna().to_numpy(dtype=bool)] = -1 if self._nullable else NO_CODE
        return codes

    @cached_property
    def _index(self) -> pd.Index[Any]:
        """The kept labels by code, hashed once: long histories look them up at every row."""
        labels: pd.Index[Any] = pd.Index(pd.Series(self._values).astype(object), dtype=object)
        return labels


def factorize(series: pd.Series[Any]) -> Ints:
    """Return codes of equal values, in order of appearance.

    NULL is -1. Values without a hash go by their `repr`.
    """
    try:
        codes = pd.factorize(series)[0]
    except TypeError:
        codes = pd.factorize(series.map(repr, na_action="ignore"))[0]
    return codes.astype(np.int64)
