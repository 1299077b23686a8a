"""Extract, synthesize, load: dbt builds the model, `synth` makes its twin, analysts read that."""

from __future__ import annotations

from airflow.sdk import chain, dag
from bookings_project import DEFAULTS, dbt, twin

from synth.airflow.operators import SynthPlanOperator


@dag(schedule=None, catchup=False, max_active_runs=1, default_args=DEFAULTS, tags=["synth"])
def bookings() -> None:
    """The webinar's three steps, with dbt in front; a model that fails stops no other one."""
    seed = dbt.override(task_id="dbt_seed")("seed")
    extract = dbt.override(task_id="dbt_run")("run")
    plan = SynthPlanOperator(task_id="plan")
    chain(seed, extract, plan, twin.expand(select=plan.output))


bookings()
