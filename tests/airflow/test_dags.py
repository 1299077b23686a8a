"""The example DAGs in a real Airflow, on the embedded services."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from synth.airflow.operators import run_id_of
from tests.airflow.runs import events, key_file, run, shows, states
from tests.airflow.world import PASSWORD, PROJECT, SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow.sdk import DAG

    from tests.airflow.world import Stack

MODEL = "session_features_by_user"
OTHERS = {
    "languages": "select user_id, language, age from {{ ref('session_features_by_user') }}",
    "impossible": "select user_id, gender, age from {{ ref('session_features_by_user') }} limit 5",
}
DECLARATION = """
models:
  - name: languages
    config: {materialized: table, meta: {synthesize: true}}
    columns: [{name: user_id, data_tests: [unique]}]
  - name: impossible
    config: {materialized: table, meta: {synthesize: true, synth: {on_inconclusive: block}}}
    columns: [{name: user_id, data_tests: [unique]}]
"""


@pytest.fixture
def more_models(stack: Stack) -> Iterator[None]:
    """Two more tagged models, of which one has too few rows to learn from."""
    folder = PROJECT / "models/more"
    folder.mkdir()
    for name, query in OTHERS.items():
        (folder / f"{name}.sql").write_text(query)
    (folder / "_more.yml").write_text(DECLARATION)
    yield
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def test_the_webinars_pipeline_publishes_the_twin_and_tells_who_waits_for_it(
    stack: Stack, dags: Mapping[str, DAG], capfd: pytest.CaptureFixture[str]
) -> None:
    moment = datetime.now(UTC)
    dag_run = run(dags["bookings"], moment)
    assert states(dag_run) == {
        "dbt_seed": "success",
        "dbt_run": "success",
        "plan": "success",
        f"twin.synthesize[{MODEL}]": "success",
        f"twin.publish[{MODEL}]": "success",
        "twin.failures": "skipped",
    }
    ((rows,),) = stack.rows(f"select count(*) from synthetic.{MODEL}")
    assert rows > 4000
    own = run_id_of(dag_run)
    assert f"twins/{own}/{MODEL}/data.parquet" in stack.objects(f"twins/{own}/")
    ((uri, extra),) = events(dag_run)
    assert uri == f"{stack.database}/synthetic/{MODEL}"
    assert (extra["run_id"], extra["rows"]) == (own, rows)

    before = stack.rows(f"select xmin::text, count(*) from synthetic.{MODEL} group by 1")
    again = run(dags["bookings"], moment)
    assert (again.run_id, str(again.state)) == (dag_run.run_id, "success")
    assert stack.rows(f"select xmin::text, count(*) from synthetic.{MODEL} group by 1") == before
    assert len(events(again)) == 1
    assert len(stack.rows("select run_id from synthetic._synth_runs")) == 1

    output = capfd.readouterr()
    for secret in (PASSWORD, SECRET):
        assert not shows(output.out + output.err, secret)
        assert list(key_file(secret)) == []


@pytest.mark.usefixtures("more_models")
def test_a_model_that_fails_fails_its_task_and_the_run_and_the_others_are_published(
    stack: Stack, dags: Mapping[str, DAG], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dags["bookings"].get_task("twin.synthesize"), "retries", 0)  # they wait a minute
    dag_run = run(dags["bookings"])
    assert str(dag_run.state) == "failed"
    together = f"{MODEL}, impossible, languages"  # their rows are about the same users
    states_by_task = states(dag_run)
    assert states_by_task[f"twin.synthesize[{together}]"] == "failed"
    assert states_by_task[f"twin.publish[{together}]"] == "success"
    assert stack.rows("select to_regclass('synthetic.impossible') is null") == [(True,)]
    assert stack.rows("select count(*) > 4000 from synthetic.languages") == [(True,)]
    uris = {uri for uri, _ in events(dag_run)}
    assert f"{stack.database}/synthetic/languages" in uris
    assert f"{stack.database}/synthetic/impossible" not in uris


def test_cosmos_and_synth_name_assets_alike(stack: Stack, dags: Mapping[str, DAG]) -> None:
    dag_run = run(dags["bookings_cosmos"])
    assert str(dag_run.state) == "success"
    uris = [uri for uri, _ in events(dag_run)]
    assert f"{stack.database}/analytics/{MODEL}" in uris
