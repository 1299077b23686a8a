"""Engines see the year of a birth, and rows keep to its day."""

from __future__ import annotations

import pandas as pd

from synth.columns.birthdays import as_birth_dates, by_year


def test_engines_see_the_middle_of_the_year() -> None:
    days = pd.to_datetime(pd.Series(["1980-01-01", "1980-12-31", None, "2001-07-02"])).astype(
        "datetime64[us]"
    )
    rows = pd.DataFrame({"born": days, "since": days})
    seen_rows = by_year(rows, {"born", "other"})
    assert seen_rows["born"].dt.strftime("%F").fillna("").tolist() == [
        "1980-07-01",
        "1980-07-01",
        "",
        "2001-07-02",
    ]
    assert seen_rows["since"].equals(days)
    assert rows["born"].equals(days)


def test_years_alone_become_the_middle_of_theirs() -> None:
    like = pd.DataFrame({"born": pd.to_datetime(["1980-05-05"]).astype("datetime64[us]"), "rooms": [3]})
    years = pd.DataFrame({"born": pd.array([1980, None], "Int64"), "rooms": [1980, 4]})
    rows = as_birth_dates(years, like)
    assert rows["born"].dt.strftime("%F").fillna("").tolist() == ["1980-07-01", ""]
    assert rows["rooms"].tolist() == [1980, 4]
    assert rows.astype(like.dtypes.to_dict())["born"].dtype == like["born"].dtype
