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
