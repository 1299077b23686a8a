"""`synth run --backend gretel`, from the warehouse to the twin, by the unmodified client."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.doubles.fixtures import needs_client
from tests.doubles.gretel import KEY, Bucket, GretelDouble
from tests.doubles.server import running
from tests.doubles.work import repeat
from tests.handmade import COMMENT, TWIN, Handmade
from tests.services import new_bucket, s3_client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services import Database

pytestmark = needs_client

SHOP = """
create table analytics.{0} (id integer not null, city text, spent numeric(8, 2), seen timestamptz);
insert into analytics.{0}
select
    n, (array['Oslo', 'Rome', 'Bern'])[1 + (hashint4(n) & 65535) % 3], (hashint4(n + 1) & 1048575) / 100.0,
    '2026-01-01Z'::timestamptz + (hashint4(n + 2) & 1048575) * interval '1 second'
from generate_series(1, {1}) n;
"""
ORDER_COLUMNS = """
select column_name::text from information_schema.columns
where table_schema = 'synthetic' and table_name = 'orders' order by ordinal_position
"""
ODD = """
create table analytics.odd (id integer not null, code text, big bigint, price numeric(4, 2), at timestamptz);
insert into analytics.odd
select
    n, (array['007', 'NA', '', null, E'two\\nlines', 'say "hi", twice', '1e5', 'true'])[1 + n % 8],
    9007199254740993 + n % 3, (array[1.10, 2.05, null])[1 + n % 3], '2026-03-01 12:00:00+05:30'
