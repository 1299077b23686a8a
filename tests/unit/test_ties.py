"""What a value of a row says of its other columns holds in rows whose columns were drawn apart."""

from __future__ import annotations

import numpy as np
import pandas as pd

from synth.sampling.ties import apply_ties, find_ties

PRICES = {"small": 0.0, "middle": 9.0, "large": 49.0}


def contracts(rows: int = 600) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    plan = rng.choice([*PRICES], rows)
    state = rng.choice(["open", "over", "lost"], rows)
    ends = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, rows), unit="D"))
    return pd.DataFrame(
        {
            "plan": plan,
            "price": pd.Series(plan).map(PRICES),
            "seats": np.where(plan == "large", rng.integers(1, 9, rows), 1),
            "state": state,
            "ends": ends.where(state != "open"),
        }
    )


def shuffle(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {name: rows[name].sample(frac=1, random_state=i).array for i, name in enumerate(rows)}
    )


def everybody(rows: pd.DataFrame) -> np.ndarray:
    return np.arange(len(rows), dtype=np.uint64)


def test_values_that_go_together_in_all_rows_do_so_in_rows_drawn_apart() -> None:
    real = contracts()
    drawn_rows = apply_ties(shuffle(real), find_ties(real, everybody(real)), 0)

    assert drawn_rows.dtypes.equals(real.dtypes)
    assert (drawn_rows["price"] == drawn_rows["plan"].map(PRICES)).all()
    assert (drawn_rows["seats"][drawn_rows["plan"] != "large"] == 1).all()
    assert ((drawn_rows["state"] == "open") == drawn_rows["ends"].isna()).all()
    assert {"over", "lost"} == set(drawn_rows["state"][drawn_rows["ends"].notna()])


def test_dates_stay_where_a_label_alone_would_make_them_missing() -> None:
    real = contracts()
    apart = shuffle(real)
    drawn_rows = apply_ties(apart, find_ties(real, everybody(real)), 0)

    assert drawn_rows["ends"].isna().sum() == apart["ends"].isna().sum()


def test_what_few_entities_say_decides_nothing() -> None:
    real = contracts()
    few = np.where(real["plan"] == "large", 7, everybody(real)).astype(np.uint64)

    assert all(tie.condition != "large" for tie in find_ties(real, few))
    assert any(tie.condition == "large" for tie in find_ties(real, everybody(real)))


def test_what_chance_explains_decides_nothing() -> None:
    rng = np.random.default_rng(5)
    real = pd.DataFrame({"land": rng.choice([*"abcdefgh"], 400), "rare": (rng.random(400) < 0.01)})

    assert not [tie for tie in find_ties(real, everybody(real)) if tie.column == "land"]


def test_what_is_never_without_an_end_is_something_else_where_none_was_drawn() -> None:
    real = contracts().drop(columns="state")
    state = pd.Series(np.random.default_rng(8).choice(["open", "waiting"], len(real)))
    real["state"] = state.where(real["ends"].isna(), "over")  # two states without an end, one with
    drawn_rows = shuffle(real)
    tied = apply_ties(drawn_rows, find_ties(real, everybody(real)), seed=1)
    assert ((tied["state"] == "over") == tied["ends"].notna()).all()
    assert set(tied["state"]) == {"open", "waiting", "over"}


def test_labels_with_a_moment_each_are_those_of_the_nearest_and_other_moments_go_along() -> None:
    """Fees are due on the first day of their term, and paid some days later."""
    rng = np.random.default_rng(2)
    starts = pd.Series(
        pd.to_datetime(["2023-04-01", "2023-10-01", "2024-04-01"]), ["spring", "autumn", "next"]
    )
    terms = pd.Series(rng.choice([*starts.index], 300))
    due = terms.map(starts)
    late = pd.to_timedelta(pd.Series(rng.integers(1, 20, 300)), unit="D")
    real = pd.DataFrame({"term": terms, "due": due, "paid": due + late})
    drift = pd.to_timedelta(pd.Series(rng.integers(-60, 60, 300)), unit="D")
    apart = pd.DataFrame({"term": rng.choice([*starts.index], 300), "due": due + drift})
    apart["paid"] = apart["due"] + late

    rows = apply_ties(apart, find_ties(real, everybody(real)), 0)

    assert rows["term"].tolist() == terms.tolist()
    assert rows["due"].tolist() == due.tolist()
    assert (rows["paid"] - rows["due"]).tolist() == late.tolist()
