"""Numbers of one entity resemble each other as in real rows."""

import numpy as np
import pandas as pd
import pytest

from synth.sampling.resemblance import correlation_within, resemblances, scores, with_resemblance

KINDS = {"height": (170.0, 8.0), "sugar": (6.0, 1.0), "pulse": (70.0, 9.0)}


def measurements(people: int, each: int, share: float, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Return rows whose values of one person and kind correlate by `share`, and whose they are."""
    rng = np.random.default_rng(seed)
    whom = np.repeat(np.arange(people), each)
    kind = rng.integers(0, len(KINDS), len(whom))
    own = rng.standard_normal((people, len(KINDS)))[whom, kind]
    score = np.sqrt(share) * own + np.sqrt(1 - share) * rng.standard_normal(len(whom))
    mean, spread = np.array(list(KINDS.values()))[kind].T
    labels = pd.Series(np.array(list(KINDS))[kind], dtype="str")
    return pd.DataFrame({"kind": labels, "value": mean + spread * score}), whom


def correlation(rows: pd.DataFrame, whom: np.ndarray) -> float:
    labels = pd.factorize(rows["kind"])[0]
    value = correlation_within(scores(rows["value"], labels), whom, labels)
    assert value is not None
    return value


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("share", [0.4, 0.8])
def test_drawn_numbers_come_to_resemble_each_other_as_real_ones(share: float, seed: int) -> None:
    real, whom = measurements(500, 6, share, seed)
    drawn_rows, entity = measurements(400, 6, 0.0, seed + 100)

    aims = resemblances(real, whom, categories={"kind"}, unchanged_columns=(), by_label_alone=False)
    result = with_resemblance(drawn_rows, entity, aims, None, np.random.default_rng(seed))

    assert [one.label for one in aims] == ["kind"]
    assert correlation(result, entity) == pytest.approx(correlation(real, whom), abs=0.05)
    for kind in KINDS:
        before, after = (rows["value"][drawn_rows["kind"] == kind] for rows in (drawn_rows, result))
        assert sorted(before) == sorted(after)


def test_each_label_has_a_correlation_of_its_own() -> None:
    real, whom = measurements(500, 9, 0.7, 1)
    drawn_rows, entity = measurements(400, 9, 0.0, 2)
    pulses = np.flatnonzero(real["kind"] == "pulse")
    real.loc[pulses, "value"] = real["value"].to_numpy()[np.random.default_rng(1).permutation(pulses)]

    aims = resemblances(real, whom, categories={"kind"}, unchanged_columns=(), by_label_alone=False)
    result = with_resemblance(drawn_rows, entity, aims, None, np.random.default_rng(1))

    for kind in KINDS:
        here = (result["kind"] == kind).to_numpy()
        target = pytest.approx(0.0 if kind == "pulse" else 0.7, abs=0.08)
        assert correlation(result[here].reset_index(drop=True), entity[here]) == target


def test_numbers_that_resemble_each_other_already_stay_where_they_are() -> None:
    real, whom = measurements(500, 6, 0.7, 1)
    drawn_rows, entity = measurements(400, 6, 0.7, 2)

    aims = resemblances(real, whom, categories={"kind"}, unchanged_columns=(), by_label_alone=False)

    assert with_resemblance(drawn_rows, entity, aims, None, np.random.default_rng(1)).equals(drawn_rows)


def test_numbers_of_two_engines_do_not_mix() -> None:
    real, whom = measurements(500, 6, 0.7, 1)
    drawn_rows, entity = measurements(400, 6, 0.0, 2)
    half = entity % 2 == 1

    aims = resemblances(real, whom, categories={"kind"}, unchanged_columns=(), by_label_alone=False)
    result = with_resemblance(drawn_rows, entity, aims, half, np.random.default_rng(1))

    assert sorted(result["value"][half]) == sorted(drawn_rows["value"][half])
    assert not result.equals(drawn_rows)


def test_columns_that_go_with_a_number_move_with_it() -> None:
    real, whom = measurements(500, 6, 0.7, 1)
    drawn_rows, entity = measurements(400, 6, 0.0, 2)
    for rows in (real, drawn_rows):
        high = rows["value"] > rows["kind"].map({name: mean for name, (mean, _) in KINDS.items()})
        rows["flag"] = pd.Series(np.where(high, "high", "low"), dtype="str")

    aims = resemblances(real, whom, categories={"kind", "flag"}, unchanged_columns=(), by_label_alone=False)
    result = with_resemblance(drawn_rows, entity, aims, None, np.random.default_rng(1))

    high = result["value"] > result["kind"].map({name: mean for name, (mean, _) in KINDS.items()})
    assert (result["flag"] == np.where(high, "high", "low")).all()


@pytest.mark.parametrize("seed", range(4))
def test_numbers_that_rise_with_time_are_left_to_their_history(seed: int) -> None:
    real, whom = measurements(500, 6, 0.7, seed)
    turn = pd.Series(whom).groupby(whom).cumcount().to_numpy()
    real["value"] += 3 * turn
    real["day"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(turn, unit="D")

    assert resemblances(real, whom, categories={"kind"}, unchanged_columns=(), by_label_alone=False) == []


@pytest.mark.parametrize("seed", range(8))
def test_numbers_by_chance_resemble_nobody(seed: int) -> None:
    real, whom = measurements(300, 4, 0.0, seed)

    assert resemblances(real, whom, categories={"kind"}, unchanged_columns=(), by_label_alone=False) == []
