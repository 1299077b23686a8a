"""The same with Cosmos, which makes a task of each dbt model, and a DAG that waits for the twin.

Schedules join up, because assets are called alike: Cosmos says postgres://host:port/database/analytics/… of
dbt's models, and `synth` says postgres://host:port/database/synthetic/… of their twins.
"""

from __future__ import annotations

import os

from airflow.sdk import Asset, chain, dag, task
from bookings_project import BIN, DEFAULTS, PROJECT, dbt, twin
from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import LoadMode, TestBehavior
from cosmos.profiles import PostgresUserPasswordProfileMapping

from synth.airflow.operators import SynthPlanOperator

# Host, port and database as in the connection; a DAG is read before any connection may be asked.
DATABASE = os.environ.get("BOOKINGS_DATABASE", "postgres://localhost:5432/warehouse")
TWIN = Asset(f"{DATABASE}/synthetic/session_features_by_user")


@dag(schedule=None, catchup=False, max_active_runs=1, default_args=DEFAULTS, tags=["synth", "cosmos"])
def bookings_cosmos() -> None:
    """Dbt by Cosmos, then the twins."""
    models = DbtTaskGroup(
        group_id="dbt",
        project_config=ProjectConfig(PROJECT, manifest_path=f"{PROJECT}/target/manifest.json"),
        profile_config=ProfileConfig(
            profile_name="synth",
            target_name="dev",
            profile_mapping=PostgresUserPasswordProfileMapping(
                conn_id="postgres_default", profile_args={"schema": "analytics"}
            ),
        ),
        execution_config=ExecutionConfig(dbt_executable_path=f"{BIN}/dbt"),
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST,
            test_behavior=TestBehavior.AFTER_ALL,
            exclude=["resource_type:seed"],
        ),
    )
    # The staging models name the seeds as sources, so Cosmos does not know that these come first. And as it
    # works on copies of the project, this is what writes the manifest that synth reads.
    seed = dbt.override(task_id="dbt_seed")("seed")
    plan = SynthPlanOperator(task_id="plan")
    chain(seed, models, plan, twin.expand(select=plan.output))


@dag(schedule=[TWIN], catchup=False, tags=["synth"])
def analysts() -> None:
    """Starts whenever the twin is published, by whichever DAG."""

    @task(inlets=[TWIN])
    def look(inlet_events: dict[Asset, list[object]] | None = None) -> None:
        """Say what is new."""
        for event in (inlet_events or {}).get(TWIN, [])[-1:]:
            print(f"{TWIN.uri}: {event.extra}")  # noqa: T201 - is the task's log

    look()


bookings_cosmos()
analysts()
