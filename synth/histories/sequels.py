"""Labels that never follow one another from row to row of an owner, or never stand in one row."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from synth.engine.evidence import LEVEL
from synth.engine.order import MANY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from numpy.typing import NDArray

    from synth.histories.pasts import Ints, Schema

    Mask: TypeAlias = NDArray[np.bool_]
    Floats: TypeAlias = NDArray[np.float64]


SELDOM = 0.01  # of the owners, who may have what others never have: a time that was moved before another


@dataclass(frozen=True, slots=True)
class NeverPair:
    """Labels of a column that never stand beside labels of another one.

    Attributes:
        now: the column; its labels by code are `labels`.
        other: the other column, with `others`; of the row before, if both are one.
        never: by code of the other and code of the one; the last of each is for NULL and all other labels.
        late: by code, which labels never stand in the first row of an owner.
    """

    now: str
    labels: pd.Index[Any]
    other: str
    others: pd.Index[Any]
    never: Mask
    late: Mask

    def are_odd(self, rows: pd.DataFrame, before: pd.DataFrame | None) -> Mask:
        """Return which rows hold a pair that never is; `before` those before them; None: these are first."""
        beside, codes = before if self.now == self.other else rows, _codes(rows[self.now], self.labels)
        odd: Mask = (
            self.late[codes] if beside is None else self.never[_codes(beside[self.other], self.others), codes]
        )
        return odd


def never_pairs(
    rows: pd.DataFrame, later: Mask, whom: Ints, schema: Schema, categories: Collection[str]
) -> tuple[NeverPair, ...]:
    """Return which labels never follow each other, and which never stand beside one that mostly stays.

    Of a label that mostly stays it is drawn whether it does, so nothing else keeps it to those beside it.

    Args:
        rows: those of one history together and in order.
        later: which of them are not the first of a history.
        whom: whom each of the rows is about.
        schema: of the rows.
        categories: the columns that are labels.
    """
    labels = [name for name in schema.columns if name in categories and rows[name].nunique() <= MANY]
    pairs = [_followers(rows[name], later, whom) for name in labels]
    pairs += [_pair(rows[one], rows[two], whom, rows[one]) for one, two in _beside(labels, schema)]
    return tuple(pair for pair in pairs if pair.never.any() or pair.late.any())


def _followers(values: pd.Series[Any], later: Mask, whom: Ints) -> NeverPair:
    """Return which labels never follow each other, and which are never the first of an owner.

    A label of first rows alone, such as `new`, follows none.
    """
    behind = np.flatnonzero(later)
    pair = _pair(values.iloc[behind], values.iloc[behind - 1], whom[behind], values)
    first = _codes(values[~later], pair.labels)
    owners = len(np.unique(whom[~later]))
    odds = owners * np.log1p(-np.minimum(_chances(values, pair.labels), 0.999))
    is_seldom = np.bincount(first, minlength=len(odds)) <= SELDOM * owners
    late = is_seldom & (odds < math.log(LEVEL) - math.log(len(odds)))
    late[-1] = False
    return replace(pair, late=late)


def _beside(labels: Collection[str], schema: Schema) -> Iterator[tuple[str, str]]:
    steady = [name for name in labels if name in schema.steady_columns]
    yield from ((one, two) for one in steady for two in labels if one != two)


def _chances(values: pd.Series[Any], labels: pd.Index[Any]) -> Floats:
    """Return the share of each label, that of NULL and others last."""
    shares: Floats = np.bincount(_codes(values, labels), minlength=len(labels) + 1) / max(len(values), 1)
    return shares


def _pair(now: pd.Series[Any], other: pd.Series[Any], whom: Ints, every: pd.Series[Any]) -> NeverPair:
    """Return which labels are never beside each other, though chance would surely have them there.

    Chance deals them out as often as they are in `every` row.
    """
    labels, others = (pd.Index(one.dropna().unique().astype(object)) for one in (every, other))
    codes, other_codes = _codes(now, labels), _codes(other, others)
    pairs = pd.DataFrame({0: other_codes, 1: codes, 2: whom}).drop_duplicates()
    both = np.zeros((len(others) + 1, len(labels) + 1), np.int64)
    np.add.at(both, (pairs[0].to_numpy(), pairs[1].to_numpy()), 1)
    holders = pairs[[0, 2]].drop_duplicates()[0]
    number = np.bincount(holders, minlength=len(others) + 1)[:, None]
    chances = _chances(every, labels)
    # If labels were dealt out, so many owners would all miss one as seldom as this, all pairs counted in.
    odds = number * np.log1p(-np.minimum(chances, 0.999))
    never = (both <= SELDOM * number) & (odds < math.log(LEVEL) - math.log(max(both.size, 1)))
    never[-1, :] = never[:, -1] = False
    return NeverPair(str(now.name), labels, str(other.name), others, never, np.zeros(len(labels) + 1, bool))


def are_odd(rows: pd.DataFrame, before: pd.DataFrame | None, pairs: Collection[NeverPair]) -> Mask:
    """Return which rows hold labels that never go together, or with the row before."""
    odd = np.zeros(len(rows), bool)
    for pair in pairs:
        odd |= pair.are_odd(rows, before)
    return odd


def _codes(values: pd.Series[Any], labels: pd.Index[Any]) -> Ints:
    """Return the places of values among labels; behind the last for NULL and others."""
    places = labels.get_indexer(pd.Index(values.astype(object)))
    return np.where(places < 0, len(labels), places).astype(np.int64)
