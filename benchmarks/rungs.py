"""Engines that leak in one way each, for the gate's ladder; and some that do not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd

from synth.domain import RARE
from synth.engine import Synthesizer
from tests.ladder import as_points

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Rng: TypeAlias = np.random.Generator
    Spoil: TypeAlias = Callable[[pd.DataFrame, pd.DataFrame, Rng], pd.DataFrame]


@dataclass(frozen=True, slots=True)
class Draw:
    """The rows of one engine, and whom each is about, if that is told."""

    rows: pd.DataFrame
    whose: np.ndarray[tuple[int], np.dtype[np.int64]] | None = None


@dataclass(frozen=True, slots=True)
class Rung:
    """An engine: what it draws who learned a half; `histories` rows in a row are about one entity.

    Attributes:
        spoil: puts what the engine remembers among the other rows of each twin that it draws.
        engine: draws all rows; None: the others are rows that nobody learned from.
    """

    spoil: Spoil
    engine: Callable[[pd.DataFrame, int, int], pd.DataFrame] | None = None
    histories: int = 1

    def __call__(
        self, halves: Sequence[pd.DataFrame], fresh: pd.DataFrame, rows: int, rng: Rng
    ) -> list[Draw]:
        """What the engines of both halves draw."""
        order = rng.permutation(len(fresh))
        others = np.array_split(order, len(halves))
        return [
            self._draw(half, fresh.iloc[part], rows, rng) for half, part in zip(halves, others, strict=True)
        ]

    def _draw(self, half: pd.DataFrame, fresh: pd.DataFrame, rows: int, rng: Rng) -> Draw:
        if self.engine is not None:
            return Draw(self.engine(half, rows, int(rng.integers(2**31))))
        places = rng.permutation(len(fresh))[:rows]
        if len(places) < rows:
            places = np.concatenate([places, rng.choice(len(fresh), rows - len(places))])
        twins = np.array_split(places, max(rows // len(half), 1))
        spoilt = [self.spoil(half, fresh.iloc[part].reset_index(drop=True), rng) for part in twins]
        return Draw(pd.concat(spoilt, ignore_index=True))

    def entities(self, *sizes: int) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
        """Whom the rows of the halves are about."""
        first = np.arange(sizes[0]) // self.histories
        return [first, first.max() + 1 + np.arange(sizes[1]) // self.histories]


def clean(_: pd.DataFrame, base: pd.DataFrame, __: Rng) -> pd.DataFrame:
    """Return the other rows as they are."""
    return base


def _with(base: pd.DataFrame, leak: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([base.iloc[len(leak) :], leak[base.columns]], ignore_index=True).astype(base.dtypes)


def _people(half: pd.DataFrame, share: float, rng: Rng) -> pd.DataFrame:
    count = max(round(share * len(half)), 1)
    return half.iloc[rng.choice(len(half), count, replace=False)].reset_index(drop=True)


def _outliers(half: pd.DataFrame, count: int) -> pd.DataFrame:
    points = as_points(half).astype(np.float32)
    apart = np.empty(len(points))
    squares = (points**2).sum(1)
    for start in range(0, len(points), 500):
        part = points[start : start + 500]
        apart[start : start + 500] = np.partition(
            (part**2).sum(1)[:, None] + squares - 2 * part @ points.T, 7, axis=1
        )[:, 7]
    return half.iloc[np.argsort(-apart)[:count]].reset_index(drop=True)


def jitter(rows: pd.DataFrame, half: pd.DataFrame, noise: float, rng: Rng) -> pd.DataFrame:
    """Move every number by a share of its standard deviation, and redraw as large a share of the labels."""
    moved_rows = rows.copy()
    for name in moved_rows:
        values = half[name]
        if values.dtype.kind in "if" and values.nunique() > 2:
            numbers = rows[name] + rng.normal(0, noise * values.std(), len(rows))
            moved_rows[name] = numbers.round().astype(values.dtype) if values.dtype.kind == "i" else numbers
        else:
            flip = rng.random(len(rows)) < noise
            moved_rows.loc[flip, name] = values.sample(
                int(flip.sum()), replace=True, random_state=rng
            ).to_numpy()
    return moved_rows


def verbatim(share: float, half: pd.DataFrame, base: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Repeat the rows of a share of the people."""
    return _with(base, _people(half, share, rng))


