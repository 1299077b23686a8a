"""Sales refer to products that were launched before, guests to lessons of their day: as real rows have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.handmade import Handmade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services import Database

# Sellers are hired over two years, and sell from then on; a bonus was paid before or after.
SALES = """
create table analytics.sellers as
select n + 400 as seller_id, 's' || n || '@example.org' as email,
    date '2023-01-01' + ((hashint4(n) & 65535) % 700) as hired_on,
    date '2023-01-01' + ((hashint4(n + 5000) & 65535) % 1090) as bonus_on
from generate_series(1, 150) n;
create table analytics.sales as
select n as sale_id, seller_id,
    hired_on + ((hashint4(n + 31) & 65535) % 400) as sold_on, hashint4(n) & 15 as pieces
from generate_series(1, 2400) n join analytics.sellers on seller_id = 401 + (hashint4(n + 3) & 65535) % 150;
"""
EARLY = """
select avg((sold_on < hired_on)::int), count(*), count(distinct seller_id)
from synthetic.sales join synthetic.sellers using (seller_id)
"""


@pytest.fixture
def handmade(database: Database, tmp_path: Path) -> Iterator[Handmade]:
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(SALES)
        config = {"materialized": "table", "meta": {"synthesize": True, "synth": {"entity": "none"}}}
        nodes = project.model("sellers") | project.model("sales", config=config)
        for table, key in (("sellers", "seller_id"), ("sales", "sale_id")):
            nodes |= project.key(table, key)
        project.write(nodes | project.reference("sales", "seller_id", "sellers", "seller_id"))
        yield project


def test_nobody_sells_before_being_hired(handmade: Handmade) -> None:
    answer = handmade.synth("run")
    assert answer.code == 0, answer.text
    early, rows, sellers = handmade.rows(EARLY)[0]
    assert early < 0.01
    assert rows > 2_000
    assert sellers > 120
    assert "sales.sold_on is never before sellers.hired_on" in answer.text
    assert "sellers.bonus_on" not in answer.text


# Guests come to lessons, a few to each, at about six; some do not come.
LESSONS = """
create table analytics.guests as
select n + 700 as guest_id, 'g' || n || '@example.org' as email, 20 + (hashint4(n) & 31) as age
from generate_series(1, 300) n;
create table analytics.lessons as
select n * 3 + 50 as lesson_id, date '2024-01-01' + ((hashint4(n) & 65535) % 600) as held_on,
    (array['yoga', 'judo'])[1 + (hashint4(n + 9) & 1)] as kind
from generate_series(1, 400) n;
create table analytics.arrivals as
select n as arrival_id, lesson_id, 701 + (hashint4(n + 7) & 65535) % 300 as guest_id,
    case when n % 5 > 0 then held_on + time '17:40' + (hashint4(n) & 2047) * interval '1 s' end as came_at
from generate_series(1, 2400) n
join analytics.lessons on lesson_id = 53 + (hashint4(n + 3) & 65535) % 400 * 3;
"""
APART = """
select count(*) filter (where came_at::date <> held_on), count(came_at), min(came_at::time)::text > '17:00',
    count(distinct lesson_id), count(*)
from synthetic.arrivals join synthetic.lessons using (lesson_id)
"""


def test_who_comes_comes_on_the_day_of_the_lesson(database: Database, tmp_path: Path) -> None:
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(LESSONS)
        keys = {"guests": "guest_id", "lessons": "lesson_id", "arrivals": "arrival_id"}
        nodes = {name: one for table in keys for name, one in project.model(table).items()}
        nodes |= {name: one for pair in keys.items() for name, one in project.key(*pair).items()}
        for table in ("guests", "lessons"):
            nodes |= project.reference("arrivals", keys[table], table, keys[table])
        project.write(nodes)
        answer = project.synth("run")
        assert answer.code == 0, answer.text
        assert "arrivals.came_at is on lessons.held_on" in answer.text
        apart, times, late, lessons, rows = project.rows(APART)[0]
        assert (apart, late) == (0, True)
        assert 0.7 * rows < times < 0.9 * rows
        assert lessons > 300
