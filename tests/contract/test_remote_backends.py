"""What every remote backend owes the pipeline, whatever goes wrong, against its service's stand-in."""

from __future__ import annotations

import io
import json
import logging
from dataclasses import replace
from threading import Thread
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from synth.backends.ledger import Ledger
from synth.backends.sheet import ENTITY
from synth.domain import BackendOptions
from synth.errors import BackendError
from tests.doubles.asking import CANARY, ROWS, refusal_of, request_for, training, twin_of
from tests.doubles.fixtures import QUICK, Rental, backend_of
from tests.doubles.gretel import GretelDouble
from tests.doubles.nemo import NemoDouble

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOG = logging.getLogger("synth.backends")


def test_the_twin_has_the_columns_order_dtypes_and_rows_asked_for(remote: Rental, tmp_path: Path) -> None:
    real = training()
    twin = remote.backend.synthesize(real, request_for(), tmp_path)
    assert twin.dtypes.to_dict() == real.dtypes.to_dict()
    assert list(twin.columns) == list(real.columns)
    assert len(twin) == ROWS
    assert [name for name in twin if twin[name].isna().any()] in ([], ["visits"])
    pd.testing.assert_frame_equal(real, training())


def test_nothing_is_left_remotely_or_here(remote: Rental, tmp_path: Path) -> None:
    twin_of(remote, tmp_path)
    assert remote.double.left == []
    assert list(tmp_path.iterdir()) == []
    assert remote.double.calls("submit") == 1


def test_what_is_kept_on_purpose_stays(remote: Rental, tmp_path: Path) -> None:
    twin_of(remote, tmp_path, backend_options=BackendOptions(keep_remote=True))
    assert len(remote.double.jobs) == 1
    assert len(remote.double.left) >= 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "model", ["model.shop.orders", "model.shop.日本", "model.shop.__A__b__c__d__" + "e" * 90]
)
def test_any_model_has_a_name_that_the_service_takes(remote: Rental, tmp_path: Path, model: str) -> None:
    assert len(twin_of(remote, tmp_path, model=model)) == ROWS


def test_rare_labels_never_leave(remote: Rental, tmp_path: Path) -> None:
    twin_of(remote, tmp_path)
    (content,) = remote.double.sheets
    assert CANARY.encode() not in content
    assert b"common" in content


def test_the_scores_of_the_service_are_out_of_a_hundred(remote: Rental, tmp_path: Path) -> None:
    scores: dict[str, float] = {}
    twin_of(remote, tmp_path, on_scores=scores.update)
    assert scores["synthetic_data_quality_score"] == 91.0


def test_progress_is_told_by_status_and_time(remote: Rental, tmp_path: Path) -> None:
    messages: list[str] = []
    twin_of(remote, tmp_path, progress=lambda text, *_: messages.append(text))
    assert [text.split(",")[0].partition(" ")[2] for text in messages] == [
        "train queued",
        "train running",
        "train done",
    ]


def test_a_second_run_of_a_finished_job_pays_again(remote: Rental, tmp_path: Path) -> None:
    twin_of(remote, tmp_path)
    twin_of(remote, tmp_path)
    assert remote.double.calls("submit") == 2


@pytest.mark.parametrize("operation", ["upload", "submit", "search", "look", "delete"])
@pytest.mark.parametrize("status", [503, 429])
@pytest.mark.parametrize("headers", [{}, {"Retry-After": "0"}], ids=["", "Retry-After"])
def test_a_moment_of_weakness_is_waited_for(
    remote: Rental, tmp_path: Path, operation: str, status: int, headers: dict[str, str]
) -> None:
    remote.double.fail(operation, status, headers=headers)
    assert len(twin_of(remote, tmp_path)) == ROWS
    assert remote.double.left == []
    assert len(remote.double.submissions) == 1


@pytest.mark.parametrize(
    "operation", ["search", "submit", "look", "result", "link", "cancel", "delete", "drop"]
)
@pytest.mark.parametrize("status", [404, 409])
def test_one_odd_answer_costs_nothing_and_leaves_nothing(
    remote: Rental, tmp_path: Path, operation: str, status: int
) -> None:
    remote.double.fail(operation, status)
    assert len(twin_of(remote, tmp_path)) == ROWS
    assert remote.double.left == []
    assert len(remote.double.submissions) == 1


