"""Of an owner's rows that differ in a label, none repeats it: a visit has one row a kind of measurement.

Where such a key is known, a row that repeats a label of its owner makes way for a spare row of this owner
with another label. Where there is none, it changes places with a row of another owner, so that neither
repeats one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from synth.sampling.context import Samples

    Ints: TypeAlias = NDArray[np.int64]

ROUNDS = 30  # partners that are tried at random for each row


def labels_of_keys(unique: Sequence[tuple[str, ...]], key: str, columns: Sequence[str]) -> list[list[str]]:
    """Return the learned columns of each key that is made of them and of the column that names the owner."""
    others = [[name for name in names if name != key] for names in unique if key in names and len(names) > 1]
    return [names for names in others if set(names) <= set(columns)]


def with_single_labels(
    samples: Samples, keys: Sequence[Sequence[str]], rng: np.random.Generator, *, time: str | None = None
) -> Samples:
    """Return the samples in which rows of one owner repeat no labels, as far as they can be parted.

    Args:
        samples: rows of owners, the spare ones behind those of the twin.
        keys: the columns in which no two rows of an owner are equal.
        rng: the source of chance.
        time: the column that orders the rows of an owner; its values stay where they are.
    """
    if samples.owner is None or samples.rows is None or samples.group is not None:
        return samples
    for names in keys:
        labels = np.asarray(
            samples.synthetic.groupby(list(names), dropna=False, sort=False).ngroup(), np.int64
        )
        places = single_places(samples.owner, labels, samples.rows, samples.second, rng)
        if places is not None:
            rows = samples.synthetic.take(places).reset_index(drop=True)
            if time is not None:
                elsewhere = samples.owner[places] != samples.owner
                rows[time] = rows[time].mask(elsewhere, samples.synthetic[time].reset_index(drop=True))
            samples = replace(samples, synthetic=rows)
    return samples


def single_places(
    owner: Ints, labels: Ints, number: int, half: NDArray[np.bool_] | None, rng: np.random.Generator
) -> Ints | None:
    """Return for each row the place of the one that comes to stand there; None where no row repeats a label.

    Args:
        owner: of each row.
        labels: of each row, as numbers.
        number: how many of the rows make the twin; the others are spare.
        half: which rows the engine of the second half drew; rows of two engines do not mix.
        rng: the source of chance.
    """
    width = int(labels.max(initial=0)) + 1
    cells = owner * width + labels
    if not _repeats(cells[:number]).any():
        return None
    places = np.arange(len(owner))
    _take_spare(places, owner, cells, number)
    for _ in range(ROUNDS):
        repeats = np.flatnonzero(_repeats(owner[:number] * width + labels[places[:number]]))
        if not len(repeats):
            break
        _swap(places, repeats, owner, labels, number, half, rng)
    return places


def _repeats(cells: Ints) -> NDArray[np.bool_]:
    repeats: NDArray[np.bool_] = pd.Series(cells).duplicated().to_numpy()
    return repeats


def _take_spare(places: Ints, owner: Ints, cells: Ints, number: int) -> None:
    """Let spare rows of the same owner change places with rows that repeat a label."""
    rows_to_go = np.flatnonzero(_repeats(cells[:number]))
    spare = number + np.flatnonzero(~np.isin(cells[number:], cells[:number]))
    spare = spare[~_repeats(cells[spare])]
    frames = [pd.DataFrame({"place": part, "owner": owner[part]}) for part in (rows_to_go, spare)]
    for frame in frames:
        frame["turn"] = frame.groupby("owner").cumcount()
    both = frames[0].merge(frames[1], on=["owner", "turn"], suffixes=("", "_spare"))
    rows, others = both["place"].to_numpy(np.int64), both["place_spare"].to_numpy(np.int64)
    places[rows], places[others] = others, rows


def _swap(
    places: Ints,
    repeats: Ints,
    owner: Ints,
    labels: Ints,
    number: int,
    half: NDArray[np.bool_] | None,
    rng: np.random.Generator,
) -> None:
    """Let rows change places with others at random, where neither then repeats a label."""
    width = int(labels.max(initial=0)) + 1
    here = labels[places[:number]]
    taken_cells = owner[:number] * width + here
    partners = rng.integers(0, number, len(repeats))
    fits = ~np.isin(owner[repeats] * width + here[partners], taken_cells)
    fits &= ~np.isin(owner[partners] * width + here[repeats], taken_cells)
    if half is not None:
        fits &= half[repeats] == half[partners]
    # Each owner takes part once a round, else two rows could bring the same label.
    pairs = np.stack([repeats, partners], axis=1)[fits]
    whose = owner[pairs]
    is_later = pd.Series(whose.ravel()).duplicated().to_numpy().reshape(-1, 2).any(axis=1)
    rows, others = pairs[~is_later].T
    places[rows], places[others] = places[others], places[rows]
