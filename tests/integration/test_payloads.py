"""Documents of a row are documents in the twin, and what SQL reads from them is so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.handmade import Handmade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services import Database

# Most payloads are alike; those of queries say how long they took, each something else.
EVENTS = """
create table analytics.users as select n as user_id, 'u' || n || '@example.org' as email
from generate_series(1, 200) n;
create table analytics.raw_events as
select n as event_id, 1 + (hashint4(n) & 65535) % 200 as user_id,
    case when n % 4 = 0 then jsonb_build_object('page', '/sql', 'ms', 100 + (hashint4(n + 1) & 8191))
    else jsonb_build_object('page', (array['/login', '/board', '/chart'])[n % 4]) end as payload
from generate_series(1, 1200) n;
create table analytics.events as
"""
SQL = """
select event_id, user_id, payload, (payload ->> 'ms')::integer as ms from "analytics"."raw_events"
"""


@pytest.fixture(name="handmade")
def _handmade(database: Database, tmp_path: Path) -> Iterator[Handmade]:
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(f"{EVENTS}{SQL}".encode())
        yield project


def test_what_sql_reads_from_a_document_is_so_in_the_twin(handmade: Handmade) -> None:
    raw = handmade.model("raw_events", config={"materialized": "table", "meta": {}})
    events = handmade.model("events", compiled_code=SQL, depends_on={"nodes": ["model.hand.raw_events"]})
    facts = handmade.key("users", "user_id") | handmade.key("events", "event_id")
    facts |= handmade.reference("events", "user_id", "users", "user_id")
    handmade.write(handmade.model("users") | raw | events | facts)
    answer = handmade.synth("run")
    assert answer.code == 0, answer.text
    said = "select count(*) from synthetic.events where (payload ->> 'ms')::integer is distinct from ms"
    assert handmade.value(said) == 0
    pages = "select payload ->> 'page', count(*)::integer from synthetic.events group by 1"
    twin = dict(handmade.rows(pages))
    assert set(twin) == {"/login", "/board", "/chart", "/sql"}
    assert all(abs(number - 300) < 60 for number in twin.values()), twin
    took = (
        "select count(*)::integer, count(distinct ms)::integer, max(ms) from {}.events where payload ? 'ms'"
    )
    (rows, different, longest), (real_rows, _, _) = (
        handmade.rows(took.format(schema))[0] for schema in ("synthetic", "analytics")
    )
    assert abs(rows - real_rows) < 60
    assert different > 200
    assert longest <= 8291
