"""What a run leaves: the same bytes for the same twin, names that are safe, results last and whole."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from synth.columns.roles import Treatment
from synth.domain import (
    Check,
    Column,
    Evaluation,
    Kind,
    Model,
    ModelResult,
    Options,
    Relation,
    Role,
    RunResult,
    Status,
    Task,
    Verdict,
)
from synth.errors import ConfigError, StoreError
from synth.runs.artifacts import (
    RunFolder,
    file_name,
    read_runs,
    results_json,
    write_csv,
    write_index,
    write_json,
    write_parquet,
)
from synth.stores.directory import DirectoryStore
from synth.viewing import find, view

if TYPE_CHECKING:
    from pathlib import Path

TWIN = pa.table({"id": [1, 2, 3], "name": ["a,b", None, ""], "day": pa.array([0, 1, None], pa.date32())})
EVALUATION = Evaluation(
    0.9, (Check("near_copies", 0.1, 0.0, 0.2, 0.3, Verdict.PASS, "fine"),), {"training": 9}
)


def task(name: str = "people") -> Task:
    model = Model(f"model.shop.{name}", name, Relation("w", "analytics", name), "models/m.yml", "table")
    return Task(model, Relation("w", "synthetic", name), Options(seed=3))


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
    paths = sorted(str(path.relative_to(store.root)) for path in store.root.rglob("*") if path.is_file())
    assert paths == [
        "audit/run-1/people/evaluation.json",
        "audit/run-1/people/report.html",
        "twins/run-1/people/data.csv.gz",
        "twins/run-1/people/data.parquet",
    ]
    assert pq.read_table(store.root / "twins/run-1/people/data.parquet").equals(TWIN)
    assert sorted(path.name for path in folder.of(task()).iterdir()) == ["evaluation.json", "report.html"]
    assert json.loads(folder.evaluation(task()).read_text())["checks"][0]["ci_high"] == 0.2


def test_of_a_rejected_twin_only_the_owners_get_something(folder: RunFolder, tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "store")
    folder.store_twin(store, task(), None, EVALUATION)
    assert not (store.root / "twins").exists()
    document = json.loads((store.root / "audit/run-1/people/evaluation.json").read_text("utf-8"))
    assert document["blocked"]
    assert "not published" in (store.root / "audit/run-1/people/report.html").read_text("utf-8")


def test_a_report_says_what_was_done_to_each_column(folder: RunFolder, tmp_path: Path) -> None:
    treatments = [
        Treatment(Column(role, "text", Kind.TEXT, not_null=False), role, f"because {role}") for role in Role
    ]
    folder.store_twin(DirectoryStore(tmp_path / "store"), task(), TWIN, EVALUATION, treatments=treatments)
    items = json.loads(folder.evaluation(task()).read_text("utf-8"))["treatments"]
    assert [item["role"] for item in items] == [*Role]
    actions = {item["role"]: item["action"] for item in items}
    assert (actions["key"], actions["email"]) == ("new keys that look alike, none of them real", "made up")


def test_a_report_says_which_columns_are_those_of_the_source(folder: RunFolder, tmp_path: Path) -> None:
    seed_task = replace(task(), model=replace(task().model, seed_columns=("city",)))
    city = Treatment(Column("city", "text", Kind.TEXT, not_null=False), Role.CATEGORY, "declared")
    folder.store_twin(DirectoryStore(tmp_path / "store"), seed_task, TWIN, EVALUATION, treatments=[city])
    (item,) = json.loads(folder.evaluation(task()).read_text("utf-8"))["treatments"]
    assert item["action"] == "as in the source (seed_columns)"


@pytest.mark.parametrize(
    ("name", "folder_name"),
    [
        ("people", "people"),
        ("Mixed Case é", "Mixed Case é"),
        ("../../etc", "%2E.%2F..%2Fetc"),
        (".", "%2E"),
        ("a\\b%c\n", "a%5Cb%25c%0A"),
    ],
)
def test_no_name_of_a_relation_leads_out_of_its_folder(name: str, folder_name: str) -> None:
    assert file_name(name) == folder_name


def test_a_twin_with_a_strange_name_is_stored_all_the_same(folder: RunFolder, tmp_path: Path) -> None:
    uris = folder.store_twin(DirectoryStore(tmp_path / "store"), task("../😀 x"), TWIN, None)
    assert len(uris) == 4
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


def test_a_result_says_why_there_is_no_twin(folder: RunFolder) -> None:
    result = ModelResult(task(), Status.REJECTED, evaluation=EVALUATION, message="a copy")
    content: Any = results_json(RunResult("r", (result,)), {}, 1, folder)
    (item,) = content["results"]
    assert (item["status"], item["message"]) == ("rejected", "a copy")
    assert (item["failures"], item["verdict"]) == (1, "pass")


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    write_json(path, {"run": 1})
    write_json(path, {"run": "é"})
    assert json.loads(path.read_text("utf-8")) == {"run": "é"}
    assert [item.name for item in tmp_path.iterdir()] == ["results.json"]


# --- the index, and `synth report`


def finished_run(
    artifact_dir: Path, run_id: str, *names: str, status: Status = Status.PUBLISHED
) -> RunFolder:
    """A run that has ended, with a report of every model."""
    folder = RunFolder.create(artifact_dir, run_id)
    for name in names:
        folder.store_twin(DirectoryStore(artifact_dir / "store"), task(name), TWIN, EVALUATION)
    results = tuple(ModelResult(task(name), status, rows=3, evaluation=EVALUATION) for name in names)
    folder.finish(None, RunResult(run_id, results), {}, 1)
    return folder


def lines_shown(artifact_dir: Path, **flags: Any) -> list[str]:
    options = {"model": None, "run_id": None, "browse": False, "serve": False, "port": 0, **flags}
    return list(view(artifact_dir, **options))


def test_the_index_lists_every_run_and_leads_to_its_reports(tmp_path: Path) -> None:
    for run in range(3):
        finished_run(tmp_path, f"20260101T00000{run}Z", "people", "odd #1?/%")
    page = (tmp_path / "index.html").read_text("utf-8")
    links = set(re.findall(r'href="(runs/[^"]*)"', page))
    assert len(links) == 6
    assert all((tmp_path / unquote(link)).is_file() for link in links)
    assert "2 models, 3 runs" in page
    assert "Fidelity of people, run by run" in page


def test_the_index_outlives_broken_and_interrupted_runs(tmp_path: Path) -> None:
    finished_run(tmp_path, "20260101T000001Z", "people")
    for number, content in enumerate(
        ("", "{}", "[1]", '{"metadata": {"generated_at": ""}, "results": [{}]}')
    ):
        folder = tmp_path / "runs" / f"20260102T00000{number}Z"
        folder.mkdir()
        (folder / "run_results.json").write_text(content)
    (tmp_path / "runs" / "20260103T000000Z").mkdir()
    assert [[item.name for item in run] for run in read_runs(tmp_path)] == [["people"]]
    assert "20260101T000001Z" in write_index(tmp_path).read_text("utf-8")


def test_the_index_of_no_run_says_what_to_do(tmp_path: Path) -> None:
    assert "synth run" in write_index(tmp_path).read_text("utf-8")


def test_the_index_says_that_an_older_twin_is_still_in_place(tmp_path: Path) -> None:
    finished_run(tmp_path, "20260101T000001Z", "people")
    finished_run(tmp_path, "20260101T000002Z", "people", status=Status.REJECTED)
    assert "is still in place" in (tmp_path / "index.html").read_text("utf-8")


def test_the_index_keeps_the_figures_of_a_twin_that_later_runs_left_as_it_was(tmp_path: Path) -> None:
    run_folder = finished_run(tmp_path, "20260101T000001Z", "people")
    result = ModelResult(task("people"), Status.UNCHANGED, message="nothing changed")
    later = RunFolder.create(tmp_path, "20260101T000002Z")
    later.finish(None, RunResult(later.run_id, (result,)), {}, 1)
    page = (tmp_path / "index.html").read_text("utf-8")
    models = page[page.index('id="models"') : page.index('id="runs"')]
    assert f'href="runs/{run_folder.run_id}/people/report.html"' in models
    assert "still in place" not in models
    assert '<span class="pill pass">unchanged</span>' in page


def test_the_newest_report_is_found_of_all_models_or_of_one(tmp_path: Path) -> None:
    finished_run(tmp_path, "20260101T000001Z", "people", "orders")
    newest = finished_run(tmp_path, "20260101T000002Z", "people")
    assert find(tmp_path) == (newest.report(task()),)
    assert find(tmp_path, model="orders")[0].parts[-3:] == ("20260101T000001Z", "orders", "report.html")
    assert find(tmp_path, model="model.shop.people", run_id="20260101T000001Z")[0].is_file()
    assert len(find(tmp_path, run_id="20260101T000001Z")) == 2
    assert lines_shown(tmp_path) == [str(newest.report(task()))]


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        ({"model": "zoo"}, "There is no report of zoo in any run; there are reports of orders, people."),
        ({"run_id": "x"}, r"There is no run x in .*; the newest is 20260101T000002Z"),
        (
            {"model": "orders", "run_id": "20260101T000002Z"},
            "no report of orders in run 20260101T000002Z; there are reports of people",
        ),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(
    tmp_path: Path, faults: dict[str, str], message: str
) -> None:
    finished_run(tmp_path, "20260101T000001Z", "people", "orders")
    finished_run(tmp_path, "20260101T000002Z", "people")
    with pytest.raises(ConfigError, match=message):
        lines_shown(tmp_path, **faults)


def test_without_any_run_the_next_command_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"There is no report in .* yet\. Next: synth run"):
        lines_shown(tmp_path)
