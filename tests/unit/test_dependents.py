"""Columns of drawn rows that go along with a column which rows of other tables changed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from synth.columns.roles import Treatment
from synth.domain import Column, Kind, Model, Relation, Role
from synth.facts.enforceable import EnforceableFacts
from synth.twins.dependents import differences, follow, with_copies, with_moments, without_contradictions

STARTS = pd.Series(
    pd.to_datetime(["2022-04-04", "2022-10-03", "2023-04-03", "2023-10-02"]), ["22S", "22W", "23S", "23W"]
)


def everybody(rows: pd.DataFrame) -> np.ndarray:
    return np.arange(len(rows), dtype=np.uint64)


def fees(rows: int = 400, seed: int = 1) -> pd.DataFrame:
    """Fees are due on a day of the term, with a bill on some Monday before, and paid some time, or never."""
    rng = np.random.default_rng(seed)
    term = pd.Series(rng.choice([*STARTS.index], rows))
    due = term.map(STARTS)
    bill = due - pd.to_timedelta(7 * rng.integers(1, 5, rows), unit="D")
    payment = due + pd.to_timedelta(rng.integers(-9, 30, rows), unit="D")
    return pd.DataFrame(
        {"term": term, "due": due, "bill": bill, "payment": payment.where(rng.random(rows) < 0.8)}
    )


def test_moments_move_as_far_as_the_label_of_their_row() -> None:
    real, old = fees(), fees(100, 2)
    rows = old.assign(term=[*STARTS.index] * 25)
    result = with_moments(rows, old, real, everybody(real), ["term"], ["due", "bill", "payment"])

    assert (result["due"] == result["term"].map(STARTS)).all()
    assert (result["due"] - result["bill"]).equals(old["due"] - old["bill"])
    assert (result["payment"] - result["due"]).equals(old["payment"] - old["due"])


def test_moments_stay_where_they_fit_their_new_label_better_than_the_old_one() -> None:
    real, old = fees(), fees(100, 2)
    terms = pd.Series([*STARTS.index] * 25)
    rows = old.assign(term=terms, bill=terms.map(STARTS) - pd.Timedelta(days=7)).drop(
        columns=["due", "payment"]
    )
    result = with_moments(rows, old, real, everybody(real), ["term"], ["bill"])

    assert result.equals(rows)


def test_a_moment_that_few_have_is_nobodys_new_one() -> None:
    real, old = fees(), fees(100, 2)
    few = np.where(real["term"] == "23W", 7, everybody(real)).astype(np.uint64)
    rows = old.assign(term="23W")
    result = with_moments(rows, old, real, few, ["term"], ["due", "bill", "payment"])

    assert result.equals(rows)


def results(rows: int = 800, seed: int = 1) -> pd.DataFrame:
    """Points by the place, which only those have who finished; others have a reason."""
    rng = np.random.default_rng(seed)
    order = pd.Series(rng.integers(1, 9, rows))
    place = order.where(rng.random(rows) < 0.8).astype("Int64")
    reason = pd.Series(rng.choice(["engine", "wheel"], rows), dtype=object).where(place.isna(), None)
    points = place.map({1: 9, 2: 6, 3: 1}).fillna(0).astype(int)
    seconds = pd.Series(rng.random(rows) * 99).where(place.notna())
    return pd.DataFrame({"order": order, "place": place, "points": points, "reason": reason, "time": seconds})


def changes_of(old: pd.DataFrame, rows: pd.DataFrame) -> dict[str, np.ndarray]:
    return {str(name): differences(old[name], rows[name]) for name in rows}


def test_copies_of_a_column_and_what_it_decides_go_along() -> None:
    real, old = results(), results(200, 2)
    rows = old.assign(order=old["order"].iloc[::-1].array)
    new = with_copies(rows, real, changes_of(old, rows), ["place", "points", "reason", "time"])
    new = without_contradictions(
        new, real, everybody(real), changes_of(old, new), ["points", "reason", "time"], 0
    )

    assert (new["place"] == new["order"])[new["place"].notna()].all()
    assert (new["place"].isna() == old["place"].isna()).all()
    assert (new["points"] == new["place"].map({1: 9, 2: 6, 3: 1}).fillna(0)).all()
    assert new[["reason", "time"]].equals(old[["reason", "time"]])


def test_what_contradicts_a_column_that_is_there_or_not_is_chosen_again_together() -> None:
    real, old = results(), results(200, 2)
    rows = old.assign(time=np.where(np.arange(200) % 2, 5.0, np.nan))
    free = ["place", "points", "reason"]
    new = without_contradictions(rows, real, everybody(real), changes_of(old, rows), free, 0)

    assert new["time"].equals(rows["time"])
    assert (new["time"].isna() == new["place"].isna()).all()
    assert (new["time"].isna() == new["reason"].notna()).all()
    assert (new["points"] == new["place"].map({1: 9, 2: 6, 3: 1}).fillna(0)).all()
    same = (old["time"].isna() == rows["time"].isna()).to_numpy(bool)
    assert new[same].equals(rows[same])


def test_a_rare_reason_is_enough_to_choose_again_by_what_else_is_known() -> None:
    """No combination with the reason itself is common; but that there is one says enough."""
    real, old = results(), results(200, 2)
    real["reason"] = [
        None if one is None else f"{one} {number % 30}" for number, one in enumerate(real["reason"])
    ]
    rows = old.assign(time=np.nan, reason=real["reason"].dropna().iloc[0])
    free = ["place", "points"]
    new = without_contradictions(rows, real, everybody(real), changes_of(old, rows), free, 0)

    assert new["place"].isna().all()
    assert (new["points"] == 0).all()


def test_no_combination_that_few_hold_is_chosen() -> None:
    real, old = results(), results(200, 2)
    rows = old.assign(time=np.nan)
    few = np.where(real["time"].isna(), 7, everybody(real)).astype(np.uint64)
    new = without_contradictions(rows, real, few, changes_of(old, rows), ["place", "points", "reason"], 0)

    assert new.equals(rows)


def case_of(real: pd.DataFrame, **keys: Any) -> Any:
    """Return a case of fees, whose term is a label."""
    relation = Relation("db", "shop", "fees")
    kinds = {name: Kind.TEXT if name == "term" else Kind.DATE for name in real}
    roles = {Kind.TEXT: Role.CATEGORY, Kind.DATE: Role.DATETIME}
    return SimpleNamespace(
        task=SimpleNamespace(
            model=Model("model.shop.fees", "fees", relation, "fees.yml", "table", **keys), seed=1
        ),
        source=SimpleNamespace(real=pa.Table.from_pandas(real), units=everybody(real)),
        treatments=tuple(
            Treatment(Column(str(name), "", kind, not_null=False), roles[kind], "test")
            for name, kind in kinds.items()
        ),
        unique=(),
        enforceable=EnforceableFacts(),
    )


def test_only_columns_that_nothing_else_decides_go_along() -> None:
    case, old = case_of(fees(), unique=(("payment",),)), fees(100, 2)
    before = pa.Table.from_pandas(old)
    after = pa.Table.from_pandas(old.assign(term=[*STARTS.index] * 25))
    columns = follow(case, before, after, ["term", "bill"])

    assert columns is not None
    assert columns.column_names == ["due"]
    assert columns["due"].to_pylist() == [STARTS[term] for term in [*STARTS.index] * 25]
    assert columns.schema.field("due").type == before.schema.field("due").type
    assert follow(case, before, before, ["term", "bill"]) is None


def test_a_label_that_says_whether_there_is_a_key_does_so_when_it_is_chosen_again() -> None:
    """Who was hired is an employee; how often somebody was asked is counted in another table."""
    rng = np.random.default_rng(0)
    status = rng.choice(["open", "rejected", "hired"], 600)
    real = pd.DataFrame(
        {
            "status": status,
            "calls": np.where(status == "hired", 3, np.where(status == "open", 1, rng.integers(0, 3, 600))),
            "staff": pd.Series(np.arange(600)).where(status == "hired"),
        }
    )
    old = real.sample(200, random_state=1).reset_index(drop=True)
    after = old.assign(calls=rng.permutation(old["calls"]))
    roles = {"status": Role.CATEGORY, "calls": Role.NUMBER, "staff": Role.FOREIGN_KEY}
    kinds = {"status": Kind.TEXT, "calls": Kind.INTEGER, "staff": Kind.FLOAT}
    case = case_of(fees())
    case.source = SimpleNamespace(real=pa.Table.from_pandas(real), units=everybody(real))
    case.treatments = tuple(
        Treatment(Column(name, "", kinds[name], not_null=False), role, "test") for name, role in roles.items()
    )
    columns = follow(case, pa.Table.from_pandas(old), pa.Table.from_pandas(after), ["calls"])
    new = old["status"] if columns is None else columns["status"].to_pandas()
    assert ((new == "hired") == after["staff"].notna()).all()


def test_what_others_decide_is_right_in_rows_that_they_did_not_change_too() -> None:
    case, old = case_of(fees()), fees(100, 2)
    terms = pd.Series([*STARTS.index] * 25)
    old.loc[0, "term"], old.loc[0, "due"] = terms[0], STARTS[terms[1]]
    columns = follow(case, pa.Table.from_pandas(old), pa.Table.from_pandas(old.assign(term=terms)), ["term"])

    assert columns is not None
    assert columns["due"].to_pylist() == [STARTS[term] for term in terms]


def test_what_is_decided_weighs_more_than_what_is_still_to_be_chosen() -> None:
    """Who left came once; state and room of who stays after all are those of who came, not of a stranger."""
    rng = np.random.default_rng(4)
    state = pd.Series(rng.choice(["here", "left", "new"], 600))
    real = pd.DataFrame(
        {
            "state": state,
            "left_on": pd.Series(pd.Timestamp("2024-01-01"), state.index).where(state == "left"),
            "came": (state != "new").astype(int) * rng.integers(1, 4, 600),
            "room": state.map({"here": "own"}).fillna("none"),
            "key": state == "here",
            "fee": (state == "here") * 5,
        }
    )
    old = real[real["state"] == "left"].reset_index(drop=True)
    rows = old.assign(left_on=old["left_on"].where(old["came"] < 0))
    new = without_contradictions(
        rows, real, everybody(real), changes_of(old, rows), ["state", "room", "key", "fee"], 0
    )

    assert set(new["state"]) == {"here"}
    assert (new["room"] == "own").all()
    assert new["key"].all()
    assert (new["fee"] == 5).all()
