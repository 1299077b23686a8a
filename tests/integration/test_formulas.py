"""What a model's SQL computes from columns of the same row is so in every row of its twin."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.handmade import Handmade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services import Database

RAW = """
create table analytics.raw_trips as
select
    n as trip,
    'P-' || 40000 + n * 7 as pass,
    date '2024-03-01' + (hashint4(n) & 255) as out,
    case
        when hashint4(n + 1) & 3 > 0 then date '2024-03-01' + (hashint4(n) & 255) + (hashint4(n + 2) & 31)
    end as back,
    5 + (hashint4(n + 3) & 63) as price,
    (array['fi', 'ee', 'lv'])[1 + (hashint4(n + 4) & 1023) % 3] as land
from generate_series(1, 500) n;
create function analytics.stain(text) returns text language sql as $$ select 'stained ' || $1 $$;
"""
TRIPS = """
with priced as (
    select *, coalesce(back, date '2024-12-31') as till, price * 3 as triple from "analytics"."raw_trips"
)
select
    trip,
    'T' || lpad(trip::text, 8, '0') as trip_no,
    md5(coalesce(trip::text, '-') || '-' || coalesce(land, '-')) as trip_key,
    lpad((trip % 1000)::text, 3, '0') as short_no,
    pass,
    'no ' || lower(pass) as label,
    out as "Out",
    back,
    till - out as nights,
    daterange(out, back + 1) as stay,
    to_char(out, 'YYYYMMDD')::integer as day,
    case land when 'lv' then 'south' else 'north' end as part,
    land,
    price,
    triple,
    price > 30 and back is not null as dear,
    analytics.stain(land) as stain,
    current_date - out as since
from priced
"""
HOLD = """
count(*) = 500
and bool_and(nights = coalesce(back, date '2024-12-31') - "Out")
and bool_and(stay = daterange("Out", back + 1) and day = to_char("Out", 'YYYYMMDD')::integer)
and bool_and(part = case land when 'lv' then 'south' else 'north' end)
and bool_and(dear = (price > 30 and back is not null))
and bool_and(label = 'no ' || lower(pass) and trip_no = 'T' || lpad(trip::text, 8, '0'))
and bool_and(trip_key = md5(coalesce(trip::text, '-') || '-' || coalesce(land, '-')))
"""


@pytest.fixture(name="trips")
def _trips(database: Database, tmp_path: Path) -> Iterator[Handmade]:
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(RAW.encode())
        project.session.execute(f"create table analytics.trips as {TRIPS}".encode())
        yield project


def test_columns_are_computed_from_the_columns_of_the_twin_as_their_sql_says(trips: Handmade) -> None:
    trips.session.execute("update analytics.trips set triple = triple + 1 where trip % 50 = 0")
    columns = {"pass": {"name": "pass", "config": {"meta": {"synth": {"role": "natural_key"}}}}}
    meta = {"synthesize": True, "synth": {"on_inconclusive": "warn"}}
    config = {"materialized": "table", "meta": meta}
    raw = trips.model("raw_trips", resource_type="seed", config={"materialized": "seed"})
    raw = {
        key.replace("model.", "seed."): {**node, "unique_id": "seed.hand.raw_trips"}
        for key, node in raw.items()
    }
    model = trips.model("trips", compiled_code=TRIPS, columns=columns, config=config)
    model["model.hand.trips"]["depends_on"] = {"nodes": ["seed.hand.raw_trips"]}
    keys = [trips.key("trips", name) for name in ("trip", "trip_no", "trip_key", "short_no")]
    trips.write({**raw, **model, **{name: node for key in keys for name, node in key.items()}})
    answer = trips.synth("run")
    assert answer.code == 0, answer.text
    assert trips.value(f"select {HOLD} from analytics.trips")
    assert trips.value(f"select {HOLD} from synthetic.trips"), answer.text
    assert "SQL" not in answer.text  # nobody has said that `triple` is so, and it is not
    for name in ("pass", "trip", "trip_no", "trip_key"):
        assert trips.value(f"select count(*) from synthetic.trips join analytics.trips using ({name})") == 0
    assert trips.value("select count(distinct short_no) from synthetic.trips") == 500  # which would not be so
    (listing,) = (json.loads(line) for line in trips.synth("ls", "--output", "json").out.splitlines())
    formula_columns = {fact["source"] for fact in listing["facts"] if fact["kind"] == "formula"}
    assert formula_columns == {
        f"SQL of {name}"
        for name in (
            "label",
            "nights",
            "stay",
            "day",
            "part",
            "dear",
            "triple",
            "trip_no",
            "trip_key",
            "short_no",
        )
    }
