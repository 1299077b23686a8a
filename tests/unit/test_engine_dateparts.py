"""Parts of a date, and the time between two, are what they are in every synthetic row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from synth.engine import Synthesizer
from tests.arithmetic import ROWS, arithmetic, moments, numbers, twin


@pytest.mark.parametrize(
    "part",
    [
        lambda t: t.dt.year,
        lambda t: t.dt.quarter,
        lambda t: t.dt.month,
        lambda t: t.dt.day,
        lambda t: t.dt.day_of_week,
        lambda t: t.dt.day_of_week + 1,
        lambda t: (t.dt.day_of_week + 1) % 7,
        lambda t: (t.dt.day_of_week + 1) % 7 + 1,
        lambda t: t.dt.day_of_year,
        lambda t: t.dt.isocalendar().week.astype("Int64"),
        lambda t: t.dt.hour.astype("int8"),
        lambda t: t.dt.minute,
        lambda t: t.dt.second,
        lambda t: t.dt.hour * 100 + t.dt.minute,
        lambda t: t.dt.year * 100 + t.dt.month,
        lambda t: t.dt.strftime("%Y%m%d").astype(int),
        lambda t: t.dt.year - 1,
        lambda t: t.dt.year + 1,
        lambda t: t.dt.year + (t.dt.month >= 4),
        lambda t: t.dt.year - (t.dt.month < 7),
        lambda t: t.dt.year + (t.dt.month >= 10),
        lambda t: t.dt.floor("D"),
        lambda t: t.dt.floor("h"),
        lambda t: t.dt.floor("D") - pd.to_timedelta(t.dt.day_of_week, unit="D"),
        lambda t: t.dt.to_period("M").dt.start_time.astype("datetime64[us]"),
        lambda t: t.dt.to_period("Q").dt.start_time.astype("datetime64[us]"),
        lambda t: t.dt.to_period("Y").dt.start_time.astype("datetime64[us]"),
    ],
)
def test_parts_and_starts_of_moments_are_found_and_kept(part: Any) -> None:
    frame = pd.DataFrame({"at": moments(), "of": part(moments()), "x": numbers()["other"]})
    if frame["of"].nunique() > 2:
        result = twin(frame)
        pd.testing.assert_series_equal(result["of"], part(result["at"]), check_names=False, check_dtype=False)
    many = pd.DataFrame({"at": moments() + pd.to_timedelta(np.arange(ROWS) % 8 * 366, unit="D")})
    many["of"] = part(many["at"])
    assert len(arithmetic(many)) == 1


def test_an_hour_stays_as_frequent_as_it_was_although_the_moment_is_smoothed() -> None:
    frame = pd.DataFrame({"at": moments(rows=4000), "hour": moments(rows=4000).dt.hour})
    result = twin(frame, 4000)
    shares = [each["hour"].value_counts(normalize=True) for each in (frame, result)]
    assert shares[0].sub(shares[1], fill_value=0).abs().sum() / 2 < 0.06
    assert (result["at"].dt.hour == result["hour"]).all()


def test_time_between_moments_is_kept_in_its_unit() -> None:
    rng = np.random.default_rng(2)
    took = pd.Series(pd.to_timedelta(rng.gamma(2, 40_000, ROWS) // 1, unit="s")).astype("timedelta64[us]")
    frame = pd.DataFrame({"start": moments(), "end": moments() + took})
    for unit, seconds in (("s", 1), ("min", 60), ("h", 3600), ("D", 86_400)):
        frame["whole"] = (took.dt.total_seconds() // seconds).astype(int)
        result = twin(frame)
        assert ((result["end"] - result["start"]).dt.total_seconds() // seconds == result["whole"]).all(), (
            unit
        )
    frame["whole"] = took
    result = twin(frame)
    assert (result["end"] - result["start"] == result["whole"]).all()
    assert (result["start"] <= result["end"]).all()


def test_a_given_source_decides_what_is_computed_from_it() -> None:
    frame = pd.DataFrame({"at": moments(), "day": moments().dt.floor("D"), "x": numbers()["other"]})
    sources = frame[["at"]].sample(300, random_state=1).reset_index(drop=True)
    result = Synthesizer().fit(frame, given=["at"]).sample(300, given=sources)
    pd.testing.assert_frame_equal(result[["at"]], sources)
    assert (result["day"] == sources["at"].dt.floor("D")).all()