def test_rows_that_are_never_there_keep_the_job_for_the_next_run(remote: Rental, tmp_path: Path) -> None:
    remote.double.fail("link" if remote.kind == "gretel" else "result", 404, times=99)
    assert "its rows cannot be had" in refusal_of(remote, tmp_path)
    assert len(remote.double.jobs) == 1
    remote.double._faults.clear()
    assert len(twin_of(remote, tmp_path)) == ROWS
    assert len(remote.double.submissions) == 1
    assert remote.double.left == []


def test_a_job_that_is_being_cancelled_is_not_picked_up_and_its_rows_are_gone(
    remote: Rental, tmp_path: Path
) -> None:
    remote.double.script, remote.double.ending = ["active"], 10_000
    sections = {remote.kind: {"timeout": 0.1}}
    impatient = Rental(remote.double, backend_of(remote.double, replace(QUICK, ending=0.1)), remote.kind)
    assert "had not finished" in refusal_of(
        impatient, tmp_path, backend_options=BackendOptions(sections=sections)
    )
    assert remote.double.left == list(remote.double.jobs)
    remote.double.script = ["created", "active", "completed"]
    twin_of(
        impatient,
        tmp_path,
        backend_options=BackendOptions(sections=sections),
        run_id="20261124t000000z-aaaaaaaa",
    )
    assert len(remote.double.submissions) == 2
    (leftover,) = remote.double.left
    remote.double.jobs[leftover].script[:] = ["cancelled"]
    twin_of(impatient, tmp_path, run_id="20261125t000000z-aaaaaaaa")
    assert remote.double.left == []


@pytest.mark.parametrize("status", [500, None], ids=["500", "no answer"])
def test_a_lost_answer_leaves_exactly_one_job(remote: Rental, tmp_path: Path, status: int | None) -> None:
    remote.double.fail("submit", status, is_sent=True)
    twin_of(remote, tmp_path, backend_options=BackendOptions(keep_remote=True))
    assert len(remote.double.jobs) == 1


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (["created", "error"], "ended as failed"),
        (["created", "cancelled"], "ended as cancelled"),
        (["created", "meditating"], "a status that this version does not know"),
    ],
)
def test_a_job_that_did_not_succeed_is_no_success(
    remote: Rental, tmp_path: Path, script: list[str], message: str
) -> None:
    remote.double.script = script
    assert message in refusal_of(remote, tmp_path)
    assert remote.double.left == []


def test_the_reason_of_a_failure_is_told_without_values(remote: Rental, tmp_path: Path) -> None:
    remote.double.script, remote.double.error = ["error"], f"column note: cannot use '{CANARY}' at 8812.77"
    assert "column note: cannot use" in refusal_of(remote, tmp_path)


def test_a_job_that_never_ends_is_cancelled_at_its_deadline(remote: Rental, tmp_path: Path) -> None:
    remote.double.script = ["active"]
    sections = {remote.kind: {"timeout": 0.2}}
    assert "had not finished after 0 seconds" in refusal_of(
        remote, tmp_path, backend_options=BackendOptions(sections=sections)
    )
    assert remote.double.calls("cancel") == 1
    assert remote.double.left == []


