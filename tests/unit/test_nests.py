"""Groups within the rows of an owner are drawn as groups: what is theirs is alike, and steps are in time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from synth.domain import HistoryRequest
from synth.histories import Histories
from synth.sampling.nests import GROUP, Nest, draw_nested

OWNERS = 120


@pytest.fixture(scope="module")
def visits() -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Visits of one to four steps, minutes apart, each on one device."""
    rng = np.random.default_rng(2)
    rows, owner, group = [], [], []
    for visit in range(3 * OWNERS):
        begin = pd.Timestamp("2024-01-01") + pd.Timedelta(minutes=int(rng.integers(0, 400_000)))
        device = str(rng.choice(["phone", "desk"]))
        for step in range(int(rng.integers(1, 5))):
            page = "home" if step == 0 else str(rng.choice(["list", "item"]))
            rows.append((begin + pd.Timedelta(minutes=3 * step), step + 1, device, page))
            owner.append(visit % OWNERS)
            group.append(visit)
    frame = pd.DataFrame(rows, columns=["at", "step", "device", "page"])
    return frame, np.array(owner), np.array(group)


def test_groups_have_one_owner_and_their_rows_are_numbered_in_time(
    visits: tuple[pd.DataFrame, np.ndarray, np.ndarray],
) -> None:
    rows, owner, group = visits
    nobody = pd.DataFrame(index=range(OWNERS))
    nest = Nest("visit", group, "at", ("device",), (), "step")

    def histories(
        some: pd.DataFrame, request: HistoryRequest, whom: np.ndarray | None
    ) -> list[tuple[pd.DataFrame, np.ndarray]]:
        engine = Histories(0, time=request.time, categories=["device", "page", "group device"])
        engine.fit(request.real, some, request.owner, entities=whom)
        return [engine.sample(request.twins, draw=number) for number in range(request.draws)]

    draws = draw_nested(nest, group, rows, HistoryRequest(nobody, owner, nobody, "at", 2), histories)

    assert len(draws) == 2
    for drawn_rows, whose in draws:
        one = drawn_rows.assign(owner=whose).groupby(GROUP)
        assert list(drawn_rows.columns) == [*rows.columns, GROUP]
        assert one["owner"].max().equals(one["owner"].min())
        assert one["device"].max().equals(one["device"].min())
        assert (one["step"].max() == one.size()).all()
        assert drawn_rows.sort_values([GROUP, "step"]).groupby(GROUP)["at"].is_monotonic_increasing.all()
        assert (drawn_rows["page"][drawn_rows["step"] == 1] == "home").mean() > 0.9
        assert abs(one.size().mean() - len(rows) / (3 * OWNERS)) < 0.4
