"""The twins by Gretel, as in the webinar; no worker is taken while its workers train.

The connection `gretel_default` has the API key as its password and the project in its extra; synth needs the
extra `gretel` in its environment.
"""

from __future__ import annotations

import os

from airflow.sdk import chain, dag, task_group
from bookings_project import DEFAULTS, dbt, make_and_publish

from synth.airflow.operators import SynthPlanOperator

POLL = float(os.environ.get("BOOKINGS_POLL", "60"))  # seconds
GRETEL = {"gretel_conn_id": "gretel_default", "flags": ["--backend", "gretel"]}


@task_group
def twin(select: list[str]) -> None:
    """As in `bookings`, but the task waits in the triggerer; who ends it there cancels the job."""
    make_and_publish(select, deferrable=True, poll_interval=POLL, **GRETEL)


@dag(schedule=None, catchup=False, max_active_runs=1, default_args=DEFAULTS, tags=["synth", "gretel"])
def bookings_gretel() -> None:
    """Dbt, and the twins by remote jobs."""
    seed = dbt.override(task_id="dbt_seed")("seed")
    extract = dbt.override(task_id="dbt_run")("run")
    plan = SynthPlanOperator(task_id="plan", **GRETEL)
    chain(seed, extract, plan, twin.expand(select=plan.output))


bookings_gretel()
