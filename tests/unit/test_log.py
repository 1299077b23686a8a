"""Lines to read and lines for machines, and that neither shows what an exception quotes."""

from __future__ import annotations

import io
import json
import logging
import re
from pathlib import Path

import pytest

from synth import log
from synth.domain import Check, Evaluation, Model, ModelResult, Relation, Status, Task, Verdict

SOURCE = Relation("warehouse", "analytics", "people")
MODEL = Model("model.shop.people", "people", SOURCE, "models/_models.yml", "table")
TASK = Task(MODEL, Relation("warehouse", "synthetic", "people"))
DETAILS = Path("target/evaluation.json")


def lines_of(
    *, form: str = "text", quiet: bool = False, colors: bool = False, debug: bool = False
) -> io.StringIO:
    stream = io.StringIO()
    log.configure(form=form, quiet=quiet, colors=colors, debug=debug, stream=stream)
    return stream


def check(name: str, verdict: Verdict) -> Check:
    return Check(name, 0.1, 0.0, 0.2, 0.15, verdict, "explained")


def result(status: Status, message: str = "", *checks: Check) -> ModelResult:
    evaluation = Evaluation(0.984, checks, {}) if checks else None
    return ModelResult(TASK, status, rows=5000, evaluation=evaluation, seconds=6.24, message=message)


@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        (
            result(Status.PUBLISHED, "", check("near_copies", Verdict.PASS)),
            "1 of 2 OK published synthetic.people  [5,000 rows, fidelity 98.4%, checks pass]  in 6.2s",
        ),
        (result(Status.PUBLISHED), "1 of 2 OK published synthetic.people  [5,000 rows]  in 6.2s"),
        (result(Status.ERROR, "no room"), "1 of 2 ERROR synthetic.people: no room"),
        (result(Status.REJECTED, "a copy"), "1 of 2 REJECTED synthetic.people: a copy"),
        (result(Status.SKIPPED, "parent failed"), "1 of 2 SKIP synthetic.people: parent failed"),
    ],
)
def test_every_outcome_is_one_line_after_the_clock(outcome: ModelResult, line: str) -> None:
    stream = lines_of()
    log.outcome("1 of 2", outcome, DETAILS)
    clock, _, text = stream.getvalue().partition("  ")
    assert re.fullmatch(r"\d\d:\d\d:\d\d", clock)
    assert text == f"{line}\n"


def test_inconclusive_checks_are_one_line_that_names_them(tmp_path: Path) -> None:
    stream = lines_of()
    checks = [check("values", Verdict.INCONCLUSIVE), check("near_copies", Verdict.INCONCLUSIVE)]
    log.outcome("1 of 1", result(Status.PUBLISHED, "", *checks), tmp_path / "evaluation.json")
    last = stream.getvalue().splitlines()[-1]
    text = f"Warning: people is too small to decide values, near_copies; see {tmp_path}/evaluation.json"
    assert last.endswith(text)


def test_words_are_coloured_on_a_terminal_and_names_are_not() -> None:
    stream = lines_of(colors=True)
    log.outcome("1 of 1", result(Status.PUBLISHED), DETAILS)
    assert "1 of 1 \x1b[32mOK\x1b[0m published synthetic.people" in stream.getvalue()


def test_json_lines_hold_what_the_text_says_and_its_parts() -> None:
    stream = lines_of(form="json")
    log.outcome("1 of 1", result(Status.ERROR, 'a "quoted"\nreason'), DETAILS)
    (line,) = stream.getvalue().splitlines()
    record = json.loads(line)
    assert record["info"]["level"] == "error"
    assert record["info"]["ts"].endswith("+00:00")
    assert record["data"] == {
        "unique_id": "model.shop.people",
        "status": "error",
        "rows": 5000,
        "seconds": 6.24,
        "message": 'a "quoted"\nreason',
        "relation": "synthetic.people",
        "fidelity": None,
        "artifacts": [],
        "jobs": [],
    }


def test_quiet_keeps_errors() -> None:
    stream = lines_of(quiet=True)
    log.info("all is well")
    log.warning("almost")
    log.error("broken")
    assert stream.getvalue().splitlines()[0].endswith("  broken")


def test_a_run_is_recorded_in_full_while_it_lasts(tmp_path: Path) -> None:
    lines_of(quiet=True)
    with log.write_log_to(tmp_path / "synth.log"):
        log.info("inside")
    log.info("outside")
    assert "inside" in (tmp_path / "synth.log").read_text()
    assert "outside" not in (tmp_path / "synth.log").read_text()


def test_an_unexpected_error_shows_its_type_and_place_but_never_its_text(tmp_path: Path) -> None:
    stream = lines_of()
    with log.write_log_to(tmp_path / "synth.log"):
        try:
            {"key": 1}["somebody@example.com"]
        except KeyError as error:
            log.error(log.describe_unexpected(error))
    record = (tmp_path / "synth.log").read_text()
    assert "unexpected KeyError; this is a bug in synth, and --debug shows the way to it" in stream.getvalue()
    assert "test_log.py" not in stream.getvalue()
    assert re.search(r"test_log\.py:\d+ in test_an_unexpected_error", record)
    assert "somebody" not in record + stream.getvalue()


def test_debug_shows_the_way_to_an_unexpected_error_and_to_its_origin_but_no_text() -> None:
    stream = lines_of(debug=True, quiet=True)
    try:
        try:
            {"key": 1}["somebody@example.com"]
        except KeyError as error:
            raise ValueError("somebody@example.com") from error
    except ValueError as error:
        log.describe_unexpected(error)
    lines = stream.getvalue().splitlines()
    assert [line.split()[-1] for line in lines[::3]] == ["ValueError", "KeyError"]
    assert all(re.search(r"test_log\.py:\d+ in test_debug_shows", line) for line in (lines[1], lines[4]))
    assert lines[2] == "which came of"
    assert "somebody" not in stream.getvalue()


def test_a_library_user_who_configures_nothing_hears_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    log.LOGGER.handlers[:] = [logging.NullHandler()]
    log.LOGGER.propagate = False
    log.error("broken")
    assert capfd.readouterr() == ("", "")
