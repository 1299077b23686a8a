"""Every figure of a report, computed a second time: with pandas alone, from the three tables."""

from __future__ import annotations

import json
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from synth.domain import Model, Relation, Task
from synth.evaluate import evaluate
from synth.evaluate.portrait import portrait
from synth.runs.artifacts import RunFolder
from synth.stores.directory import DirectoryStore

if TYPE_CHECKING:
    import pyarrow as pa

ROWS, UNSEEN_ROWS = 4_000, 1_000
TOLERANCE = 0.01
COPIES = 40  # training rows that the twin repeats


def table(seed: int, rows: int, nulls: float = 0.1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    plan = rng.choice(["free", "basic", "pro"], rows, p=[0.6, 0.3, 0.1])
    spending = np.round(rng.lognormal(3, 1, rows) * np.where(plan == "pro", 3, 1), 2)
    return pd.DataFrame(
        {
            "plan": plan,
            "spent": spending,
            "logins": rng.poisson(np.where(plan == "free", 1, 4)),
            "rating": pd.Series(rng.integers(1, 6, rows), dtype="Int64").mask(rng.random(rows) < nulls),
        }
    )


@pytest.fixture(scope="module")
def tables() -> tuple[pd.DataFrame, ...]:
    training, holdout = table(1, ROWS), table(2, UNSEEN_ROWS)
    twin = table(3, UNSEEN_ROWS - COPIES, nulls=0.3)
    twin["logins"] += 1
    return training, holdout, pd.concat([twin, training.iloc[:COPIES]], ignore_index=True)


@pytest.fixture(scope="module")
def report(tables: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a run stores for the owners of these tables."""
    place = tmp_path_factory.mktemp("run")
    model = Model("model.shop.users", "users", Relation("w", "a", "users"), "m.yml", "table")
    task = Task(model, Relation("w", "synthetic", "users"))
    folder = RunFolder.create(place, "run-1")
    twin: pa.Table | None = None  # what analysts get is not compared here
    evaluation = evaluate(*tables)
    folder.store_twin(DirectoryStore(place / "store"), task, twin, evaluation, portrait=portrait(*tables))
    content: dict[str, Any] = json.loads(folder.evaluation(task).read_text("utf-8"))
    content["page"] = folder.report(task).read_text("utf-8")
    return content


def in_bins(values: pd.Series[Any], training: pd.Series[Any]) -> pd.Series[Any]:
    """Ten bins of equal mass of the training rows, or the values where there are no more; NULL is one."""
    if training.nunique() <= 10:
        return values.astype(object).where(values.notna(), "NULL").astype(str)
    edges = np.unique(training.quantile(np.arange(0.1, 1, 0.1)))
    return pd.Series(np.digitize(values, edges), index=values.index).astype(str)


def accuracy(one: pd.DataFrame, other: pd.DataFrame) -> float:
    """1 - the total variation distance of two tables of labels."""
    shares = pd.concat([frame.value_counts(normalize=True) for frame in (one, other)], axis=1).fillna(0)
    return float(1 - np.abs(shares.iloc[:, 0] - shares.iloc[:, 1]).sum() / 2)


def accuracies(tables: Any, order: int) -> dict[tuple[str, ...], tuple[float, float]]:
    """Of every group of so many columns: the twin's accuracy, and that of the unseen rows."""
    training, holdout, twin = (
        pd.DataFrame({name: in_bins(frame[name], tables[0][name]) for name in frame}) for frame in tables
    )
    groups = combinations(training.columns, order)
    return {
        group: (accuracy(training[[*group]], twin[[*group]]), accuracy(training[[*group]], holdout[[*group]]))
        for group in groups
    }


@pytest.mark.parametrize("order", [1, 2, 3])
def test_accuracies_of_columns_pairs_and_triples(report: Any, tables: Any, order: int) -> None:
    twin, ceiling = np.mean([*accuracies(tables, order).values()], axis=0)
    accuracy_item = next(item for item in report["accuracies"] if item["order"] == order)
    assert accuracy_item["synthetic"] == pytest.approx(twin, abs=TOLERANCE)
    assert accuracy_item["ceiling"] == pytest.approx(ceiling, abs=TOLERANCE)


def test_fidelity_is_the_share_of_the_ceiling(report: Any, tables: Any) -> None:
    means = np.sum([np.mean([*accuracies(tables, order).values()], axis=0) for order in (1, 2, 3)], axis=0)
    assert report["fidelity"] == pytest.approx(means[0] / means[1], abs=TOLERANCE)
    assert f"{report['fidelity']:.1%}" in report["page"]


def test_distance_of_every_column(report: Any, tables: Any) -> None:
    by_name = {item["name"]: item for item in report["columns"]}
    for (name,), (twin, ceiling) in accuracies(tables, 1).items():
        assert by_name[name]["accuracy"] == pytest.approx(twin, abs=TOLERANCE), name
        assert by_name[name]["ceiling"] == pytest.approx(ceiling, abs=TOLERANCE), name


def test_shares_of_nulls(report: Any, tables: Any) -> None:
    for item in report["columns"]:
        assert item["null_training"] == pytest.approx(tables[0][item["name"]].isna().mean(), abs=TOLERANCE)
        assert item["null_synthetic"] == pytest.approx(tables[2][item["name"]].isna().mean(), abs=TOLERANCE)


def test_repeated_rows(report: Any, tables: Any) -> None:
    training, holdout, twin = (
        pd.Series([*zip(*(frame[name].astype(object).fillna("NULL") for name in frame), strict=True)])
        for frame in tables
    )
    real = pd.concat([training, holdout])
    alone = set(real[~real.duplicated(keep=False)]) & set(twin)
    shares = [rows.isin(alone) for rows in (training, holdout)]
    (check,) = (item for item in report["checks"] if item["name"] == "exact_rows")
    odds = len(training) / len(holdout)
    assert check["value"] == pytest.approx(shares[0].sum() - odds * shares[1].sum(), abs=TOLERANCE)
    assert shares[0].sum() > COPIES / 2


def test_cells_of_the_pictures(report: Any, tables: Any) -> None:
    cells = {item["name"]: item["cells"] for item in report["portrait"]["distributions"]}
    for name in ("plan", "rating"):
        for cell in cells[name]:
            for side, frame in ((cell["training"], tables[0]), (cell["synthetic"], tables[2])):
                texts = frame[name].astype(object).where(frame[name].notna(), "NULL").astype(str)
                assert side == pytest.approx((texts == cell["label"]).mean(), abs=TOLERANCE)


def test_associations(report: Any, tables: Any) -> None:
    """Against Cramér's V as it is written in textbooks, whose bias is small in so large a table."""
    associations = report["portrait"]["associations"]
    at = {name: place for place, name in enumerate(associations["columns"])}
    for first, second in combinations(at, 2):
        for side, frame in (("training", tables[0]), ("synthetic", tables[2])):
            rows, columns = (in_bins(frame[name], tables[0][name]) for name in (first, second))
            counts = pd.crosstab(rows, columns)
            independent_counts = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / len(frame)
            square = ((counts.to_numpy() - independent_counts) ** 2 / independent_counts).sum()
            plain = np.sqrt(square / len(frame) / (min(counts.shape) - 1))
            value = associations[side][max(at[first], at[second])][min(at[first], at[second])]
            bias = np.sqrt((max(counts.shape) - 1) / len(frame))
            assert value == pytest.approx(plain, abs=bias + TOLERANCE), (first, second, side)
