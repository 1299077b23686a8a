"""Postcodes that begin as those of their town do, although all of them are made up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from synth.columns.pii import IdentifierKind
from synth.domain import RARE, Kind, Role

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from synth.columns.roles import Treatment

TAIL = 2  # characters at the end that stay made up, at least
SHARE = 0.98  # of the rows whose beginning must be shared
FEWER = 0.5  # of the pairs of label and beginning that chance would make, there may be so many
TRIES = 30  # draws of the end of a value that is none of the real ones


@dataclass(frozen=True, slots=True)
class Beginnings:
    """How the values of a column begin beside each label of another.

    Attributes:
        column: of the labels.
        length: how many characters the beginnings have.
        shares: for each label its beginnings, and how often each is.
    """

    column: str
    length: int
    shares: Mapping[str, pd.Series[float]]

    @property
    def are_certain(self) -> bool:
        """Whether each label has one beginning alone."""
        return all(len(starts) == 1 for starts in self.shares.values())


def with_beginnings(
    columns: Mapping[str, pa.Array],
    treatments: Sequence[Treatment],
    real: pa.Table,
    existing: pa.Table,
    rng: np.random.Generator,
) -> dict[str, pa.Array]:
    """Return the twin's columns with postcodes that begin as real ones do beside the labels of their row.

    Args:
        columns: of the twin.
        treatments: of every column.
        real: the rows that are learned from.
        existing: all real values, none of which may come back.
        rng: the source of chance.
    """
    twin_columns = dict(columns)
    labels = [one.column.name for one in treatments if one.role is Role.CATEGORY]
    for one in treatments:
        name = one.column.name
        if one.what is not IdentifierKind.POSTCODE or one.role is not Role.ADDRESS or one.unique:
            continue
        beginnings = find_beginnings(real, name, [label for label in labels if label in columns])
        if one.column.kind is Kind.TEXT and beginnings is not None:
            values, beside = columns[name], columns[beginnings.column]
            twin_columns[name] = _replace_beginnings(values, beside, beginnings, existing.column(name), rng)
    return twin_columns


def find_beginnings(
    real: pa.Table, name: str, labels: Sequence[str], most: int | None = None
) -> Beginnings | None:
    """Return the longest beginnings that follow from one of the labels, each shared by `RARE` values.

    They have at most so many characters.
    """
    values = texts_of_column(real.column(name))
    usual = values.dropna().str.len().min() if values.notna().any() else 0
    for length in range(min(int(usual) - TAIL, most or int(usual)), 0, -1):
        for label in labels:
            pairs = pd.DataFrame({"label": texts_of_column(real.column(label)), "value": values}).dropna()
            pairs["start"] = pairs["value"].str[:length]
            value_counts = pairs.drop_duplicates().groupby(["label", "start"])["value"].transform("size")
            common = pairs.loc[value_counts.index][value_counts >= RARE][["label", "start"]].drop_duplicates()
            common_pairs = pairs.merge(common, on=["label", "start"])
            if len(common) and len(common_pairs) >= SHARE * len(pairs) and _is_telling(common_pairs):
                shares = {
                    str(one): some["start"].value_counts(normalize=True).sort_index()
                    for one, some in common_pairs.groupby("label")
                }
                return Beginnings(label, length, shares)
    return None


def _is_telling(pairs: pd.DataFrame) -> bool:
    """Return whether labels have far fewer beginnings than if these were dealt out at random."""
    shuffled_starts = np.random.default_rng(len(pairs)).permutation(pairs["start"].to_numpy())
    by_chance = len(pairs.assign(start=shuffled_starts)[["label", "start"]].drop_duplicates())
    return len(pairs[["label", "start"]].drop_duplicates()) <= FEWER * by_chance


def other_beginnings(
    values: pa.Array, labels: pa.Array, beginnings: Beginnings, rng: np.random.Generator
) -> pa.Array:
    """Return the values with such beginnings, each with its own end.

    Where its own beginning is written another way, as `SACH-21-` beside `KFZ-21-0`, it gets the end of one of
    those that are written so.
    """
    texts, beside = texts_of_column(values), texts_of_column(labels)
    forms = texts.str[: beginnings.length].map(written_form, na_action="ignore")
    ends = {
        form: some.str[beginnings.length :].to_numpy(object) for form, some in texts.groupby(forms, sort=True)
    }
    for label, shares in beginnings.shares.items():
        rows = np.flatnonzero((beside == label).to_numpy(bool) & texts.notna().to_numpy(bool))
        starts = rng.choice(shares.index.to_numpy(object), len(rows), p=shares.to_numpy())
        own_ends = np.array(texts.iloc[rows].str[beginnings.length :], object)
        new_forms, own_forms = np.array([*map(written_form, starts)]), forms.iloc[rows].to_numpy(str)
        for form in sorted({*new_forms[new_forms != own_forms]} & ends.keys()):
            others = np.flatnonzero((new_forms == form) & (own_forms != form))
            alike, codes = np.unique(texts.iloc[rows[others]].to_numpy(str), return_inverse=True)
            own_ends[others] = rng.choice(ends[form], len(alike))[codes]  # rows of one code keep one
        texts.iloc[rows] = starts + own_ends
    return pa.array(texts.where(texts.notna(), None), values.type)


def _replace_beginnings(
    values: pa.Array,
    labels: pa.Array,
    beginnings: Beginnings,
    existing: pa.ChunkedArray,
    rng: np.random.Generator,
) -> pa.Array:
    """Return the values with such beginnings; where only real values begin so, they stay as they are."""
    texts, beside = texts_of_column(values), texts_of_column(labels)
    real_texts = pd.Index(texts_of_column(existing).dropna().unique())
    new_texts = texts.copy()
    ends = texts.dropna().str[beginnings.length :].to_numpy(object)
    for label, shares in beginnings.shares.items():
        rows = np.flatnonzero((beside == label).to_numpy(bool) & texts.notna().to_numpy(bool))
        starts: NDArray[Any] = rng.choice(shares.index.to_numpy(object), len(rows), p=shares.to_numpy())
        for _ in range(TRIES):
            if not len(rows):
                break
            fresh = pd.Series(starts + rng.choice(ends, len(rows)), dtype=object)
            free = ~fresh.isin(real_texts).to_numpy(bool)
            new_texts.iloc[rows[free]] = fresh[free].array
            rows, starts = rows[~free], starts[~free]
    return pa.array(new_texts.where(new_texts.notna(), None), values.type)


def written_form(text: str) -> str:
    """Return how a text is written: where its marks stand, and `x` for all else."""
    return "".join("x" if one.isalnum() else one for one in text)


def texts_of_column(values: pa.Array | pa.ChunkedArray) -> pd.Series[Any]:
    """Return values as text, None for NULL."""
    return pd.Series(values.cast(pa.string()).to_numpy(zero_copy_only=False), dtype=object)