@pytest.mark.parametrize(
    ("mangle", "message"),
    [
        (lambda frame: frame.iloc[:1], "of them usable, not the 60 asked for"),
        (lambda frame: frame.iloc[:0], "has no rows"),
        (lambda frame: frame.drop(columns="amount"), "has no column amount"),
        (lambda frame: frame.assign(more=1), "1 columns that were not asked for"),
        (lambda frame: frame.assign(amount="much"), "unusable values in amount"),
        (lambda frame: frame.assign(plan="gold"), "unusable values in plan"),
        (lambda frame: frame.assign(active=None), "unusable values in active"),
    ],
)
def test_rows_that_cannot_be_used_are_refused(
    remote: Rental, tmp_path: Path, mangle: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    remote.double.mangle = lambda content: mangle(_read(content)).to_csv(index=False).encode()
    assert message in refusal_of(remote, tmp_path)
    assert remote.double.left == []


@pytest.mark.parametrize("usable", [ROWS - 1, 20])
def test_a_trained_model_is_asked_for_more_rows_where_too_few_can_be_used(
    remote: Rental, tmp_path: Path, usable: int
) -> None:
    cuts = [usable]
    remote.double.mangle = lambda content: _spoilt(content, cuts.pop() if cuts else len(content))
    if isinstance(remote.double, NemoDouble) and remote.double.family == "v1beta1":  # has no such job
        assert f"{usable} of them usable, not the 60 asked for" in refusal_of(remote, tmp_path)
    else:
        assert len(twin_of(remote, tmp_path)) == ROWS
        assert len(remote.double.sheets) == 1 + isinstance(remote.double, NemoDouble)
    assert remote.double.left == []
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_was_killed_while_more_rows_were_made_trains_nothing_again(
    remote: Rental, tmp_path: Path
) -> None:
    if isinstance(remote.double, NemoDouble) and remote.double.family == "v1beta1":
        pytest.skip("a trained model makes no more rows there")
    cuts = [20]
    remote.double.mangle = lambda content: _spoilt(content, cuts.pop() if cuts else len(content))
    operation, skip = ("look", 3) if remote.kind == "nemo" else ("look at handler", 1)
    remote.double.fail(operation, 500, times=99, skip=skip)
    refusal_of(remote, tmp_path)
    remote.double._faults.clear()
    cuts = [20]
    assert len(twin_of(remote, tmp_path)) == ROWS
    assert len(remote.double.sheets) == 1 + isinstance(remote.double, NemoDouble)
    assert remote.double.left == []


def test_columns_in_another_order_are_put_back(remote: Rental, tmp_path: Path) -> None:
    remote.double.mangle = lambda content: _read(content).iloc[:, ::-1].to_csv(index=False).encode()
    assert list(twin_of(remote, tmp_path).columns) == list(training().columns)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"plan\n\xff\xfe", "is not encoded in UTF-8"),
        (b'plan\n"a"b', "is no valid CSV"),
        (b"<html>maintenance</html>", "has no column plan"),
        (b"", "has no column plan"),
    ],
)
def test_what_is_no_table_is_refused(remote: Rental, tmp_path: Path, content: bytes, message: str) -> None:
    remote.double.mangle = lambda _: content
    assert message in refusal_of(remote, tmp_path)


def test_credentials_that_are_refused_midway_leave_a_trace_for_the_next_run(
    remote: Rental, tmp_path: Path
) -> None:
    remote.double.fail("look", 401, times=99)
    assert "may be left at" in refusal_of(remote, tmp_path)
    (ledger,) = tmp_path.glob("*.json")
    assert json.loads(ledger.read_text())["jobs"] == {"train": next(iter(remote.double.jobs))}
    remote.double._faults.clear()
    assert len(twin_of(remote, tmp_path)) == ROWS
    assert len(remote.double.submissions) == 1
    assert remote.double.left == []


def test_a_job_of_a_killed_run_is_picked_up_and_paid_once(remote: Rental, tmp_path: Path) -> None:
    remote.double.fail(
        "look", 500, times=99
    )  # so that this run ends without knowing, as one that is killed does
    refusal_of(remote, tmp_path)
    remote.double._faults.clear()
    again = Rental(remote.double, backend_of(remote.double), remote.kind)
    twin_of(again, tmp_path, run_id="20261124t000000z-aaaaaaaa")
    assert len(remote.double.submissions) == 1
    assert remote.double.left == []


def test_a_run_that_was_killed_before_it_learned_the_id_finds_its_job_by_name(
    remote: Rental, tmp_path: Path
) -> None:
    remote.double.fail("look", 500, times=99)
    refusal_of(remote, tmp_path)
    remote.double._faults.clear()
    (ledger,) = tmp_path.glob("*.json")
    ledger.write_text(ledger.read_text().replace(next(iter(remote.double.jobs)), ""))
    twin_of(remote, tmp_path)
    assert len(remote.double.submissions) == 1


def test_another_attempt_of_the_same_run_finds_the_job_from_any_machine(
    remote: Rental, tmp_path: Path
) -> None:
    remote.double.fail("look", 500, times=99)
    refusal_of(remote, tmp_path / "one")
    remote.double._faults.clear()
    elsewhere = Rental(remote.double, backend_of(remote.double), remote.kind)
    assert len(twin_of(elsewhere, tmp_path / "other")) == ROWS
    assert len(remote.double.submissions) == 1
    assert remote.double.left == []


def test_another_run_with_other_files_leaves_a_job_alone(remote: Rental, tmp_path: Path) -> None:
    remote.double.fail("look", 500, times=99)
    refusal_of(remote, tmp_path / "one")
    remote.double._faults.clear()
    elsewhere = Rental(remote.double, backend_of(remote.double), remote.kind)
    twin_of(elsewhere, tmp_path / "other", run_id="20261124t000000z-aaaaaaaa")
    assert len(remote.double.submissions) == 2
    assert list(remote.double.jobs)  # the first one


