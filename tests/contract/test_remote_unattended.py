"""Remote jobs that nobody waits for: submitted, looked at, fetched by whoever comes back, or removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from synth.errors import PendingError
from tests.doubles.asking import ROWS, asked, made, training
from tests.doubles.fixtures import Rented, opened

if TYPE_CHECKING:
    from pathlib import Path


def left_working(remote: Rented, workdir: Path) -> str:
    """Submit without waiting; the name of the job."""
    remote.double.script = [*["active"] * 8, "completed"]
    with pytest.raises(PendingError) as pending:
        remote.backend.synthesize(training(), asked(wait=False), workdir)
    (name,) = pending.value.jobs
    return name


def test_the_one_who_comes_back_from_another_machine_gets_the_rows_and_pays_once(
    remote: Rented, tmp_path: Path
) -> None:
    name = left_working(remote, tmp_path / "one")
    elsewhere = Rented(remote.double, opened(remote.double), remote.kind)
    assert elsewhere.backend.look(name) == "running"
    assert len(made(elsewhere, tmp_path / "other")) == ROWS
    assert len(remote.double.submitted) == 1
    assert remote.double.left == []


def test_nobody_waits_twice_for_the_same_job(remote: Rented, tmp_path: Path) -> None:
    name = left_working(remote, tmp_path)
    with pytest.raises(PendingError) as pending:
        remote.backend.synthesize(training(), asked(wait=False), tmp_path)
    assert pending.value.jobs == (name,)
    assert len(remote.double.submitted) == 1


def test_a_removed_job_is_cancelled_and_leaves_nothing(remote: Rented, tmp_path: Path) -> None:
    name = left_working(remote, tmp_path)
    opened(remote.double).remove(name)
    assert remote.double.calls("cancel") == 1
    assert remote.double.left == []
    assert remote.backend.look(name) is None


def test_a_job_that_was_removed_is_submitted_anew(remote: Rented, tmp_path: Path) -> None:
    remote.backend.remove(left_working(remote, tmp_path))
    remote.double.script = ["completed"]
    assert len(made(remote, tmp_path)) == ROWS
    assert len(remote.double.submitted) == 2
