"""The schema of the twins defends itself: what does not belong there is named before anything is done."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from tests.handmade import SOON, TWIN, Handmade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services import Database

EDITS = {
    "update synthetic.people set age = age + 1 where city = 'Oslo'": " published, and other values in some",
    "delete from synthetic.people where city = 'Oslo'": " published 120",
    "insert into synthetic.people select * from analytics.people": "has 240 rows where run ",
}


@pytest.fixture
def published_project(database: Database, tmp_path: Path) -> Iterator[Handmade]:
    """A project whose one twin is published."""
    with Handmade.made(database, tmp_path) as project:
        project.people()
        assert project.synth("run").code == 0
        yield project


def do(project: Handmade, *statements: str) -> None:
    for statement in statements:
        project.session.execute(sql.SQL(statement))


def findings(project: Handmade) -> list[dict[str, Any]]:
    """What `synth check` finds; its exit code agrees."""
    answer = project.synth("check", "--output", "json")
    content = json.loads(answer.out)
    assert (answer.code, answer.err) == (0 if content["ok"] else 1, "")
    assert content["ok"] == (not content["found"])
    listing: list[dict[str, Any]] = content["found"]
    return listing


def test_a_schema_of_nothing_but_twins_and_views_of_them_is_fine(published_project: Handmade) -> None:
    do(
        published_project,
        "create view synthetic.adults as select * from synthetic.people where age > 20",
        "create view public.cities as select distinct city from synthetic.adults",
        "create materialized view synthetic.cities as select city, count(*) from public.cities group by city",
        "create view synthetic.today as select now() as now",
    )
    answer = published_project.synth("check")
    assert answer.code == 0
    assert answer.out == "Schema synthetic: 1 twin as published, 3 views of them, 0 relations to put right.\n"
    assert published_project.synth("run", "--force").code == 0


def test_every_kind_of_stranger_is_named_with_its_owner_and_the_way_out(published_project: Handmade) -> None:
    do(
        published_project,
        "create table synthetic.a as select * from analytics.people",
        "create table synthetic.b (n integer) partition by list (n)",
        "create view synthetic.c as select * from analytics.people",
        "create materialized view synthetic.d as select * from analytics.people",
    )
    owner = published_project.value("select current_user::text")
    assert [(one["relation"], one["kind"], one["problem"]) for one in findings(published_project)] == [
        ("synthetic.a", "table", "stranger"),
        ("synthetic.b", "partitioned table", "stranger"),
        ("synthetic.c", "view", "real"),
        ("synthetic.d", "materialized view", "real"),
    ]
    before, answer = published_project.rows(TWIN), published_project.synth("run", "--force")
    assert answer.code == 2
    assert "Nothing was done. Analysts would take for synthetic what is not" in answer.text
    for place, kind in enumerate(("table", "partitioned table", "view", "materialized view"), 1):
        assert f"({place}) synthetic.{'abcd'[place - 1]}, a {kind} of {owner}, " in answer.text
    assert published_project.rows(TWIN) == before
    for one in findings(published_project):
        do(published_project, str(one["way_out"]).removeprefix("move it to another schema, or: "))
    assert published_project.synth("run", "--force").code == 0


def test_a_view_is_followed_through_others_to_the_real_table(published_project: Handmade) -> None:
    do(
        published_project,
        "create view analytics.adults as select * from analytics.people where age > 20",
        "create view public.oslo as select id from analytics.adults where city = 'Oslo'",
        "create view synthetic.oslo as select id from public.oslo join synthetic.people using (id)",
    )
    (one,) = findings(published_project)
    assert one["reads"] == ["analytics.people through public.oslo, analytics.adults"]
    assert one["text"] == f"reads {one['reads'][0]}, which is no twin"


def test_a_table_that_carries_a_copied_stamp_is_no_twin(published_project: Handmade) -> None:
    do(published_project, "create table synthetic.copied (like synthetic.people including all)")
    do(
        published_project,
        "comment on table synthetic.copied is 'Synthetic twin of copied: no row is a real one.'",
    )
    assert [(one["relation"], one["problem"]) for one in findings(published_project)] == [
        ("synthetic.copied", "stranger")
    ]


def test_an_edited_twin_is_named_until_its_rows_are_those_that_were_published(
    published_project: Handmade,
) -> None:
    do(published_project, "create table kept as table synthetic.people")
    for edit, message in EDITS.items():
        do(published_project, edit)
        (one,) = findings(published_project)
        assert (one["relation"], one["problem"]) == ("synthetic.people", "changed")
        assert message in one["text"]
        answer = published_project.synth("run")
        assert answer.code == 2
        assert message in answer.text
        do(published_project, "truncate synthetic.people")
        do(published_project, "insert into synthetic.people select * from kept order by age")
        assert findings(published_project) == []
    assert published_project.synth("run").code == 0


def test_an_edited_twin_may_be_published_anew(published_project: Handmade) -> None:
    do(published_project, "update synthetic.people set age = 1")
    (one,) = findings(published_project)
    assert one["way_out"] == "synth run --select people --force"
    assert published_project.synth("run", "--force").code == 0
    assert findings(published_project) == []


def test_a_twin_of_an_older_synth_counts_as_unchanged_until_it_is_published_again(
    published_project: Handmade,
) -> None:
    newer = ("policy", "limits", "attempt", "retry_reason", "equal_rows")
    for column in ("content", "written_by", "recorded_at", "inputs", "request", *newer):
        do(published_project, f"alter table synthetic._synth_runs drop column {column}")
    do(published_project, "update synthetic.people set age = 1")
    assert findings(published_project) == []
    assert published_project.synth("run", "--force").code == 0
    do(published_project, "update synthetic.people set age = 1")
    assert [one["problem"] for one in findings(published_project)] == ["changed"]


def test_everything_is_named_at_once(published_project: Handmade) -> None:
    do(
        published_project,
        "create table synthetic.notes (n integer)",
        'create view synthetic."Real People" as select * from analytics.people',
        "delete from synthetic.people where city = 'Oslo'",
    )
    answer = published_project.synth("check")
    assert answer.code == 1
    assert 'drop view synthetic."Real People"' in answer.text
    assert "0 twins as published, 3 relations to put right" in answer.text
    text = published_project.synth("run").text
    assert all(f"({place}) synthetic." in text for place in (1, 2, 3))


def test_a_schema_that_cannot_be_inspected_stops_the_run(published_project: Handmade) -> None:
    with psycopg.connect(**published_project.database.conninfo) as other:
        other.execute("lock table synthetic.people in access exclusive mode")
        for command in ("check", "run"):
            answer = published_project.synth(command, **SOON)
            assert answer.code == 2
            assert "due to lock timeout" in answer.text
            assert "published" not in answer.out
        other.rollback()


def test_what_appears_during_a_run_is_named_at_its_end(published_project: Handmade) -> None:
    published_project.backend(
        "careless",
        "import psycopg\n"
        "with psycopg.connect() as session:\n"
        "    session.execute('create or replace view synthetic.real as select * from analytics.people')\n"
        "return super().synthesize(training, request, workdir)\n",
    )
    answer = published_project.call("run", "--backend", "careless")
    assert answer.code == 1
    assert "What was published stays, but: Analysts would take for synthetic what is not" in answer.text
    assert "PUBLISHED=1" in answer.text


def test_there_is_nothing_to_find_before_the_first_run(database: Database, tmp_path: Path) -> None:
    with Handmade.made(database, tmp_path) as project:
        assert findings(project) == []
