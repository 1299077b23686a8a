"""`synth run` and its neighbours as a user meets them: relations, results, logs, repetition."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.handmade import Handmade

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.services import Database

PUBLICATIONS = """
select table_name from information_schema.tables
where table_schema = 'synthetic' and table_name !~ '^_' order by 1
"""


@pytest.fixture
def project(database: Database, tmp_path: Path) -> Iterator[Handmade]:
    with Handmade.made(database, tmp_path) as handmade:
        handmade.people()
        yield handmade


def statuses(project: Handmade) -> dict[str, str]:
    return {item["unique_id"].rpartition(".")[2]: item["status"] for item in project.results()["results"]}


# --- relations


@pytest.mark.slow
def test_a_child_alone_needs_a_published_parent_and_a_parent_alone_leaves_its_children_behind(
    project: Handmade,
) -> None:
    relate(project)
    (project.folder / "models").mkdir()
    for name in ("people", "orders", "zoo"):
        (project.folder / "models" / f"{name}.sql").write_text("select 1 as id")
    answer = project.synth("run", "--select", "orders")
    assert answer.code == 1
    assert "orders.person_id references model.hand.people, which has no twin synthetic.people" in answer.text
    assert "Next: synth run --select people orders" in answer.text
    assert project.value("select to_regclass('synthetic.orders') is null")

    assert project.synth("run").code == 0
    answer = project.synth("run", "--select", "people", "--force")
    assert answer.code == 0
    assert "Warning: orders references people and is not selected" in answer.text
    assert "synth run --select people+" in answer.text


def relate(project: Handmade, orders: int = 200) -> None:
    """Orders of people, and a zoo that has nothing to do with them."""
    project.session.execute(f"""
        create table analytics.orders (order_id integer not null, person_id integer not null, amount integer);
        insert into analytics.orders
        select n, 1 + (hashint4(n) & 65535) % 120, 10 + (hashint4(n + 1000) & 3)
        from generate_series(1, {orders}) n;
        create table analytics.zoo as select * from analytics.people
    """)
    project.write(
        project.model("people")
        | project.model("orders")
        | project.model("zoo")
        | project.key("people", "id")
        | project.key("orders", "order_id")
        | project.reference("orders", "person_id", "people", "id")
    )


def test_a_model_that_is_refused_stops_itself_alone(project: Handmade) -> None:
    relate(project, orders=5)
    answer = project.synth("run")
    assert answer.code == 1
    assert statuses(project) == {"people": "published", "orders": "error", "zoo": "published"}
    assert project.rows(PUBLICATIONS) == [("people",), ("zoo",)]
    assert "ERROR synthetic.orders: orders has 5 rows; fewer than 20 cannot be learned" in answer.text
    assert "Next: build it with more rows, or leave it out: synth run --exclude orders" in answer.text
    assert "START synthetic.orders" not in answer.text
    assert "Done. PUBLISHED=2 REJECTED=0 ERROR=1 SKIPPED=0 TOTAL=3" in answer.text
    assert project.value("select count(*) from pg_class where relname like 'stage%'") == 0


def test_a_child_of_a_refused_parent_gets_keys_that_lead_nowhere(project: Handmade) -> None:
    relate(project)
    project.session.execute("delete from analytics.people where id > 5")
    answer = project.synth("run")
    assert answer.code == 1
    assert statuses(project) == {"people": "error", "orders": "published", "zoo": "published"}
    warning = (
        "Warning: model.hand.people gets no twin: where orders.person_id get new keys, these lead nowhere"
    )
    assert answer.text.count(warning) == 1
    common_rows = "select count(*) from analytics.orders join synthetic.orders using (person_id)"
    assert project.value(common_rows) == 0


def test_rows_of_people_who_get_no_twin_are_still_those_of_one_person_each(project: Handmade) -> None:
    relate(project)
    project.session.execute("""
        alter table analytics.orders add city text;
        delete from analytics.orders;
        insert into analytics.orders
        select n, 1 + n % 80, 10 + (hashint4(n) & 3), (array['Oslo', 'Rome', 'Bern'])[1 + n % 80 % 3]
        from generate_series(1, 400) n;
        alter table analytics.people add constraint apart exclude (id with =)
    """)
    answer = project.synth("run")
    assert statuses(project) == {"people": "error", "orders": "published", "zoo": "published"}, answer.text
    assert project.value("select count(distinct person_id) from synthetic.orders") == 80
    moves = "select count(distinct city) > 1 as moves from synthetic.orders group by person_id"
    assert project.value(f"select avg(moves::int) from ({moves}) as people") < 0.3, answer.text


# --- what a run says


def test_a_run_reads_like_dbt(project: Handmade) -> None:
    answer = project.synth("run")
    assert answer.code == 0
    assert answer.err == ""
    lines = answer.out.splitlines()
    assert all(re.match(r"\d\d:\d\d:\d\d  ", line) for line in lines)
    run_id = project.results()["metadata"]["invocation_id"]
    folder, verdict = f"target/synth/runs/{run_id}", "privacy checks pass, quality inconclusive"
    expected = [
        r"Running with synth=\d+\.\d+\.\d+",
        rf"Found 1 model to synthesize, target dev, run {run_id}",
        r"1 of 1 START synthetic\.people  \[backend local\]",
        rf"1 of 1 OK published synthetic\.people  \[120 rows, fidelity \d+\.\d%, {verdict}\]  in \d+\.\ds",
        rf"Warning: people is too small to decide [a-z_, ]+; see {folder}/people/report\.html",
        rf"Results: {folder}/run_results\.json",
        r"Done\. PUBLISHED=1 REJECTED=0 ERROR=0 SKIPPED=0 TOTAL=1",
    ]
    assert len(answer.lines) == len(expected)
    for line, pattern in zip(answer.lines, expected, strict=True):
        assert re.fullmatch(pattern, line), line
    assert (project.folder / folder / "people" / "evaluation.json").is_file()
    assert "OK published synthetic.people" in (project.folder / folder / "synth.log").read_text()


def test_every_line_of_the_json_log_is_json(project: Handmade) -> None:
    answer = project.call("run", "--log-format", "json")
    assert (answer.code, answer.err) == (0, "")
    records = [json.loads(line) for line in answer.out.splitlines()]
    assert all(set(record) == {"data", "info"} for record in records)
    (last_record,) = [record for record in records if record["data"].get("status") == "published"]
    assert last_record["data"]["unique_id"] == "model.hand.people"
    assert last_record["data"]["rows"] == 120
    assert last_record["info"]["level"] == "info"
    assert records[-1]["data"] == {"PUBLISHED": 1, "REJECTED": 0, "ERROR": 0, "SKIPPED": 0, "TOTAL": 1}


@pytest.mark.slow
def test_quiet_says_nothing_but_errors(project: Handmade) -> None:
    answer = project.call("run", "--quiet")
    assert (answer.code, answer.text) == (0, "")
    project.session.execute("delete from analytics.people where id > 1")
    answer = project.synth("run", "--quiet")
    assert answer.code == 1
    (line,) = answer.lines
    assert line.startswith("1 of 1 ERROR synthetic.people: people has 1 row; fewer than 20")


# --- results


def test_results_have_the_shape_of_dbts(project: Handmade) -> None:
    relate(project, orders=5)
    project.synth("run", "--seed", "3")
    results = project.results()
    assert {"metadata", "args", "elapsed_time", "results"} == set(results)
    assert results["metadata"]["synth_results_version"] == 1
    assert results["args"]["which"] == "run"
    assert results["args"]["seed"] == 3
    by_name = {item["unique_id"]: item for item in results["results"]}
    zoo, orders = by_name["model.hand.zoo"], by_name["model.hand.orders"]
    assert zoo["relation_name"] == "synthetic.zoo"
    assert (zoo["rows"], zoo["seed"], zoo["verdict"], zoo["failures"]) == (120, 3, "inconclusive", 0)
    assert zoo["execution_time"] > 0
    assert zoo["message"] is None
    assert all(Path(uri.removeprefix("file://")).is_file() for uri in zoo["artifacts"])
    assert (orders["status"], orders["failures"], orders["artifacts"]) == ("error", 1, [])
    assert orders["message"].startswith("orders has 5 rows")
    run = project.folder / "target/synth/runs" / results["metadata"]["invocation_id"]
    assert json.loads((run / "run_results.json").read_text()) == results


def test_a_store_that_fails_at_the_end_leaves_published_twins_and_exit_code_1(project: Handmade) -> None:
    (project.folder / "store").mkdir()
    (project.folder / "store" / "runs").write_text("in the way")
    answer = project.synth("run")
    assert answer.code == 1
    assert "What was published stays, but the results of the run could not be stored: " in answer.text
    assert project.value("select count(*) from synthetic.people") == 120
    assert statuses(project) == {"people": "published"}


def test_a_target_folder_that_cannot_be_written_is_known_before_anything_happens(project: Handmade) -> None:
    (project.folder / "target" / "synth").write_text("in the way")
    answer = project.synth("run")
    assert answer.code == 2
    assert "Next: make it writable, or pass --target-path." in answer.text
    assert project.value("select to_regnamespace('synthetic') is null")


def test_the_same_seed_and_data_give_the_same_bytes(project: Handmade) -> None:
    relate(project)
    files: dict[str, list[bytes]] = {}
    for _ in range(2):
        assert project.synth("run", "--seed", "5", "--force").code == 0
        run = project.results()["metadata"]["invocation_id"]
        for path in sorted((project.folder / "store" / "twins" / run).rglob("data.*")):
            files.setdefault(f"{path.parent.name}/{path.name}", []).append(path.read_bytes())
        project.session.execute(
            "update analytics.people set city = city where id % 3 = 0"
        )  # another row order
    assert len(files) == 6
    assert all(len(set(contents)) == 1 for contents in files.values())


# --- ls and debug


def test_ls_lists_the_tagged_models_and_what_a_run_would_do(project: Handmade) -> None:
    relate(project)
    answer = project.synth("ls", "--rows", "2x", SYNTH_SED="1")
    assert answer.code == 0
    assert answer.out.splitlines()[0] == (
        "model.hand.people  analytics.people → synthetic.people  [backend local, rows 2x, seed 0]"
    )
    assert "SYNTH_SED is not one of ours" in answer.err  # what is no model is not on standard output
    answer = project.synth("ls", "--output", "json")
    descriptions: dict[str, Any] = {line["name"]: line for line in map(json.loads, answer.out.splitlines())}
    assert descriptions["orders"]["foreign_keys"] == {"person_id": "model.hand.people.id"}
    assert descriptions["orders"]["primary_key"] == ["order_id"]


def test_debug_says_that_all_is_well(project: Handmade) -> None:
    answer = project.synth("debug")
    assert answer.code == 0
    assert [line.split()[:2] for line in answer.lines] == [
        [name, "OK"]
        for name in (
            "project",
            "profile",
            "warehouse",
            "manifest",
            "ownership",
            "permissions",
            "store",
            "backend",
        )
    ]
    assert project.nothing_changed()


@pytest.mark.parametrize(
    ("variable", "failing_parts"),
    [
        ({"PGPORT": "1"}, ["warehouse"]),
        ({"SYNTH_STORE": "/dev/null/store"}, ["store"]),
        ({"SYNTH_BACKEND": "nobody"}, ["manifest"]),
    ],
)
def test_debug_names_what_fails_and_goes_on(
    project: Handmade, variable: dict[str, str], failing_parts: list[str]
) -> None:
    answer = project.synth("debug", **variable)
    assert answer.code == 2
    assert "Traceback" not in answer.text
    assert [line.split()[0] for line in answer.lines if line.split()[1] == "ERROR"] == failing_parts
