"""How the benchmarks read and halve tables."""

from __future__ import annotations

import csv
import gzip
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


def read(path: Path) -> pd.DataFrame:
    """The table; only what is empty is NULL, and texts that look like dates are read as dates."""
    import pandas as pd  # noqa: PLC0415 - who halves only should stay small, as its children inherit its peak

    table = pd.read_csv(path, keep_default_na=False, na_values=[""])
    for name in table.columns:
        text = table[name].dropna()
        if (
            text.dtype.kind not in "iufbM"
            and text.astype(str).str.match(r"\d{4}-\d\d-\d\d").all()
            and len(text)
        ):
            table[name] = pd.to_datetime(table[name], format="mixed")
    return table


def halve(table: Path, training: Path, holdout: Path, *, seed: int, rows: int | None = None) -> None:
    """Write a random half of the rows of a CSV file to each of two, every value as it stands in the file.

    `rows` is how many to take at most, of the shuffled rows.
    """
    opener = gzip.open if table.suffix == ".gz" else open
    with opener(table, "rt", encoding="utf-8", newline="") as file:
        head, *lines = csv.reader(file)
    order = np.random.default_rng(seed).permutation(len(lines))[:rows]
    for path, half in zip((training, holdout), np.array_split(order, 2), strict=True):
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(head)
            writer.writerows(lines[place] for place in half)
