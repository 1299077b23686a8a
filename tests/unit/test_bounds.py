"""Numbers beside a label stay where real ones beside it are."""

import numpy as np
import pandas as pd
import pytest

from synth.sampling.bounds import find_bounds, within_bounds

KINDS = {"height": (170.0, 8.0), "sugar": (6.0, 1.0), "pulse": (70.0, 9.0)}


def measurements(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    kind = rng.choice(list(KINDS), rows)
    mean, spread = np.array([KINDS[one] for one in kind]).T
    return pd.DataFrame({"kind": pd.Series(kind, dtype="str"), "value": rng.normal(mean, spread).round(1)})


@pytest.mark.parametrize("seed", range(16))
def test_a_number_of_another_kind_is_drawn_anew_and_hardly_any_other(seed: int) -> None:
    real, drawn_rows = measurements(3_000, seed), measurements(1_000, seed + 100)
    wrong = np.flatnonzero(drawn_rows["kind"] == "sugar")[:5]
    drawn_rows.loc[wrong, "value"] = 78.0

    bounds = find_bounds(real, np.arange(len(real), dtype=np.uint64), {"kind"})
    result = within_bounds(drawn_rows, bounds, seed)

    assert [one.label for one in bounds] == ["kind"]
    assert result["value"][wrong].between(1, 12).all()
    assert (result["value"] != drawn_rows["value"]).drop(wrong).mean() < 0.005


def test_labels_that_say_nothing_about_a_number_do_not_bound_it() -> None:
    real = measurements(3_000, 1)
    real["kind"] = real["kind"].sample(frac=1, random_state=1).to_numpy()

    assert find_bounds(real, np.arange(len(real), dtype=np.uint64), {"kind"}) == ()


def test_bounds_are_numbers_beyond_which_ten_entities_have_others() -> None:
    real = measurements(3_000, 2)
    units = np.arange(len(real), dtype=np.uint64)
    tall = np.flatnonzero(real["kind"] == "height")[:30]
    real.loc[tall, "value"], units[tall] = 250.0, 1  # one person, measured thirty times

    (bounds,) = find_bounds(real, units, {"kind"})

    assert bounds.ranges["height"][1] < 215


def test_numbers_have_as_many_decimals_as_those_of_their_label() -> None:
    real, drawn_rows = measurements(3_000, 3), measurements(1_000, 4)
    for rows in (real, drawn_rows):
        pulses = rows["kind"] == "pulse"
        rows["value"] = rows["value"].where(~pulses, rows["value"].round())
    drawn_rows["value"] += 0.04
    bounds = find_bounds(real, np.arange(len(real), dtype=np.uint64), {"kind"})

    result = within_bounds(drawn_rows, bounds, 1)

    pulses = result["value"][result["kind"] == "pulse"]
    assert pulses.equals(pulses.round())
    assert result["value"].equals(result["value"].round(1))


def test_one_label_that_says_much_of_a_number_bounds_it_though_others_say_nothing() -> None:
    rng = np.random.default_rng(5)
    work = pd.Series(rng.choice(["employee", "retired", "none"], 2_000, p=[0.7, 0.2, 0.1]), dtype="str")
    age = np.where(work == "retired", rng.integers(64, 80, 2_000), rng.integers(20, 84, 2_000))
    real = pd.DataFrame({"work": work, "age": age})
    (bounds,) = find_bounds(real, np.arange(2_000, dtype=np.uint64), {"work"})
    assert bounds.ranges.keys() == {"retired"}
    drawn_rows = real.assign(age=rng.permutation(age))

    result = within_bounds(drawn_rows, (bounds,), 0)

    assert result["age"][work == "retired"].min() > 55
    assert result["age"][work != "retired"].equals(drawn_rows["age"][work != "retired"])


@pytest.mark.parametrize("seed", range(16))
def test_many_labels_of_few_people_do_not_bound_what_they_do_not_decide(seed: int) -> None:
    rng = np.random.default_rng(seed)
    people = pd.DataFrame(
        {
            "clinic": pd.Series(rng.integers(0, 50, 2_000).astype(str), dtype="str"),
            "born": rng.integers(1940, 2010, 2_000),
        }
    )

    assert find_bounds(people, np.arange(2_000, dtype=np.uint64), {"clinic"}) == ()


@pytest.mark.parametrize("seed", range(8))
def test_what_is_always_negative_beside_a_label_stays_so_though_numbers_are_near_to_each_other(
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    kind = pd.Series(rng.choice(["charge", "refund"], 2_000, p=[0.9, 0.1]), dtype="str")
    sign = np.where(kind == "refund", -1, 1)
    real = pd.DataFrame({"kind": kind, "amount": (sign * rng.lognormal(2, 1, 2_000)).round(2)})
    drawn_rows = real.copy()
    drawn_rows.loc[drawn_rows.index % 50 == 0, "amount"] *= -1

    bounds = find_bounds(real, np.arange(len(real), dtype=np.uint64), {"kind"})
    result = within_bounds(drawn_rows, bounds, seed)

    assert ((result["amount"] < 0) == (result["kind"] == "refund")).all()
    assert ((drawn_rows["amount"] < 0) == (drawn_rows["kind"] == "refund")).mean() < 0.99
