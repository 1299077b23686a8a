"""The differentially private engine draws rows within public domains, and pays for what is not public."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from synth.guarantee import OTHER, ColumnDomain, ParentCounts, PrivateSynthesizer

LOW, HIGH = pd.Timestamp("2024-01-01"), pd.Timestamp("2024-12-31")
DOMAINS = {
    "plan": ColumnDomain("category", labels=("free", "team", "firm"), nullable=False),
    "seats": ColumnDomain("number", low=0, high=500, decimals=0),
    "price": ColumnDomain("number", low=-10.0, high=90.0, decimals=2, nullable=False),
    "active": ColumnDomain("boolean"),
    "start": ColumnDomain("datetime", low=LOW, high=HIGH, unit="D", nullable=False),
}


def customers(rows: int) -> pd.DataFrame:
    random = np.random.default_rng(7)
    seats = random.poisson(12, rows).astype(float)
    firm = random.random(rows) < 0.4
    seats[firm] += 200
    return pd.DataFrame(
        {
            "plan": np.where(firm, "firm", random.choice(["free", "team"], rows)),
            "seats": pd.Series(seats).mask(random.random(rows) < 0.1),
            "price": np.round(seats / 4, 2),
            "active": pd.Series(random.random(rows) < 0.7, dtype="boolean"),
            "start": LOW + pd.to_timedelta(random.integers(0, 366, rows), unit="D"),
        }
    )


@pytest.mark.parametrize("rows", [0, 1, 3, 400])
def test_rows_stay_within_public_domains_whatever_the_size(rows: int) -> None:
    twin = PrivateSynthesizer(DOMAINS, epsilon=3.0).fit(customers(rows)).sample(50)
    assert list(twin) == list(DOMAINS)
    assert set(twin["plan"]) <= {"free", "team", "firm"}
    assert twin["seats"].dropna().between(0, 500).all()
    assert str(twin["seats"].dtype) == "Int64"
    assert twin["price"].between(-10, 90).all()
    assert (twin["price"].round(2) == twin["price"]).all()
    assert twin["start"].between(LOW, HIGH).all()
    assert (twin["start"] == twin["start"].dt.normalize()).all()


def test_what_columns_have_to_do_with_each_other_is_learned() -> None:
    twin = PrivateSynthesizer(DOMAINS, epsilon=3.0).fit(customers(2_000)).sample(2_000)
    seats = twin.groupby("plan")["seats"].median()
    assert seats["firm"] > 150
    assert seats["free"] < 80


def test_numbers_and_dates_of_which_noise_leaves_nothing_are_named() -> None:
    """Else nobody could tell a twin that knows from one that guesses."""
    domains = {"seats": ColumnDomain("number", decimals=0), "start": ColumnDomain("datetime", unit="D")}
    few = [PrivateSynthesizer(domains, epsilon=0.1).fit(customers(4)[[*domains]]) for _ in range(12)]
    many = [PrivateSynthesizer(domains, epsilon=5.0).fit(customers(2_000)[[*domains]]) for _ in range(4)]
    assert [fit.unclear for fit in few].count(("seats", "start")) > 6  # 389 of 400: noise may look like rows
    assert [fit.unclear for fit in many].count(()) > 2  # 60 of 60


def test_without_bounds_and_labels_they_are_discovered_and_say_how() -> None:
    domains = {**DOMAINS, "plan": ColumnDomain("category"), "seats": ColumnDomain("number", decimals=0)}
    synthesizer = PrivateSynthesizer(domains, epsilon=5.0).fit(customers(2_000))
    twin = synthesizer.sample()
    assert set(synthesizer.discoveries) == {"plan", "seats"}
    assert {"free", "team", "firm"} <= set(twin["plan"]) | {OTHER}
    assert abs(len(twin) - 2_000) < 200
    assert any(release.delta > 0 for release in synthesizer.releases)


UNKNOWN_DOMAINS = {
    "built": ColumnDomain("number", decimals=0, nullable=False, largest=2.0**15 - 1),
    "rooms": ColumnDomain("number", decimals=1, nullable=False, largest=100.0),
    "share": ColumnDomain("number", low=0, decimals=4, nullable=False, largest=1.0),
    "debt": ColumnDomain("number", high=-1, decimals=2, nullable=False, largest=1e6),
    "since": ColumnDomain("datetime", unit="D", nullable=False),
    "until": ColumnDomain("datetime", low=pd.Timestamp("2190-01-01"), unit="D", nullable=False),
}


def are_plausible(twin: pd.DataFrame) -> bool:
    ago = pd.Timestamp.now().year - twin["since"].dt.year
    return bool(
        twin["built"].between(0, 32_767).all()
        and twin["rooms"].between(0, 100).all()
        and twin["share"].between(0, 1).all()
        and twin["debt"].between(-1e6, -1).all()
        and ago.between(-3, 31).all()
        and (twin["until"].dt.year >= 2190).all()
    )


@pytest.mark.parametrize("rows", [0, 12])
def test_where_nothing_stands_out_from_noise_values_are_plausible(rows: int) -> None:
    frame = pd.DataFrame(
        {
            "built": [1990] * rows,
            "rooms": [2.5] * rows,
            "share": [0.5] * rows,
            "debt": [-7.0] * rows,
            "since": [pd.Timestamp("2020-05-05")] * rows,
            "until": [pd.Timestamp("2200-01-01")] * rows,
        }
    )
    twins = [PrivateSynthesizer(UNKNOWN_DOMAINS, epsilon=0.5).fit(frame).sample(40) for _ in range(8)]
    assert sum(map(are_plausible, twins)) >= 7  # noise may have it otherwise once in a thousand


def test_without_discovery_the_column_is_named() -> None:
    with pytest.raises(ValueError, match="seats"):
        PrivateSynthesizer({"seats": ColumnDomain("number", low=0)}, discover=False)


def test_the_parts_add_up_to_no_more_than_the_whole() -> None:
    synthesizer = PrivateSynthesizer(DOMAINS, epsilon=2.0, delta=1e-5).fit(customers(100))
    epsilon, delta = synthesizer.spent
    assert 1.9 < epsilon <= 2.0
    assert delta <= 1e-5


def test_children_are_drawn_for_rows_of_their_parents() -> None:
    parents = customers(2_000)
    children = parents[["plan"]].assign(pages=np.where(parents["plan"] == "firm", 40, 5))
    domains = {"pages": ColumnDomain("number", low=0, high=50, decimals=0), "plan": DOMAINS["plan"]}
    synthesizer = PrivateSynthesizer(domains, epsilon=3.0).fit(children, given=["plan"])
    owners = pd.DataFrame({"plan": ["firm", "free"] * 100})
    twin = synthesizer.sample(given=owners)
    assert list(twin) == ["pages"]
    pages = twin["pages"].groupby(owners["plan"]).median()
    assert pages["firm"] > 30
    assert pages["free"] < 10


def test_values_that_nobody_declared_count_nowhere() -> None:
    frame = customers(300).assign(plan="palace")
    twin = PrivateSynthesizer(DOMAINS, epsilon=3.0).fit(frame).sample(100)
    assert set(twin["plan"]) <= {"free", "team", "firm"}


def test_a_value_that_many_rows_have_comes_back_exactly() -> None:
    frame = pd.DataFrame({"gain": [0] * 900 + list(range(1_000, 51_000, 500))})
    domain = ColumnDomain("number", low=0, high=99_999, decimals=0, nullable=False)
    twin = PrivateSynthesizer({"gain": domain}, epsilon=3.0).fit(frame).sample(1_000)
    assert 0.8 < (twin["gain"] == 0).mean() < 0.98


def test_parents_have_about_as_many_rows_as_real_ones() -> None:
    real = np.repeat([0, 1, 2, 7, 30], [100, 200, 300, 150, 50])
    parents = ParentCounts(real, all=True)
    domains = {"open": ColumnDomain("boolean", nullable=False)}
    rows = pd.DataFrame({"open": np.arange(real.sum()) % 2 == 0})
    entities = np.repeat(np.arange(len(real)), real)
    model = PrivateSynthesizer(domains, rows_per_entity=5).fit(rows, entities, parents=parents).children
    assert model is not None
    numbers_drawn = model.draw(len(real), np.random.default_rng(0))
    assert numbers_drawn.sum() == pytest.approx(real.sum(), rel=0.3)
    assert (numbers_drawn == 0).mean() == pytest.approx(1 / 8, abs=0.05)
    assert np.quantile(numbers_drawn, [0.5, 0.85]) == pytest.approx([2, 7], abs=1)


def test_numbers_of_rows_that_noise_could_have_made_are_not_told() -> None:
    few = ParentCounts(np.array([90_000, 80_000, 3]))
    domains = {"open": ColumnDomain("boolean", nullable=False)}
    learner = PrivateSynthesizer(domains, epsilon=0.1).fit(pd.DataFrame({"open": [True]}), parents=few)
    assert learner.children is None


SEEDS = range(16)


def distance(real: pd.Series, twin: pd.Series) -> float:
    """Return the share of rows that are in another tenth of the real numbers."""
    cuts = np.unique(np.quantile(real, np.arange(0.1, 1, 0.1)))
    shares = [
        np.bincount(np.searchsorted(cuts, part), minlength=len(cuts) + 1) / len(part) for part in (real, twin)
    ]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def test_numbers_of_a_small_table_are_about_as_large_as_real_ones() -> None:
    distances = []
    for seed in SEEDS:
        random = np.random.default_rng(seed)
        prices = pd.Series(np.round(random.lognormal(3, 0.8, 450), 2))
        frame = pd.DataFrame({"price": prices, "pieces": np.ceil(random.lognormal(2, 0.8, 450))})
        domains = {
            "price": ColumnDomain("number", decimals=2, nullable=False),
            "pieces": ColumnDomain("number", decimals=0, nullable=False),
        }
        engine = PrivateSynthesizer(domains, rows_per_entity=5, seed=seed)
        twin = engine.fit(frame, entities=np.arange(450) // 5, keys=b"secret").sample(1_000)
        distances += [distance(frame[name], twin[name].astype(float)) for name in domains]
    assert np.mean(distances) < 0.22


def test_numbers_that_are_all_alike_stay_near_each_other() -> None:
    domains = {"season": ColumnDomain("number", decimals=0, nullable=False)}
    wide, runs = 0, range(80)
    for seed in runs:
        frame = pd.DataFrame({"season": np.random.default_rng(seed).integers(2000, 2025, 500)})
        twin = PrivateSynthesizer(domains, seed=seed).fit(frame).sample(400)["season"]
        wide += not twin.between(1_024, 2_048).all()
    assert wide < len(runs) / 2  # a quarter is: half of 80 is more than five deviations off


def test_few_parents_have_about_as_many_rows_as_real_ones() -> None:
    domains = {"open": ColumnDomain("boolean", nullable=False)}
    ratios, childless = [], []
    for seed in SEEDS:
        real = np.ceil(np.random.default_rng(seed).lognormal(1.8, 0.8, 90)).astype(np.int64)
        rows, parents = pd.DataFrame({"open": np.full(90, True)}), ParentCounts(real, all=True)
        model = PrivateSynthesizer(domains, seed=seed).fit(rows, parents=parents).children
        assert model is not None
        numbers = model.draw(1_000, np.random.default_rng(seed))
        ratios.append(numbers.mean() / real.mean())
        childless.append((numbers == 0).mean())
    assert np.mean(np.abs(np.log(ratios))) < 0.3
    assert np.mean(np.array(childless) > 0) < 0.25  # all have rows


def test_the_number_of_hardly_any_rows_is_nearly_right() -> None:
    domains = {"name": ColumnDomain("category"), "born": ColumnDomain("number", decimals=0)}
    frame = pd.DataFrame({"name": list("abcdefghi"), "born": np.arange(1950, 1959)})
    numbers = [PrivateSynthesizer(domains, seed=seed).fit(frame).rows for seed in range(48)]
    assert np.mean(np.abs(np.array(numbers) - 9)) < 2.5


def test_hardly_anything_is_spent_on_what_others_decide_or_on_whether_there_is_a_value() -> None:
    domains = {
        "total": ColumnDomain("number", low=0, high=90, passing=True),
        "phone": ColumnDomain("category", labels=("present",)),
        "price": ColumnDomain("number", low=0, high=90),
    }
    frame = pd.DataFrame({"total": [9.0] * 60, "phone": "present", "price": 3.0})
    engine = PrivateSynthesizer(domains, rows=60).fit(frame)
    alone = [one for one in engine.releases if "×" not in one.what]
    costs = {name: sum(one.rho for one in alone if one.what.startswith(name)) for name in domains}
    assert costs["total"] == pytest.approx(costs["price"] / 5)
    assert costs["phone"] == pytest.approx(costs["price"] / 5)
    engines = [PrivateSynthesizer(domains, rows=60, seed=seed).fit(frame) for seed in range(8)]
    assert sum(bool(engine.sample(60)["phone"].notna().all()) for engine in engines) >= 6


def test_parents_that_all_have_as_many_rows_do_not_get_thousands() -> None:
    real = np.full(400, 14)
    means = []
    for seed in range(12):
        learner = PrivateSynthesizer({"open": ColumnDomain("boolean", nullable=False)}, rows_per_entity=5)
        rows, parents = pd.DataFrame({"open": np.full(400, True)}), ParentCounts(real, per_entity=5, all=True)
        children = learner.fit(rows, parents=parents).children
        assert children is not None
        means.append(children.draw(2_000, np.random.default_rng(seed)).mean())
    assert max(means) < 2 * 14


def test_what_is_open_has_no_end() -> None:
    """Noise may not put ends where hardly any row has one: rules of real rows hold in the twin."""
    labels = ("open", "waiting", "closed", "cancelled")
    domains = {
        "status": ColumnDomain("category", labels=labels, nullable=False),
        "days": ColumnDomain("number", decimals=0),
        "stars": ColumnDomain("number", decimals=0, low=1, high=5),
        "part": ColumnDomain("category", labels=("north", "south", "west"), nullable=False),
        "price": ColumnDomain("number", decimals=2, nullable=False),
        "pieces": ColumnDomain("number", decimals=0, nullable=False),
    }
    shares = []
    for seed in SEEDS:
        random = np.random.default_rng(seed)
        status = pd.Series(random.choice(labels, 600, p=(0.25, 0.1, 0.55, 0.1)))
        is_over = status.isin(["closed", "cancelled"])
        frame = pd.DataFrame(
            {
                "status": status,
                "days": pd.Series(random.integers(0, 60, 600)).astype("Float64").where(is_over),
                "stars": pd.Series(random.integers(1, 6, 600)).astype("Float64").where(status == "closed"),
                "part": random.choice(["north", "south", "west"], 600),
                "price": np.round(random.lognormal(3, 1, 600), 2),
                "pieces": random.poisson(3, 600),
            }
        )
        twin = PrivateSynthesizer(domains, seed=seed).fit(frame).sample(600)
        shares.append(np.mean(twin["days"].notna() != twin["status"].isin(["closed", "cancelled"])))
    assert np.mean(shares) < 0.04  # about .012, with a deviation of .007


def test_where_noise_hides_a_number_it_is_where_such_numbers_usually_are() -> None:
    """Interest rates of .03 to .12 of 60 loans came out with a mean of 40."""
    rates = pd.DataFrame({"rate": np.random.default_rng(1).uniform(0.03, 0.12, 60).round(4)})
    usual = 2.0**-10, 1.0
    domains = {"rate": ColumnDomain("number", decimals=4, nullable=False, largest=100.0, usual=usual)}
    twins = [PrivateSynthesizer(domains, epsilon=0.1).fit(rates).sample(60)["rate"] for _ in range(12)]
    assert sum(twin.mean() > 1 for twin in twins) <= 1


def test_where_entities_have_one_row_its_noise_is_that_of_one_row() -> None:
    """With the noise of five rows, 400 loans of as many people lost most of their types."""
    random = np.random.default_rng(5)
    types = random.choice(["car", "home", "bridge"], 400, p=[0.5, 0.3, 0.2])
    amounts = [np.exp(random.normal(8, 1, 400)).round(2) for _ in range(5)]
    loans = pd.DataFrame({"type": types, **{f"amount {i}": one for i, one in enumerate(amounts)}})
    domains = {
        str(name): ColumnDomain("category", nullable=False)
        if name == "type"
        else ColumnDomain("number", decimals=2, nullable=False)
        for name in loans
    }
    distances, rows_off = [], []
    for _ in range(8):
        twin = PrivateSynthesizer(domains, rows_per_entity=5).fit(loans, np.arange(400)).sample()
        shares = [rows["type"].value_counts(normalize=True) for rows in (loans, twin)]
        distances.append(shares[0].sub(shares[1], fill_value=0).abs().sum() / 2)
        rows_off.append(abs(len(twin) - 400))
    assert np.median(rows_off) < 60  # how many rows of somebody are used is told by noise, too
    assert np.median(distances) < 0.15
