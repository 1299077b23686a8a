"""Shapes that few projects have, made by guarantee: each is published, and keeps what its table demands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.handmade import Handmade

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services import Database

SHAPES = {
    "months": (
        "create table analytics.odd as select n as odd_id, date '2020-01-01' + 7 * n as day,"
        " date_trunc('month', date '2020-01-01' + 7 * n)::date as month from generate_series(1, 100) n;"
        " alter table analytics.odd add check (month = date_trunc('month', month))"
    ),
    "text": (
        "create table analytics.odd as select n as odd_id, 'w' || n as word from generate_series(1, 30) n;"
        " alter table analytics.odd add check (word like 'w%')"
    ),
    "text that may not be null": (
        "create table analytics.odd as select n as odd_id, 'w' || n as word from generate_series(1, 300) n;"
        " alter table analytics.odd add check (word like 'w%' and length(word) < 9), alter word set not null"
    ),
    "codes in lower case": (
        "create table analytics.odd as select n as odd_id, md5(n::text) as word"
        " from generate_series(1, 60) n;"
        " alter table analytics.odd add check (length(word) = 32 and word = lower(word));"
        " alter table analytics.odd alter word set not null"
    ),
    "domain": (
        "create domain analytics.short as text not null check (length(value) between 3 and 5);"
        " create table analytics.odd as select n as odd_id, ('q' || (n + 100))::analytics.short as word"
        " from generate_series(1, 60) n"
    ),
    "enum": (
        "create type analytics.mood as enum ('good', 'bad', 'sad');"
        " create domain analytics.feeling as analytics.mood check (value <> 'sad');"
        " create table analytics.odd as select n as odd_id, 'good'::analytics.feeling as feeling"
        " from generate_series(1, 30) n"
    ),
    "numbers": (
        "create table analytics.odd as select n as odd_id, '1'::xid as version from generate_series(1, 60) n"
    ),
    "zones": (
        "create table analytics.odd as select n as odd_id, date '2022-01-01' + n as day,"
        " (date '2022-01-01' + n)::timestamptz as seen_at from generate_series(1, 200) n;"
        " alter table analytics.odd add check (day >= date '2020-01-01')"
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_an_odd_shape_is_published_by_guarantee(database: Database, tmp_path: Path, shape: str) -> None:
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(SHAPES[shape].encode())
        meta = {"synthesize": True, "synth": {"privacy": "guaranteed"}}
        config = {"materialized": "table", "meta": meta}
        project.write(project.model("odd", config=config) | project.key("odd", "odd_id"))

        answer = project.synth("run", "--no-tests")

        assert answer.code == 0, answer.text
        assert "PUBLISHED=1" in answer.text


@pytest.mark.parametrize("privacy", ["", "guaranteed"])
def test_a_twin_goes_without_a_check_that_its_empty_values_break(
    database: Database, tmp_path: Path, privacy: str
) -> None:
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(
            "create table analytics.odd as select n as odd_id, array['a', n::text] as parts, n % 7 as day"
            " from generate_series(1, 300) n;"
            " alter table analytics.odd alter parts set not null, add check (day < 7),"
            " add constraint two check (cardinality(parts) = 2)"
        )
        meta = {"synthesize": True, "synth": {"privacy": privacy} if privacy else {}}
        config = {"materialized": "table", "meta": meta}
        project.write(project.model("odd", config=config) | project.key("odd", "odd_id"))

        answer = project.synth("run", "--no-tests")

        assert answer.code == 0, answer.text
        assert "the twin of odd goes without check two: rows break it" in answer.text
        checks = (
            "select conname from pg_constraint where conrelid = 'synthetic.odd'::regclass and contype = 'c'"
        )
        names = [name for (name,) in project.session.execute(checks)]
        assert "two" not in names
