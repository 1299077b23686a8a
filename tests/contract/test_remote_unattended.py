"""Remote jobs that nobody waits for: submitted, looked at, fetched by whoever comes back, or removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from synth.errors import PendingError
from tests.doubles.asking import ROWS, request_for, training, twin_of
from tests.doubles.fixtures import Rental, backend_of

if TYPE_CHECKING:
    from pathlib import Path


def left_working(remote: Rental, workdir: Path) -> str:
    """Submit without waiting; the name of the job."""
    remote.double.script = [*["active"] * 8, "completed"]
    with pytest.raises(PendingError) as interruption:
        remote.backend.synthesize(training(), request_for(wait=False), workdir)
    (name,) = interruption.value.jobs
    return name


def test_the_one_who_comes_back_from_another_machine_gets_the_rows_and_pays_once(
    remote: Rental, tmp_path: Path
) -> None:
    name = left_working(remote, tmp_path / "one")
    elsewhere = Rental(remote.double, backend_of(remote.double), remote.kind)
    assert elsewhere.backend.look(name) == "running"
    assert len(twin_of(elsewhere, tmp_path / "other")) == ROWS
    assert len(remote.double.submissions) == 1
    assert remote.double.left == []


def test_nobody_waits_twice_for_the_same_job(remote: Rental, tmp_path: Path) -> None:
    name = left_working(remote, tmp_path)
    with pytest.raises(PendingError) as interruption:
        remote.backend.synthesize(training(), request_for(wait=False), tmp_path)
    assert interruption.value.jobs == (name,)
    assert len(remote.double.submissions) == 1


def test_a_removed_job_is_cancelled_and_leaves_nothing(remote: Rental, tmp_path: Path) -> None:
    name = left_working(remote, tmp_path)
    backend_of(remote.double).remove(name)
    assert remote.double.calls("cancel") == 1
    assert remote.double.left == []
    assert remote.backend.look(name) is None


def test_a_job_that_was_removed_is_submitted_anew(remote: Rental, tmp_path: Path) -> None:
    remote.backend.remove(left_working(remote, tmp_path))
    remote.double.script = ["completed"]
    assert len(twin_of(remote, tmp_path)) == ROWS
    assert len(remote.double.submissions) == 2
