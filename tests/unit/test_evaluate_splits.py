"""What one split of some hundred entities cannot decide, several can."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from synth.domain import Check, Verdict
from synth.evaluate import Entities, Halves, evaluate
from synth.twins.gate import SplitsInTime
from tests.unit.test_evaluate import customers

if TYPE_CHECKING:
    from numpy.typing import NDArray

PEOPLE, ENGINES = 500, 16


@dataclass
class Engine:
    """Draws fresh rows, of which a share are rows that it learned, moved a little."""

    real: pd.DataFrame
    seed: int
    memory: float
    asked: int = 0

    @property
    def whose(self) -> NDArray[np.int64]:
        return np.concatenate(self._parts(0))

    def draw(self, number: int) -> Halves:
        self.asked += number > 0
        parts = self._parts(number)
        twins = [self._twin(self.real.iloc[part], 2 * number + side) for side, part in enumerate(parts)]
        first, second = (self.real.iloc[part].reset_index(drop=True) for part in parts)
        return Halves(
            first,
            second,
            pd.concat(twins, ignore_index=True),
            np.repeat([False, True], [len(twin) for twin in twins]),
            Entities(parts[0], parts[1], np.arange(sum(map(len, twins)))),
            np.concatenate(parts),
        )

    def _parts(self, number: int) -> list[NDArray[np.int64]]:
        order = np.random.default_rng([self.seed, number]).permutation(len(self.real))
        return np.array_split(order, 2)

    def _twin(self, half: pd.DataFrame, stream: int) -> pd.DataFrame:
        rng = np.random.default_rng([self.seed, stream, 7])
        fresh = customers(len(half), 1_000 * self.seed + stream + 1)
        is_known = rng.random(len(half)) < self.memory
        rows = half.reset_index(drop=True)
        rows["spend"] *= np.exp(rng.normal(0, 0.02, len(rows)))
        return pd.concat([fresh[~is_known], rows[is_known]], ignore_index=True)


def membership(engine: Engine, *, several: bool, steps: list[str] | None = None) -> Check:
    one = engine.draw(0)
    evaluation = evaluate(
        one.training,
        one.holdout,
        one.synthetic,
        second=one.second,
        entities=one.entities,
        splits=engine if several else None,
        progress=None if steps is None else lambda name, *_: steps.append(name),
    )
    return next(check for check in evaluation.checks if check.name == "membership")


def verdicts(memory: float, *, several: bool) -> list[Verdict]:
    engines = [Engine(customers(PEOPLE, 50 + seed), seed, memory) for seed in range(ENGINES)]
    return [membership(engine, several=several).verdict for engine in engines]


@pytest.mark.slow
def test_several_splits_decide_about_fresh_rows_of_five_hundred_people() -> None:
    # One split passes six of ten, and five splits nine of ten.
    assert verdicts(0.0, several=True).count(Verdict.PASS) >= ENGINES - 1


@pytest.mark.slow
def test_several_splits_do_not_let_an_engine_pass_that_remembers() -> None:
    assert Verdict.PASS not in verdicts(0.15, several=True)


def test_other_splits_are_asked_where_the_first_is_open_and_it_is_said() -> None:
    open_engines = [
        engine
        for seed in range(8)
        if membership(engine := Engine(customers(PEOPLE, 50 + seed), seed, 0.0), several=False).verdict
        is Verdict.INCONCLUSIVE
    ]
    assert open_engines
    engine = open_engines[0]
    steps: list[str] = []
    check = membership(engine, several=True, steps=steps)
    assert [step for step in steps if "split" in step] == [
        f"checking membership, split {number} of 16" for number in range(2, engine.asked + 2)
    ]
    assert steps[0].startswith("checking ")
    assert 1 <= engine.asked <= 15
    assert f"in {engine.asked + 1} splits" in check.explain
    assert f"at {98.75 if engine.asked == 4 else 97.5} % confidence" in check.explain


def test_no_more_splits_are_asked_than_leave_hope() -> None:
    engines = [Engine(customers(PEOPLE, 50 + seed), seed, 0.15) for seed in range(4)]
    checks = [membership(engine, several=True) for engine in engines]
    assert Verdict.PASS not in {check.verdict for check in checks}
    assert sum(engine.asked for engine in engines) < 2 * len(engines)


def test_other_splits_are_not_asked_where_the_first_decides() -> None:
    engine = Engine(customers(4_000, 3), 3, 0.0)
    assert membership(engine, several=True).verdict is Verdict.PASS
    assert engine.asked == 0


def test_no_split_is_drawn_that_would_hardly_be_done_in_time() -> None:
    engine = Engine(customers(PEOPLE, 1), 1, 0.0)
    since = monotonic() - 100  # a split took 100 seconds, or five took 20 each
    assert SplitsInTime(engine, 201, since).draw(1) is not None
    assert SplitsInTime(engine, 199, since).draw(1) is None
    assert SplitsInTime(engine, 121, since).draw(5) is not None
    assert SplitsInTime(engine, 119, since).draw(5) is None
    assert engine.asked == 2
    assert (SplitsInTime(engine, 1, since).whose == engine.whose).all()
