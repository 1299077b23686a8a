"""What is Gretel's own: signed links, packed files, quotas and projects; by the unmodified client."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from synth.domain import BackendOptions
from synth.errors import BackendError
from tests.doubles.asking import ROWS, refusal_of, twin_of
from tests.doubles.fixtures import QUICK, Rental, backend_of, needs_client

if TYPE_CHECKING:
    from pathlib import Path

    from tests.doubles.gretel import GretelDouble

pytestmark = needs_client


def test_lost_is_a_failure(gretel: GretelDouble, tmp_path: Path) -> None:
    gretel.script = ["created", "lost"]
    assert "ended as lost" in refusal_of(_rental(gretel), tmp_path)


def test_a_link_that_has_expired_is_asked_for_again(gretel: GretelDouble, tmp_path: Path) -> None:
    gretel.dead_links = 2
    assert len(twin_of(_rental(gretel), tmp_path)) == ROWS


def test_links_that_always_expire_end_the_run_and_keep_the_job(gretel: GretelDouble, tmp_path: Path) -> None:
    gretel.dead_links = 99
    assert "the link has expired" in refusal_of(_rental(gretel), tmp_path)
    assert len(gretel.jobs) == 1


def test_a_truncated_download_is_fetched_again(gretel: GretelDouble, tmp_path: Path) -> None:
    cuts = [20, 40]
    gretel.break_ = lambda content: content[: -cuts.pop()] if cuts else content
    assert len(twin_of(_rental(gretel), tmp_path)) == ROWS
    assert cuts == []


def test_what_is_not_gzip_is_refused(gretel: GretelDouble, tmp_path: Path) -> None:
    gretel.break_ = lambda _: b"plain"
    assert "not gzip, or broken" in refusal_of(_rental(gretel), tmp_path)


def test_a_full_project_is_waited_for(gretel: GretelDouble, tmp_path: Path) -> None:
    gretel.fail("submit", 400, body={"message": "Maximum number of running models reached"}, times=6)
    assert len(twin_of(_rental(gretel), tmp_path)) == ROWS


def test_an_empty_account_is_told_at_once(gretel: GretelDouble, tmp_path: Path) -> None:
    gretel.fail("submit", 400, body={"message": "Cannot run job, credits exhausted"})
    assert "credits of this account" in refusal_of(_rental(gretel), tmp_path)
    assert gretel.left == []


def test_check_sees_an_empty_account(gretel: GretelDouble) -> None:
    gretel.fail("submit", 400, body={"message": "Cannot run job, credits exhausted"})
    with pytest.raises(BackendError, match="credits of this account"):
        backend_of(gretel).check()


def test_check_sees_an_answer_of_another_shape(gretel: GretelDouble) -> None:
    gretel.fail("me", 200, body={"hello": "world"})
    with pytest.raises(BackendError, match="cannot be read"):
        backend_of(gretel).check()


def test_a_project_that_is_not_there_is_named(gretel: GretelDouble) -> None:
    gretel.project["name"] = gretel.project["guid"] = "other"
    with pytest.raises(BackendError, match="no project synth-demo"):
        backend_of(gretel).check()


def test_personal_data_can_be_replaced_before_training(gretel: GretelDouble, tmp_path: Path) -> None:
    steps = {"gretel": {"transform_v2": {"globals": {"locales": ["en_US"]}, "steps": []}}}
    twin_of(_rental(gretel), tmp_path, backend_options=BackendOptions(sections=steps))
    assert [next(iter(config["models"][0])) for config in gretel.submissions] == ["transform_v2", "actgan"]
    assert gretel.left == []


def test_a_run_that_was_killed_while_training_does_not_transform_again(
    gretel: GretelDouble, tmp_path: Path
) -> None:
    backend_options = BackendOptions(sections={"gretel": {"transform_v2": {"steps": []}}})
    gretel.fail("look", 500, times=99, skip=3)
    refusal_of(_rental(gretel), tmp_path, backend_options=backend_options)
    gretel._faults.clear()
    twin_of(_rental(gretel), tmp_path, backend_options=backend_options)
    assert len(gretel.submissions) == 2
    assert gretel.left == []


@pytest.mark.slow
def test_a_service_that_is_not_there_is_named(gretel: GretelDouble) -> None:
    gretel.url = "http://127.0.0.1:9"
    with pytest.raises(BackendError, match=r"http://127.0.0.1:9 cannot be reached"):
        backend_of(gretel, replace(QUICK, tries=1)).check()


@pytest.mark.slow
def test_a_proxy_that_is_in_the_way_is_named(gretel: GretelDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(BackendError, match="which gretel-client takes whatever no_proxy says"):
        backend_of(gretel, replace(QUICK, tries=1)).check()


def _rental(double: GretelDouble) -> Rental:
    return Rental(double, backend_of(double), "gretel")