from generate_series(1, 400) n;
"""


@pytest.fixture
def project(database: Database, tmp_path: Path, gretel: GretelDouble) -> Iterator[Handmade]:
    with Handmade.made(database, tmp_path) as handmade:
        handmade.people()
        handmade.environment |= {**gretel.environment, "SYNTH_BACKEND": "gretel"}
        yield handmade


def everything(project: Handmade) -> bytes:
    """All that a run left on this machine."""
    places = (project.folder / "target", project.folder / "store")
    return b"".join(path.read_bytes() for place in places for path in place.rglob("*") if path.is_file())


def await_look(gretel: GretelDouble) -> None:
    """Return when a job is being watched."""
    deadline = time.monotonic() + 60
    while not gretel.calls("look"):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_twin_is_trained_elsewhere_checked_here_and_published(
    project: Handmade, gretel: GretelDouble
) -> None:
    answer = project.call("run", "--log-format", "json")
    assert (answer.code, answer.err) == (0, "")
    messages = [json.loads(line)["info"]["msg"] for line in answer.out.splitlines()]
    (publication,) = (line for line in messages if "OK published" in line)
    assert "gretel's own score 91" in publication
    assert len(project.rows(TWIN)) == 120
    (result,) = project.results()["results"]
    assert (result["backend"], result["scores"]["synthetic_data_quality_score"]) == ("gretel", 91.0)
    assert [call for call in gretel.log if call[2] != 200] == []
    assert gretel.left == []
    assert list((project.folder / "target/synth/work").rglob("*.json")) == []


def test_the_budget_that_a_twin_was_learned_with_is_on_record(project: Handmade) -> None:
    config = {"materialized": "table", "meta": {"synthesize": True, "synth": {"epsilon": 4}}}
    project.write(project.model("people", config=config) | project.key("people", "id"))
    assert project.synth("run").code == 0
    assert "; epsilon 4; source rows " in project.value(COMMENT)
    assert project.rows("select epsilon from synthetic._synth_runs") == [(4.0,)]


def test_keys_never_leave(project: Handmade, gretel: GretelDouble) -> None:
    assert project.synth("run").code == 0
    assert gretel.sheets[0].splitlines()[0] == b"batch,city,age"


def test_the_rows_of_an_entity_train_together_where_the_model_can(
    project: Handmade, gretel: GretelDouble
) -> None:
    project.with_orders(entity="person_id", gretel={"model": "navigator_ft"})
    answer = project.synth("run")
    assert answer.code == 0, answer.text
    headers = [sheet.splitlines()[0] for sheet in gretel.sheets]
    assert sorted(headers) == [b"amount,synth_entity", b"batch,city,age"]
    assert project.rows(ORDER_COLUMNS) == [("order_id",), ("person_id",), ("amount",)]


@pytest.mark.slow
def test_eight_models_train_side_by_side(project: Handmade, gretel: GretelDouble) -> None:
    nodes: dict[str, Any] = {}
    for name in (f"people{n}" for n in range(8)):
        project.session.execute(f"create table analytics.{name} as select * from analytics.people")
        nodes |= project.model(name) | project.key(name, "id")
    project.write(nodes)
    answer = project.synth("run", "--threads", "4")
    assert answer.code == 0, answer.text
    assert "PUBLISHED=8" in answer.text
    assert len(gretel.submissions) == 8
    assert gretel.most >= 2
    assert gretel.left == []


def test_a_service_that_returns_the_real_rows_is_stopped_by_the_gate(
    project: Handmade, gretel: GretelDouble
) -> None:
    project.session.execute(SHOP.format("shop", 2000))
    project.write(project.model("shop") | project.key("shop", "id"))
    gretel.make = repeat
    answer = project.synth("run")
    assert answer.code == 1
    assert "REJECTED synthetic.shop" in answer.text
    assert "exact_rows" in answer.text
    assert project.value("select to_regclass('synthetic.shop') is null")
    assert gretel.left == []


def test_odd_values_survive_the_way_there_and_back(project: Handmade, gretel: GretelDouble) -> None:
    project.session.execute(ODD)
    project.write(project.model("odd") | project.key("odd", "id"))
    answer = project.synth("run")
    assert answer.code == 0, answer.text
    for column in ("code", "big", "price"):
        source, twin = (
            {value for (value,) in project.rows(f"select distinct {column}::text from {place}.odd")}
            for place in ("analytics", "synthetic")
        )
        assert twin == source
    assert project.value("select bool_and(at = '2026-03-01 06:30Z') from synthetic.odd")


@pytest.mark.slow
@pytest.mark.parametrize("command", ["run", "retry"])
def test_a_killed_run_is_picked_up_by_the_next_one_and_paid_once(
    project: Handmade, gretel: GretelDouble, command: str
) -> None:
    gretel.script = ["active"]
    running = project.start("run")
    await_look(gretel)
    running.kill()
    running.communicate()
    (job,) = gretel.jobs.values()
    job.script[:] = ["active", "completed"]
    answer = project.synth(command)
    assert answer.code == 0, answer.text
    assert len(gretel.submissions) == 1
    assert len(project.rows(TWIN)) == 120
    assert gretel.left == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_cancels_the_job(
    project: Handmade, gretel: GretelDouble, number: signal.Signals
) -> None:
    gretel.script = ["active"]
    running = project.start("run")
    await_look(gretel)
    running.send_signal(number)
    out, err = running.communicate(timeout=30)
    assert (running.returncode, err) == (1, "")
    assert "Interrupted" in out
    assert gretel.calls("cancel") == 1
    assert gretel.left == []


def test_a_key_that_is_revoked_midway_is_in_no_output_and_no_artifact(
    project: Handmade, gretel: GretelDouble
) -> None:
    gretel.fail("look", 401, times=99, skip=1)
    answer = project.synth("run")
    assert answer.code == 1
    assert "refuses GRETEL_API_KEY. Next: export a key" in answer.text
    assert "may be left at" in answer.text
    for secret in (KEY, "X-Signature"):
        assert secret not in answer.text
        assert secret.encode() not in everything(project)


def test_debug_checks_the_service_and_spends_nothing(project: Handmade, gretel: GretelDouble) -> None:
    answer = project.synth("debug")
    assert "gretel is ready" in answer.text
    assert answer.code == 0, answer.text
    assert (gretel.left, gretel.submissions) == ([], [])
    answer = project.synth("debug", GRETEL_PROJECT="elsewhere")
    assert "has no project elsewhere for this key" in answer.text
    assert answer.code == 2


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"GRETEL_API_KEY": ""}, "GRETEL_API_KEY is not set. Next: export GRETEL_API_KEY"),
        ({"GRETEL_API_KEY": "secret"}, "GRETEL_API_KEY does not begin with grt"),
        ({"GRETEL_PROJECT": ""}, "GRETEL_PROJECT is not set"),
        ({"GRETEL_ENDPOINT": "api.gretel.ai"}, "GRETEL_ENDPOINT must be an address"),
        ({"GRETEL_RUNNER_MODE": "local"}, "GRETEL_RUNNER_MODE must be one of cloud, hybrid"),
        ({"GRETEL_RUNNER_MODE": "hybrid"}, "GRETEL_ARTIFACT_ENDPOINT"),
        (
            {"GRETEL_RUNNER_MODE": "hybrid", "GRETEL_ARTIFACT_ENDPOINT": "gs://bucket"},
            "synth reads S3 only, not gs://",
        ),
    ],
)
def test_a_wrong_variable_stops_the_run_before_it_begins(
    project: Handmade, variables: dict[str, str], message: str
) -> None:
    answer = project.synth("run", **variables)
    assert answer.code == 2
    assert message in answer.text
    assert variables.get("GRETEL_API_KEY") != "secret" or "secret" not in answer.text


@pytest.mark.slow
def test_a_stray_configuration_file_changes_nothing(
    project: Handmade, gretel: GretelDouble, tmp_path: Path
) -> None:
    stray = tmp_path / "gretel.json"
    stray.write_text(json.dumps({"endpoint": "http://127.0.0.1:9", "api_key": "grtu-other"}))
    stray.chmod(0o600)
    answer = project.call("run", GRETEL_CONFIG_FILE=str(stray))
    assert (answer.code, answer.err) == (0, "")


@pytest.mark.slow
def test_a_configuration_file_that_breaks_the_client_is_named(project: Handmade, tmp_path: Path) -> None:
    wrong_file = tmp_path / "gretel.json"
    wrong_file.write_text("{")
    answer = project.call("run", GRETEL_CONFIG_FILE=str(wrong_file))
    assert answer.code == 2
    assert "mend or remove that file" in answer.text


def test_hybrid_jobs_read_and_write_the_users_own_bucket(database: Database, tmp_path: Path) -> None:
    name = new_bucket(database.environment)
    client = s3_client(database.environment)

    def read(uri: str) -> bytes:
        return client.get_object(Bucket=name, Key=uri.removeprefix(f"s3://{name}/"))["Body"].read()

    def write(key: str, content: bytes) -> None:
        client.put_object(Bucket=name, Key=key, Body=content)

    double = GretelDouble(Bucket(read, write))
    hybrid = {"GRETEL_RUNNER_MODE": "hybrid", "GRETEL_ARTIFACT_ENDPOINT": f"s3://{name}"}
    with running(double), Handmade.made(database, tmp_path) as project:
        project.people()
        answer = project.synth("run", "--backend", "gretel", **double.environment, **hybrid)
        assert answer.code == 0, answer.text
        assert len(project.rows(TWIN)) == 120
    assert (double.left, double.strangers) == ([], [])
    assert client.list_objects_v2(Bucket=name)["KeyCount"] == 0
