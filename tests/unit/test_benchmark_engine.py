from __future__ import annotations

import csv
import json
import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from benchmarks.ablation import ablate, without
from benchmarks.contestants import OURS, Run, measure, read_record, reason
from benchmarks.engine import Row, beside_ours, choose, markdown
from benchmarks.mechanisms import MECHANISMS
from benchmarks.tables import halve, read

if TYPE_CHECKING:
    from pathlib import Path

LINES = [["id", "text"], *([str(number), f'a "{number}",\nb'] for number in range(101))]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(LINES)
    return path


def lines(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_the_halves_hold_every_row_once_as_it_stood(table: Path, tmp_path: Path) -> None:
    halves = tmp_path / "one.csv", tmp_path / "two.csv"
    halve(table, *halves, seed=3)
    (head, *first), (_, *second) = (lines(path) for path in halves)
    assert head == LINES[0]
    assert (len(first), len(second)) == (51, 50)
    assert sorted(first + second) == sorted(LINES[1:])


def test_another_seed_is_another_split_and_the_same_seed_the_same(table: Path, tmp_path: Path) -> None:
    splits = []
    for place, seed in enumerate((0, 0, 1)):
        halves = tmp_path / f"{place}a.csv", tmp_path / f"{place}b.csv"
        halve(table, *halves, seed=seed, rows=20)
        splits.append([lines(path) for path in halves])
    assert splits[0] == splits[1] != splits[2]
    assert [len(half) for half in splits[0]] == [11, 11]


def test_only_what_is_empty_is_null_and_dates_are_read_as_dates(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("label,day\nNA,2026-01-02\n,2026-01-03\n", encoding="utf-8")
    table = read(path)
    assert table["label"].isna().tolist() == [False, True]
    assert table["day"].dtype.kind == "M"


def test_a_program_that_takes_too_long_is_ended_and_the_row_says_so() -> None:
    run = measure([sys.executable, "-c", "while True: pass"], limit=1, environment=os.environ)
    assert run.failure == "over the limit of 1 CPU seconds"
    assert 0.5 < run.cpu < 3


def test_a_program_that_is_ended_otherwise_was_not_over_the_limit() -> None:
    code = "import os; os.kill(os.getpid(), 9)"
    assert measure([sys.executable, "-c", code], limit=9, environment={}).failure == "ended with -9"


def test_a_program_that_fails_leaves_its_reason() -> None:
    run = measure([sys.executable, "-c", "raise SystemExit('no such model')"], limit=9, environment={})
    assert run.failure == "no such model"


def test_the_processes_own_seconds_and_memory_are_counted() -> None:
    busy = "sum(range(10**7)); held = b'.' * 3 * 10**8"
    idle, busy_run = (
        measure([sys.executable, "-c", code], limit=60, environment={}) for code in ("pass", busy)
    )
    assert not idle.failure
    assert busy_run.cpu > idle.cpu
    assert busy_run.peak > 286  # what it holds; a child also counts what its parent held when it was started


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("one\nERROR: no wheel\nhint\n", "ERROR: no wheel"),
        ("one\n\ntwo\n", "two"),
        ("", ""),
    ],
)
def test_the_reason_is_the_last_error_or_else_the_last_line(output: str, expected: str) -> None:
    assert reason(output) == expected


def test_a_kept_run_is_used_again_unless_it_may_take_longer_now(tmp_path: Path) -> None:
    record = tmp_path / "0.json"
    assert read_record(record, 10) is None
    record.write_text(json.dumps(asdict(Run(9.0, 100.0, 10, "over the limit"))), encoding="utf-8")
    assert read_record(record, 20) is None
    run = read_record(record, 10)
    assert run is not None
    assert run.is_kept
    record.write_text(json.dumps(asdict(Run(9.0, 100.0, 10))), encoding="utf-8")
    assert read_record(record, 20) == Run(9.0, 100.0, 10, is_kept=True)


def test_the_table_shows_medians_spread_and_what_is_missing() -> None:
    def figures(cpu: float, mia: float, *, is_kept: bool) -> dict[str, object]:
        return {"cpu": cpu, "peak": 100.0, "kept": is_kept, "mia_auc": mia, "privacy": {"mia_auc": "pass"}}

    ours = Row(OURS.name, {seed: figures(2.0, 0.5 + seed / 100, is_kept=False) for seed in range(3)})
    peer = Row(
        "peer", {0: {**figures(40.0, 0.5, is_kept=True), "privacy": {"mia_auc": "fail"}}}, "over the limit"
    )
    markdown_lines = markdown(
        beside_ours([ours, peer, Row("absent", {}, "not installed: no wheel")])
    ).splitlines()
    assert "| 0.510 [0.500–0.520] |" in markdown_lines[2]
    assert "| 1.0 [1.0–1.0] |" in markdown_lines[2]
    assert "| 40.0\\* | 20.0\\* |" in markdown_lines[3]
    assert "mia_auc: fail (1 of 1)" in markdown_lines[3]
    assert set(markdown_lines[4].removeprefix("| absent ").split()) == {"|", "–"}
    assert "- absent: not installed: no wheel" in markdown_lines
    assert "- peer: over the limit" in markdown_lines


def test_tables_are_chosen_by_name(tmp_path: Path) -> None:
    for name in ("one.csv", "two.csv.gz", "three.txt"):
        (tmp_path / name).touch()
    assert list(choose(tmp_path, None)) == ["one", "two"]
    assert list(choose(tmp_path, ["two"])) == ["two"]
    with pytest.raises(SystemExit, match="no table three"):
        choose(tmp_path, ["three"])
    with pytest.raises(SystemExit, match=r"no \.csv"):
        choose(tmp_path / "none", None)


@pytest.mark.parametrize("name", MECHANISMS)
def test_what_a_mechanism_is_made_of_is_there_and_comes_back(name: str) -> None:
    parts = MECHANISMS[name]
    originals = [vars(owner)[attribute] for owner, attribute, _ in parts]
    with without(parts):
        assert [vars(owner)[attribute] for owner, attribute, _ in parts] != originals
    assert [vars(owner)[attribute] for owner, attribute, _ in parts] == originals


def test_an_ablation_measures_a_table_with_and_without_a_mechanism() -> None:
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 3, 300)
    frame = pd.DataFrame({"kind": kind, "price": kind * 100 + rng.integers(0, 20, 300)})
    halves = [frame.iloc[:150].reset_index(drop=True), frame.iloc[150:].reset_index(drop=True)]
    whole, idle = (figures for _, figures in ablate(halves[0], halves[1], 0, ["moments"]))
    assert 0.8 < whole["accuracy"] <= 1
    assert 0 <= whole["mia_auc"] <= 1
    assert {**whole, "cpu": 0} == {**idle, "cpu": 0}  # there is no date
