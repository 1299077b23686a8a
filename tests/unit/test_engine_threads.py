"""Work side by side: the same results in the same order, whatever the number of threads."""

from __future__ import annotations

import os
import subprocess
import sys
from threading import Event

import pytest

from synth.engine.threads import cores, side_by_side

ALONE = """
import os, sys
import numpy as np, pandas as pd
if sys.argv[1] == "alone":
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from synth.engine import Synthesizer
rng = np.random.default_rng(0)
frame = pd.DataFrame({"a": rng.normal(size=3000), "b": rng.integers(0, 9, 3000)})
print(pd.util.hash_pandas_object(Synthesizer(seed=1).fit(frame).sample(120_000)).sum())
"""


def test_results_come_in_the_order_of_the_items() -> None:
    assert list(side_by_side(lambda item: item * 2, range(50))) == [item * 2 for item in range(50)]
    assert list(side_by_side(str, [])) == []


def test_an_error_reaches_the_caller_at_its_place() -> None:
    results = side_by_side(lambda item: 1 // (2 - item), range(9))
    assert next(results) == 0
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)


@pytest.mark.skipif(cores() == 1, reason="one processor works alone")
def test_items_are_worked_on_at_once_and_no_more_than_are_asked_for() -> None:
    meeting, starts = Event(), []

    def work(item: int) -> bool:
        starts.append(item)
        if item:
            meeting.set()
        return meeting.wait(60)

    results = side_by_side(work, range(100))
    assert next(results)  # the first waits for the second
    assert len(starts) < 10


def test_one_processor_draws_the_rows_that_several_draw() -> None:
    hashes = {
        subprocess.run(
            [sys.executable, "-c", ALONE, how], check=True, capture_output=True, text=True
        ).stdout.strip()
        for how in (["alone", "together"] if hasattr(os, "sched_setaffinity") else ["together"])
    }
    assert len(hashes) == 1
