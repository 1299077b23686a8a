"""Keys that the SQL makes of columns of the row are made of them in the twin, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.handmade import Handmade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services import Database

STAFF = """
create table analytics.staff as select n as staff_id, 20 + n % 45 as age from generate_series(1, 160) n;
create table analytics.raw_shifts as
select n as staff_id, date '2024-01-01' + (n * 13 + k * 9) % 250 as day,
    200 + (hashint4(n * 31 + k) & 255) as minutes
from generate_series(1, 160) n, generate_series(1, 5) k;
"""
SHIFTS = """
select staff_id::text || '/' || to_char(day, 'YYYYMMDD') as shift_id,
    md5(to_char(day, 'YYYYMMDD') || '-' || staff_id::text) as shift_hash, staff_id, day, minutes
from "analytics"."raw_shifts"
"""
APART = """
select count(*) from synthetic.shifts
where shift_id <> staff_id::text || '/' || to_char(day, 'YYYYMMDD')
    or shift_hash <> md5(to_char(day, 'YYYYMMDD') || '-' || staff_id::text)
"""


@pytest.fixture(name="shop")
def _shop(database: Database, tmp_path: Path) -> Iterator[Handmade]:
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(STAFF)
        project.session.execute(f"create table analytics.shifts as {SHIFTS}".encode())
        yield project


def nodes(shop: Handmade, **synth: Any) -> dict[str, Any]:
    raw = shop.model("raw_shifts", resource_type="seed", config={"materialized": "seed"})
    raw = {"seed.hand.raw_shifts": {**raw["model.hand.raw_shifts"], "unique_id": "seed.hand.raw_shifts"}}
    meta = {"synthesize": True, **({"synth": synth} if synth else {})}
    shifts = shop.model("shifts", compiled_code=SHIFTS, config={"materialized": "table", "meta": meta})
    shifts["model.hand.shifts"]["depends_on"] = {"nodes": ["seed.hand.raw_shifts"]}
    facts = shop.key("staff", "staff_id") | shop.key("shifts", "shift_id") | shop.key("shifts", "shift_hash")
    facts |= shop.reference("shifts", "staff_id", "staff", "staff_id")
    return raw | shop.model("staff") | shifts | facts


@pytest.mark.parametrize("synth", [{}, {"privacy": "guaranteed"}])
def test_keys_are_what_the_sql_makes_of_the_row(shop: Handmade, synth: dict[str, Any]) -> None:
    shop.write(nodes(shop, **synth))
    answer = shop.synth("run", SYNTH_ON_INCONCLUSIVE="warn")
    assert answer.code == 0, answer.text
    assert shop.value("select count(*) from synthetic.shifts") > 100
    assert shop.value(APART) == 0
    assert shop.value("select count(*) from synthetic.shifts join analytics.shifts using (shift_id)") == 0
    assert shop.value("select count(*) - count(distinct (staff_id, day)) from synthetic.shifts") == 0


def test_keys_that_rows_of_other_twins_hold_still_lead_to_their_rows(shop: Handmade) -> None:
    shop.session.execute(
        "create table analytics.breaks as select row_number() over (order by shift_id) + 7000 as break_id,"
        " shift_id, 5 + (hashtext(shift_id) & 15) as minutes from analytics.shifts, generate_series(1, 2)"
    )
    breaks = shop.model("breaks") | shop.key("breaks", "break_id")
    breaks |= shop.reference("breaks", "shift_id", "shifts", "shift_id")
    shop.write(nodes(shop) | breaks)
    answer = shop.synth("run", SYNTH_ON_INCONCLUSIVE="warn")
    assert answer.code == 0, answer.text
    assert shop.value("select count(*) from synthetic.breaks join synthetic.shifts using (shift_id)") > 100
    orphans = (
        "select count(*) from synthetic.breaks where shift_id not in (select shift_id from synthetic.shifts)"
    )
    assert shop.value(orphans) == 0
