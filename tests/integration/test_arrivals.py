"""Sales refer to products that were launched before: found in real rows, kept in the twin."""

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
