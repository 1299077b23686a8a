"""Deferrable tasks against a stand-in for Gretel: deferred, resumed, finished, or cancelled."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.jobs.triggerer_job_runner import _USER_ACTION_CANCEL_MSG, TriggerRunner

from synth.airflow.hooks import SynthHook
from synth.airflow.triggers import SynthJobTrigger
from synth.services.processes import wait_until
from tests.airflow.runs import key_file, run, shows, states
from tests.airflow.world import BIN, PROJECT
from tests.doubles.gretel import KEY, GretelDouble
from tests.doubles.server import running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow.sdk import DAG

    from tests.airflow.world import Stack

MODEL = "session_features_by_user"
INSTALLATION: dict[str, Any] = {
    "project_dir": str(PROJECT),
    "synth_executable": str(BIN / "synth"),
    "postgres_conn_id": "postgres_default",
    "aws_conn_id": "aws_default",
    "gretel_conn_id": "gretel_default",
    "env": None,
}


@pytest.fixture
def gretel(monkeypatch: pytest.MonkeyPatch) -> Iterator[GretelDouble]:
    double = GretelDouble()
    with running(double):
        environment = double.environment
        connection = {
            "conn_type": "gretel",
            "host": environment["GRETEL_ENDPOINT"],
            "password": environment["GRETEL_API_KEY"],
            "extra": {"project": environment["GRETEL_PROJECT"]},
        }
        monkeypatch.setenv("AIRFLOW_CONN_GRETEL_DEFAULT", json.dumps(connection))
        yield double
    assert double.strangers == []


def test_a_task_leaves_its_worker_while_gretel_works_and_comes_back(
    stack: Stack,
    dags: Mapping[str, DAG],
    gretel: GretelDouble,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    gretel.script = [*["active"] * 5, "completed"]
    dag_run = run(dags["bookings_gretel"])
    output = capfd.readouterr()
    assert states(dag_run)[f"twin.synthesize[{MODEL}]"] == "success", output.out
    assert caplog.text.count("running trigger in line") == 1
    assert len(gretel.submissions) == 1
    assert gretel.left == []
    assert stack.rows(f"select count(*) > 0 from synthetic.{MODEL}") == [(True,)]
    assert not shows(output.out + output.err, KEY)
    assert list(key_file(KEY)) == []


def test_ending_a_deferred_task_cancels_the_remote_job(stack: Stack, gretel: GretelDouble) -> None:
    stack.run("dbt", "--quiet", "seed")
    stack.run("dbt", "--quiet", "run")
    gretel.script = ["active"]
    arguments = ["run", "--run-id", "killed", "--no-publish", "--no-wait", "--force", "--backend", "gretel"]
    output = SynthHook(**INSTALLATION).run([*arguments, "--select", MODEL])
    assert output.code == 3
    jobs = [job for event in output.events for job in event.get("jobs", ())]
    asyncio.run(_ended_by_a_user(SynthJobTrigger(jobs=jobs, poll_interval=0.1, **INSTALLATION), gretel))
    assert wait_until(lambda: gretel.left == [], seconds=120)
    assert gretel.calls("cancel") == 1


async def _ended_by_a_user(trigger: SynthJobTrigger, gretel: GretelDouble) -> None:
    """Watch the job in Airflow's own runner of triggers, and end the task as its page does."""
    runner, calls = TriggerRunner(), gretel.calls("look")
    runner.triggers[1] = {"name": "watched", "task": None, "events": 0}
    watch = asyncio.create_task(runner.run_trigger(1, trigger))
    while gretel.calls("look") == calls and not watch.done():  # noqa: ASYNC110 - another thread serves
        await asyncio.sleep(0.1)
    watch.cancel(_USER_ACTION_CANCEL_MSG)
    await asyncio.sleep(0)
    watch.cancel(_USER_ACTION_CANCEL_MSG)  # it does so again and again
    with pytest.raises(asyncio.CancelledError):
        await watch


def test_a_trigger_survives_its_way_through_the_database() -> None:
    trigger = SynthJobTrigger(jobs=["gretel/synth-x-train"], poll_interval=5.0, **INSTALLATION)
    path, arguments = trigger.serialize()
    assert path == f"{SynthJobTrigger.__module__}.{SynthJobTrigger.__name__}"
    assert json.loads(json.dumps(arguments)) == arguments
    assert SynthJobTrigger(**arguments).serialize() == (path, arguments)


def test_a_job_that_cannot_be_watched_ends_the_wait(stack: Stack, gretel: GretelDouble) -> None:
    gretel.keys.clear()
    trigger = SynthJobTrigger(jobs=["gretel/synth-x-train"], poll_interval=0.0, **INSTALLATION)

    async def first() -> Any:
        return await anext(trigger.run())

    event = asyncio.run(first())
    assert event.payload["status"] == "lost"
    assert "GRETEL_API_KEY" in event.payload["message"]
