"""Codes of a list are those that were valid on the day of their row, where real ones are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from synth.corrections.validity import Validity, find_validity, valid_places

RULE = Validity("begin", "since", "until")
LIST = pd.DataFrame(
    {
        "code": [f"{kind}{year}" for year in (2020, 2022, 2024) for kind in "AB"],
        "kind": ["A", "B"] * 3,
        "since": np.repeat(pd.to_datetime(["2020-01-01", "2022-01-01", "2024-01-01"]), 2),
        "until": np.repeat(pd.to_datetime(["2021-12-31", "2023-12-31", ""]), 2),
    }
)


def policies(seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows that begin at any day, with a code that was valid then."""
    rng = np.random.default_rng(seed)
    begin = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 1_800, 300), "D")
    places = (begin.year.to_numpy() - 2020) // 2 * 2 + rng.integers(0, 2, 300)
    paid = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 2_500, 300), "D")
    return pd.DataFrame({"paid": paid, "begin": begin}), places.astype(np.int64)


def test_the_day_that_lies_within_the_validity_of_its_code_is_seen() -> None:
    rows, places = policies(0)
    rng = np.random.default_rng(0)
    assert find_validity(rows, places, LIST, rng) == RULE
    assert find_validity(rows, rng.permutation(places), LIST, rng) is None
    assert find_validity(rows[["paid"]], places, LIST, rng) is None
    assert find_validity(rows.head(10), places[:10], LIST, rng) is None
    forever = LIST.assign(since=pd.Timestamp("2000-01-01"), until=pd.Timestamp("2099-12-31"))  # tells nothing
    assert find_validity(rows, places, forever, rng) is None


def test_codes_that_were_not_valid_become_those_of_the_row_most_alike() -> None:
    rows, places = policies(1)
    rng = np.random.default_rng(0)
    drawn = np.where(rng.random(300) < 0.5, rng.permutation(places), -1)
    new = valid_places(rows["begin"], drawn, LIST, RULE, rng)
    known = drawn >= 0
    assert (new[~known] == -1).all()
    assert RULE.holds(rows["begin"][known], LIST.iloc[new[known]]).all()
    assert (new[known] % 2 == drawn[known] % 2).all()  # of the same kind
    right = known & (drawn // 2 == places // 2)
    assert (new[right] == drawn[right]).all()
    before_all = pd.Series(pd.to_datetime(["1999-01-01"] * 300))
    assert (valid_places(before_all, drawn, LIST, RULE, rng) == drawn).all()
