"""Shares of a twin's columns are nearer to those of training than independent draws would be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from synth.engine import Synthesizer

SEEDS = range(8)


def orders(rows: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "town": random.choice(list("abcdefgh"), rows, p=[0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05]),
            "plan": random.choice(list("xyz"), rows, p=[0.6, 0.3, 0.1]),
        }
    )
    return frame.assign(price=np.round(random.gamma(2, 9, rows) + 10 * (frame["plan"] == "x"), 1))


@pytest.mark.parametrize("rows", [600, 3000])
def test_shares_are_off_by_less_than_by_chance(rows: int) -> None:
    off, by_chance = 0.0, 0.0
    for seed in SEEDS:
        frame = orders(rows, seed)
        twin = Synthesizer(seed=seed).fit(frame).sample(rows)
        for name in ("town", "plan"):
            real = frame[name].value_counts(normalize=True)
            shares = twin[name].value_counts(normalize=True).reindex(real.index, fill_value=0)
            off += float((shares - real).abs().sum())
            by_chance += float(np.sqrt(2 / np.pi * real * (1 - real) / rows).sum())
    assert off < 0.9 * by_chance


def test_few_rows_are_drawn_of_a_table_of_few_rows() -> None:
    frame = orders(12, 0)
    engine = Synthesizer(seed=0).fit(frame)
    assert [len(engine.sample(rows)) for rows in (0, 1, 5, 300)] == [0, 1, 5, 300]