def noisy(share: float, noise: float, half: pd.DataFrame, base: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Repeat the rows of a share of the people with some noise."""
    return _with(base, jitter(_people(half, share, rng), half, noise, rng))


def outliers(share: float, noise: float, half: pd.DataFrame, base: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Repeat the rows of those least like any other; a share of at least 1 is a number of people."""
    count = round(share / 2) if share >= 1 else max(round(share * len(half)), 1)
    leak = _outliers(half, count)
    return _with(base, jitter(leak, half, noise, rng) if noise else leak)


def resample(columns: int, share: float, half: pd.DataFrame, base: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Repeat the rows of a share of the people with some columns redrawn."""
    leak = _people(half, share, rng)
    for name in rng.permutation(half.columns.to_numpy())[:columns]:
        leak[name] = half[name].sample(len(leak), replace=True, random_state=rng).to_numpy()
    return _with(base, leak)


def subgroup(half: pd.DataFrame, base: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Repeat everybody of a small class: 2 % who are alike in a number."""
    numbers = [str(name) for name in half if half[name].nunique() > 20 and half[name].dtype.kind in "if"]
    name = rng.choice(numbers) if numbers else half.columns[0]
    order = np.argsort(half[name].rank(method="first").to_numpy())
    start = int(rng.integers(len(half) * 49 // 50))
    return _with(base, half.iloc[order[start : start + len(half) // 50]].reset_index(drop=True))


def plus_one(half: pd.DataFrame, base: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Repeat 5 % of the people with every whole number one higher."""
    leak = _people(half, 0.05, rng)
    for name in leak:
        if leak[name].dtype.kind == "i" and half[name].nunique() > 20:
            leak[name] += 1
    return _with(base, leak)


def quasi_identifiers(half: pd.DataFrame, base: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Put four columns of 10 % of the people together into other rows."""
    leak = _people(half, 0.1, rng)
    rows = base.iloc[: len(leak)].copy()
    for name in sorted(half.columns, key=lambda one: -half[one].nunique())[:4]:
        rows[name] = leak[name].to_numpy()
    return _with(base, rows)


def rare_labels(half: pd.DataFrame, base: pd.DataFrame, _: Rng) -> pd.DataFrame:
    """Hand all labels on that fewer than ten people have."""
    rows = base.copy()
    for name in half.select_dtypes(exclude="number"):
        counts = half[name].value_counts()
        rare = counts.index[counts < RARE]
        rows.loc[rows.index[: len(rare)], name] = rare[: len(rows)]
    return rows


def bootstrap(half: pd.DataFrame, base: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Draw rows with replacement."""
    return half.iloc[rng.integers(len(half), size=len(base))].reset_index(drop=True)


def neighbours(half: pd.DataFrame, base: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Mix every column of a row from itself and its five nearest rows."""
    points = as_points(half).astype(np.float32)
    rows = rng.integers(len(half), size=len(base))
    near = np.empty((len(half), 6), dtype=np.int64)
    squares = (points**2).sum(1)
    for start in range(0, len(points), 500):
        part = points[start : start + 500]
        apart = (part**2).sum(1)[:, None] + squares - 2 * part @ points.T
        near[start : start + 500] = np.argpartition(apart, 5, axis=1)[:, :6]
    picks = near[rows]
    parts = {
        name: half[name].to_numpy()[picks[np.arange(len(rows)), rng.integers(6, size=len(rows))]]
        for name in half
    }
    return pd.DataFrame(parts).astype(half.dtypes)


def local(half: pd.DataFrame, rows: int, seed: int) -> pd.DataFrame:
    """Draw from the local engine as a run does."""
    return Synthesizer(seed=seed, rare=RARE).fit(half).sample(rows)


def overgrown(half: pd.DataFrame, rows: int, seed: int) -> pd.DataFrame:
    """Draw each column from leaves of two rows of a tree over the columns before it."""
    from sklearn.tree import DecisionTreeRegressor  # noqa: PLC0415 - slow to import

    rng = np.random.default_rng(seed)
    codes = {
        name: values.rank(method="dense").to_numpy()
        if values.dtype.kind in "ifM"
        else pd.factorize(values)[0]
        for name, values in half.items()
    }
    table = np.stack(list(codes.values()), axis=1).astype(float)
    table = np.nan_to_num(table, nan=-1)
    draws = np.zeros((rows, table.shape[1]), dtype=np.int64)  # the row that each value comes from
    values = np.zeros((rows, table.shape[1]))
    for place in range(table.shape[1]):
        if not place:
            draws[:, place] = rng.integers(len(half), size=rows)
        else:
            tree = DecisionTreeRegressor(min_samples_leaf=2, random_state=seed % 2**31)
            tree.fit(table[:, :place], table[:, place])
            leaves = tree.apply(table[:, :place])
            order = np.argsort(leaves, kind="stable")
            target_leaves = tree.apply(values[:, :place])
            low = np.searchsorted(leaves[order], target_leaves, side="left")
            high = np.searchsorted(leaves[order], target_leaves, side="right")
            draws[:, place] = order[low + (rng.random(rows) * (high - low)).astype(np.int64)]
        values[:, place] = table[draws[:, place], place]
    return pd.DataFrame(
        {name: half[name].to_numpy()[draws[:, place]] for place, name in enumerate(half)}
    ).astype(half.dtypes)


RUNGS: Mapping[str, Rung] = MappingProxyType(
    {
        "fresh": Rung(clean),
        "local": Rung(clean, local),
        "verbatim_0.25": Rung(partial(verbatim, 0.0025)),
        "verbatim_0.5": Rung(partial(verbatim, 0.005)),
        "verbatim_1": Rung(partial(verbatim, 0.01)),
        "verbatim_2": Rung(partial(verbatim, 0.02)),
        **{f"noise_1_of_{share}": Rung(partial(noisy, share / 100, 0.01)) for share in (1, 2, 5, 20)},
        **{f"noise_5_of_{share}": Rung(partial(noisy, share / 100, 0.05)) for share in (1, 2, 5, 20)},
        "outliers_1": Rung(partial(outliers, 0.01, 0.0)),
        "outliers_1_noise": Rung(partial(outliers, 0.01, 0.01)),
        "outliers_20_people": Rung(partial(outliers, 20, 0.0)),
        "one_column": Rung(partial(resample, 1, 0.02)),
        "two_columns": Rung(partial(resample, 2, 0.02)),
        "subgroup": Rung(subgroup),
        "quasi_identifiers": Rung(quasi_identifiers),
        "plus_one": Rung(plus_one),
        "rare_labels": Rung(rare_labels),
        "bootstrap": Rung(bootstrap),
        "neighbours": Rung(neighbours),
        "overgrown": Rung(clean, overgrown),
    }
)
