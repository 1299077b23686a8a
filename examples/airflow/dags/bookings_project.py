"""What the example DAGs share: where the project and its programs are, and which connections lead on.

The variables DBT_PROJECT_DIR and BOOKINGS_BIN say where the dbt project is, and where dbt and synth are
installed; they need not be in Airflow's environment, and here they are not.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import task, task_group
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from synth.airflow.hooks import SynthHook
from synth.airflow.operators import SynthPublishOperator, SynthRunOperator

PROJECT = os.environ.get("DBT_PROJECT_DIR", str(Path(__file__).resolve().parents[3]))
BIN = os.environ.get("BOOKINGS_BIN", f"{PROJECT}/.venv/bin")
INSTALLATION = {
    "project_dir": PROJECT,
    "synth_executable": f"{BIN}/synth",
    "postgres_conn_id": "postgres_default",
    "aws_conn_id": "aws_default",
    "env": {"DBT_USE_COLORS": "false", "DO_NOT_TRACK": "1"},
}
MODELS = "{{ task.select | join(', ') }}"  # what the page calls a mapped task
DEFAULTS = {**INSTALLATION, "retries": 1, "retry_delay": timedelta(minutes=1)}


@task_group
def twin(select: list[str]) -> None:
    """Make the twins of models that belong together, and publish those that pass."""
    make_and_publish(select)


def make_and_publish(select: list[str], **options: Any) -> None:
    """Add the tasks of models that belong together; `options` are those of `SynthRunOperator`.

    A model that fails stops only those that hold its keys, so `publish` runs whatever became of `synthesize`.
    A DAG run fails if one of its last tasks does, which is why `failures` comes last.
    """
    synthesize = SynthRunOperator(task_id="synthesize", select=select, map_index_template=MODELS, **options)
    publish = SynthPublishOperator(
        task_id="publish", select=select, map_index_template=MODELS, trigger_rule="all_done"
    )
    synthesize >> publish
    [synthesize, publish] >> failures()


@task(trigger_rule="one_failed", retries=0)
def failures() -> None:
    """Fail if a task before this one has failed."""
    raise AirflowFailException("a twin was not made or not published; see the task before this one")


@task
def dbt(command: str) -> None:
    """Run dbt with what the connections say in its environment."""
    output = SynthHook(**INSTALLATION).run([command], executable=f"{BIN}/dbt")
    if output.code:
        raise AirflowException("; ".join(output.errors) or f"dbt ended with exit code {output.code}")
