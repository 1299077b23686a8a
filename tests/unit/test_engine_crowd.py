"""Who must share a value before the engine repeats it: entities, of what it does not learn as well."""

from __future__ import annotations

import numpy as np
import pandas as pd

from synth.engine import Beside, Synthesizer
from synth.engine.goals import Goal
from synth.engine.growing import BinnedFeatures, penalty_of
from synth.engine.trees import PrunedTree
from synth.histories import Histories, Panel


def shops() -> tuple[pd.DataFrame, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """200 sales in twelve shops of about 15, in one of nine, with a price each; and a random half of them."""
    rng = np.random.default_rng(3)
    shop = np.r_[np.arange(191) % 12, np.full(9, 12)]
    price = np.array([1.05 + 1.37 * number for number in range(14)])[shop]
    note = pd.Series(["paid"] * 200).mask(pd.Series(np.arange(200) % 17 == 0))  # twelve NULLs
    frame = pd.DataFrame(
        {"shop": shop, "price": price, "size": rng.normal(50, 9, 200).round(2), "note": note}
    )
    return frame, rng.permutation(200) < 100


def test_what_ten_rows_of_the_whole_table_hold_is_repeated_by_the_engine_of_each_half() -> None:
    frame, first = shops()
    for part in (first, ~first):
        own, others = frame[part].reset_index(drop=True), frame[~part].reset_index(drop=True)
        engine = Synthesizer(1, categories=["shop", "note"]).fit(own, beside=Beside(others))
        twin = engine.sample(4_000)
        common = set(range(12)) & set(own["shop"])
        assert common <= set(twin["shop"])
        assert 12 not in set(twin["shop"])  # nine rows hold it
        assert {*frame.loc[frame["shop"] < 12, "price"]} & {*own["price"]} <= set(twin["price"])
        assert 0.02 < twin["note"].isna().mean() < 0.12
        alone = Synthesizer(1, categories=["shop", "note"]).fit(own).sample(4_000)
        assert len(set(alone["shop"])) < len(set(twin["shop"]))


def test_numbers_end_at_the_tenth_smallest_and_largest_of_the_whole_table() -> None:
    frame, first = shops()
    twin = Synthesizer(1).fit(frame[first], beside=Beside(frame[~first])).sample(4_000)
    sizes = np.sort(frame["size"])
    assert sizes[9] <= twin["size"].min() <= sizes[14]
    assert sizes[-15] <= twin["size"].max() <= sizes[-10]


def test_what_one_entity_repeats_is_not_common() -> None:
    rng = np.random.default_rng(0)
    whose = np.repeat(np.arange(60), 20)
    fee = np.where(whose == 7, 81.25, rng.normal(80, 9, 1_200).round(2))
    place = np.where(whose == 8, "home", rng.choice(["north", "south"], 1_200))
    frame = pd.DataFrame({"fee": fee, "place": place, "spent": rng.normal(0, 1, 1_200)})
    twin = Synthesizer(0).fit(frame, entities=whose).sample(3_000)
    assert "home" not in set(twin["place"])
    assert (twin["fee"] == 81.25).mean() < 0.003
    assert (Synthesizer(0).fit(frame).sample(3_000)["fee"] == 81.25).mean() > 0.01


def test_a_leaf_holds_the_rows_of_many_entities_and_costs_by_their_number() -> None:
    rng = np.random.default_rng(0)
    whose = np.repeat(np.arange(60), 40)
    group = rng.integers(0, 2, 60)[whose]  # says all of an entity, by what the entity is
    goal = Goal(group, np.eye(2))
    features = BinnedFeatures.of([(np.arange(60, dtype=np.float32), whose)])
    feature = whose[:, None].astype(np.float32)
    by_rows = PrunedTree(features, goal, 5).leaves(feature)
    by_entities = PrunedTree(features, goal, 5, whose).leaves(feature)
    assert min(pd.Series(whose).groupby(by_rows).nunique()) == 1
    assert min(pd.Series(whose).groupby(by_entities).nunique()) >= 5
    assert penalty_of(60) > 2 * penalty_of(200) > 2 * penalty_of(850) == 2 * penalty_of(70_000)


def test_histories_repeat_what_ten_owners_of_the_whole_table_share() -> None:
    rng = np.random.default_rng(1)
    owner = np.repeat(np.arange(160), 4)
    kind = np.where(np.isin(owner, [*range(6), *range(80, 86)]), "rare", rng.choice(["a", "b"], 640))
    kind = np.where(np.isin(owner, [*range(6, 10), *range(86, 91)]), "rarer", kind)
    rows = pd.DataFrame({"at": np.tile(np.arange(1, 5), 160), "kind": kind})
    owners = pd.DataFrame({"plan": rng.choice(["x", "y"], 160)})
    half = owner < 80
    beside = Panel(owners[80:].reset_index(drop=True), rows[~half], owner[~half] - 80)
    histories = Histories(0, time="at", categories=["kind", "plan"])
    histories.fit(owners[:80], rows[half], owner[half], beside=beside)
    twin, _ = histories.sample(owners.sample(2_000, replace=True, random_state=0).reset_index(drop=True))
    assert set(twin["kind"]) == {"a", "b", "rare"}
    assert set(twin["at"]) == {1, 2, 3, 4}
