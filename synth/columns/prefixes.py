"""Keys that begin with another key of their row: line `A-17/2` of order `A-17`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from synth.columns.beginnings import texts_of_column
from synth.columns.formats import draw_texts, read_formats

if TYPE_CHECKING:
    from typing import TypeAlias

    Texts: TypeAlias = pd.Series[str]

FEWEST = 20  # different keys that others begin with, by which it is no chance
TRIES = 30  # other ends of a key that is not free
NUMBER = re.compile(r"(\D*)(\d+)")  # an end that counts


def with_prefix(
    values: pa.ChunkedArray,
    before: pa.ChunkedArray,
    real: pa.ChunkedArray,
    real_before: pa.ChunkedArray,
    rng: np.random.Generator,
) -> pa.ChunkedArray:
    """Return new keys that begin with another key of their row, as all real ones do, each once.

    Where real ends count the rows of that key from 1 on, new ones do. They stay as they are where there is
    no such rule, or no room.

    Args:
        values: the new keys.
        before: the other keys of their rows.
        real: the real keys.
        real_before: the other keys of the real rows.
        rng: the source of chance.
    """
    ends = _ends(texts_of_column(real), texts_of_column(real_before))
    heads = texts_of_column(before)
    if ends is None or heads.isna().any() or not len(heads):
        return values
    owners = texts_of_column(real_before)
    form = _count_form(ends, owners)
    if form is not None:
        number = (heads.groupby(heads).cumcount() + 1).astype(str).str.zfill(form[1])
        texts = heads + form[0] + number
    else:
        texts = _with_ends(heads, ends, rng)
    is_real = texts.isin(set(texts_of_column(real).dropna()))
    if texts.duplicated().any() or is_real.any():
        return values
    return pa.chunked_array([pa.array(texts, values.type)])


def _ends(keys: Texts, heads: Texts) -> Texts | None:
    """Return how real keys go on behind the other key of their row; None where some do not begin with it."""
    if keys.isna().any() or heads.isna().any() or heads.nunique() < FEWEST:
        return None
    pairs = zip(keys, heads, strict=True)
    ends = pd.Series([key[len(head) :] if key.startswith(head) else "" for key, head in pairs], dtype=object)
    return ends if (ends != "").all() else None


def _count_form(ends: Texts, owners: Texts) -> tuple[str, int] | None:
    """Return what stands before numbers that count the rows of each owner from 1 on, and their width."""
    matches = [NUMBER.fullmatch(end) for end in ends]
    parts = [one.groups() for one in matches if one is not None]
    if len(parts) < len(ends) or len({mark for mark, _ in parts}) != 1:
        return None
    numbers = pd.Series([int(number) for _, number in parts])
    expected = numbers.groupby(owners.to_numpy(object)).rank(method="first").astype(int)
    if not (numbers == expected).all():
        return None
    return parts[0][0], min(len(number) for _, number in parts)


def _with_ends(heads: Texts, ends: Texts, rng: np.random.Generator) -> Texts:
    """Return keys with ends in the form of real ones; drawn again where two would be one."""
    formats = read_formats(pa.chunked_array([pa.array(ends, pa.string())]), None)
    texts = heads + draw_texts(formats, len(heads), rng)
    for _ in range(TRIES):
        again = np.flatnonzero(texts.duplicated())
        if not len(again):
            break
        texts.iloc[again] = heads.iloc[again].to_numpy(object) + draw_texts(formats, len(again), rng)
    return texts