def test_other_rows_are_other_work_and_what_is_left_of_the_old_is_removed(
    remote: Rental, tmp_path: Path
) -> None:
    remote.double.fail("look", 500, times=99)
    refusal_of(remote, tmp_path)
    remote.double._faults.clear()
    remote.backend.synthesize(training(300), request_for(), tmp_path)
    assert len(remote.double.submissions) == 2
    assert remote.double.left == []
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_cancels_the_job_and_removes_everything(remote: Rental, tmp_path: Path) -> None:
    remote.double.script = ["active"]
    ends: list[BaseException] = []

    def work() -> None:
        try:
            twin_of(remote, tmp_path)
        except BackendError as error:
            ends.append(error)

    thread = Thread(target=work)
    thread.start()
    while not remote.double.calls("look"):
        thread.join(0.01)
    remote.backend.cancel()
    thread.join(10)
    assert "interrupted" in str(ends[0])
    assert remote.double.left == []
    assert list(tmp_path.iterdir()) == []


def test_two_runs_do_not_wait_for_one_job(remote: Rental, tmp_path: Path) -> None:
    remote.double.script = ["active"]
    thread = Thread(target=refusal_of, args=(remote, tmp_path))
    thread.start()
    while not remote.double.calls("look"):
        thread.join(0.01)
    other = Rental(remote.double, backend_of(remote.double), remote.kind)
    assert "Another run waits for the same remote work" in refusal_of(other, tmp_path)
    remote.backend.cancel()
    thread.join(10)


def test_rows_of_an_entity_leave_with_a_number_that_means_nothing(remote: Rental, tmp_path: Path) -> None:
    entities = np.repeat(np.arange(100) + 4_000_000, 4)
    backend_options = BackendOptions(sections={"gretel": {"model": "navigator_ft"}})
    assert list(twin_of(remote, tmp_path, entities=entities, backend_options=backend_options)) == list(
        training().columns
    )
    (upload,) = map(_read, remote.double.sheets)
    assert list(upload) == [*training().columns, ENTITY]
    numbers = upload[ENTITY].astype(int)
    assert sorted(numbers.unique()) == list(range(1, 101))
    assert numbers.groupby(entities).nunique().eq(1).all()
    assert (numbers.iloc[::4].diff().dropna() != 1).any()  # in no order that says whose it is
    assert remote.double.left == []


def test_real_rows_come_back_as_they_were_sent_so_that_the_gate_sees_them(
    remote: Rental, tmp_path: Path
) -> None:
    twin, real = twin_of(remote, tmp_path), training().assign(note="common")
    overlap = twin.astype(object).merge(real.astype(object), how="inner")
    assert len(overlap) == ROWS


def test_check_spends_nothing(remote: Rental) -> None:
    remote.backend.check()
    assert remote.double.left == []
    assert remote.double.submissions == []


def test_check_says_when_the_credentials_are_refused(remote: Rental) -> None:
    if isinstance(remote.double, GretelDouble):
        remote.double.keys.clear()
    else:
        remote.double.tokens.clear()
    with pytest.raises(BackendError, match=r"Next: "):
        remote.backend.check()


def test_a_nemo_that_is_not_there_is_named(nemo: NemoDouble) -> None:
    nemo.url = "http://127.0.0.1:9"
    with pytest.raises(BackendError, match=r"http://127.0.0.1:9 cannot be reached"):
        backend_of(nemo).check()


def test_a_server_that_is_no_nemo_is_named(nemo: NemoDouble) -> None:
    nemo.fail("search", 404, times=9)
    with pytest.raises(BackendError, match="has no NeMo Safe Synthesizer"):
        backend_of(nemo).check()


def test_work_that_is_left_elsewhere_is_named(
    remote: Rental, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Ledger(tmp_path / f"{remote.kind}-0123.json", "synth-old", "http://elsewhere", {"train": "1"}).write()
    LOG.addHandler(caplog.handler)  # the command line keeps its log from the root logger
    try:
        twin_of(remote, tmp_path)
    finally:
        LOG.removeHandler(caplog.handler)
    assert "called synth-old-…, may be left at http://elsewhere" in caplog.text


def _spoilt(content: bytes, usable: int) -> bytes:
    """The rows, of which all beyond the first have a label that was never sent."""
    frame = _read(content)
    frame.loc[usable:, "plan"] = "gold"
    return frame.to_csv(index=False).encode()


def _read(content: bytes) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
