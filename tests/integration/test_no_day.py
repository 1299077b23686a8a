"""Rows that refer to the row of a calendar that is no day do so in the twin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.handmade import Handmade

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services import Database

DAYS = (
    "select to_char(d, 'YYYYMMDD')::int as day_key, to_char(d, 'FMDay') as weekday, d::date as full_date "
    "from generate_series(timestamp '2023-01-01', timestamp '2024-12-31', interval '1 day') d "
    "union all select -1, 'unknown', null"
)
STAYS = """
create table analytics.stays as
select n as stay_id, n % 150 as guest_id, to_char(day, 'YYYYMMDD')::int as came_key,
    case when n % 5 = 0 then -1 else to_char(day + 1 + n % 3, 'YYYYMMDD')::int end as left_key
from (select n, date '2023-02-01' + (hashint4(n) & 65535) % 60 as day from generate_series(1, 2400) n) q
"""


def test_rows_of_no_day_stay_so_and_all_others_are_days(database: Database, tmp_path: Path) -> None:
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(f"create table analytics.dim_days as {DAYS}")
        project.session.execute(STAYS)
        models = project.model("dim_days", compiled_code=DAYS) | project.model("stays")
        facts = project.reference("stays", "came_key", "dim_days", "day_key")
        facts |= project.reference("stays", "left_key", "dim_days", "day_key")
        project.write(models | facts | project.key("stays", "stay_id"))
        answer = project.synth("run")
        assert answer.code == 0, answer.text
        rows = project.rows("select came_key, left_key from synthetic.stays")
        share = sum(left == -1 for _, left in rows) / len(rows)
        assert 0.12 < share < 0.28
        assert all(came > 20230000 for came, _ in rows)
        spans = "to_date(left_key::text, 'YYYYMMDD') - to_date(came_key::text, 'YYYYMMDD')"
        near = f"select avg(({spans} between 1 and 3)::int) from synthetic.stays where left_key <> -1"
        assert project.value(near) > 0.8
