"""What a run leaves: the same bytes for the same twin, names that are safe, results last and whole."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from synth.artifacts import RunFolder, file_name, results_json, write_csv, write_json, write_parquet
from synth.domain import (
    Check,
    Evaluation,
    Model,
    ModelResult,
    Relation,
    Rows,
    RunResult,
    Status,
    Task,
    Verdict,
)
from synth.errors import StoreError
from synth.stores.directory import DirectoryStore

if TYPE_CHECKING:
    from pathlib import Path

TWIN = pa.table({"id": [1, 2, 3], "name": ["a,b", None, ""], "day": pa.array([0, 1, None], pa.date32())})
EVALUATION = Evaluation(0.9, (Check("nn_share", 0.1, 0.0, 0.2, 0.3, Verdict.PASS, "fine"),), {"training": 9})


def task(name: str = "people") -> Task:
    model = Model(f"model.shop.{name}", name, Relation("w", "analytics", name), "models/m.yml", "table")
    return Task(model, Relation("w", "synthetic", name), "local", Rows(), 3)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "synth", "run-1")


def test_the_same_twin_gives_the_same_bytes(tmp_path: Path) -> None:
    for name, write in (("data.parquet", write_parquet), ("data.csv.gz", write_csv)):
        one, two = tmp_path / f"1-{name}", tmp_path / f"2-{name}"
        write(TWIN, one)
        write(TWIN, two)
        assert one.read_bytes() == two.read_bytes()


def test_csv_tells_null_from_the_empty_string(tmp_path: Path) -> None:
    write_csv(TWIN, tmp_path / "data.csv.gz")
    text = gzip.decompress((tmp_path / "data.csv.gz").read_bytes()).decode()
    assert text.splitlines() == ['"id","name","day"', '1,"a,b",1970-01-01', "2,,1970-01-02", '3,"",']


def test_a_twin_is_stored_for_analysts_and_its_figures_for_owners(folder: RunFolder, tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "store")
    folder.store_twin(store, task(), TWIN, EVALUATION)
    found = sorted(str(path.relative_to(store.root)) for path in store.root.rglob("*") if path.is_file())
    assert found == [
        "audit/run-1/people/evaluation.json",
        "twins/run-1/people/data.csv.gz",
        "twins/run-1/people/data.parquet",
    ]
    assert pq.read_table(store.root / "twins/run-1/people/data.parquet").equals(TWIN)
    assert [path.name for path in folder.of(task()).iterdir()] == ["evaluation.json"]
    assert json.loads(folder.evaluation(task()).read_text())["checks"][0]["ci_high"] == 0.2


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("people", "people"),
        ("Mixed Case é", "Mixed Case é"),
        ("../../etc", "%2E.%2F..%2Fetc"),
        (".", "%2E"),
        ("a\\b%c\n", "a%5Cb%25c%0A"),
    ],
)
def test_no_name_of_a_relation_leads_out_of_its_folder(name: str, expected: str) -> None:
    assert file_name(name) == expected


def test_a_twin_with_a_strange_name_is_stored_all_the_same(folder: RunFolder, tmp_path: Path) -> None:
    uris = folder.store_twin(DirectoryStore(tmp_path / "store"), task("../😀 x"), TWIN, None)
    assert len(uris) == 3
    assert not (tmp_path / "😀 x").exists()


def test_a_run_folder_is_never_used_twice(folder: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"Could not create .*run-1"):
        RunFolder.create(tmp_path / "synth", "run-1")


def test_results_are_written_here_and_created_once_in_the_store(folder: RunFolder, tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "store")
    result = RunResult("run-1", (ModelResult(task(), Status.PUBLISHED, rows=3),))
    folder.finish(store, result, {"which": "run"}, 1.23456)
    latest = json.loads((tmp_path / "synth" / "run_results.json").read_text())
    assert latest == json.loads((store.root / "runs/run-1/run_results.json").read_text())
    assert latest["elapsed_time"] == 1.235
    with pytest.raises(FileExistsError):
        folder.finish(store, result, {}, 1)


def test_results_are_written_without_a_store_too(folder: RunFolder, tmp_path: Path) -> None:
    folder.finish(None, RunResult("run-1", ()), {}, 1)
    assert (folder.path / "run_results.json").is_file()


def test_a_result_says_why_there_is_no_twin() -> None:
    failed = ModelResult(task(), Status.REJECTED, evaluation=EVALUATION, message="a copy")
    content: Any = results_json(RunResult("r", (failed,)), {}, 1)
    (item,) = content["results"]
    assert (item["status"], item["message"]) == ("rejected", "a copy")
    assert (item["failures"], item["verdict"]) == (1, "pass")


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    write_json(path, {"run": 1})
    write_json(path, {"run": "é"})
    assert json.loads(path.read_text("utf-8")) == {"run": "é"}
    assert [item.name for item in tmp_path.iterdir()] == ["results.json"]
