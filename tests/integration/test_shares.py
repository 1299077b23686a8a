"""Shares of the rows of a group add up to one in the twin, as in the real table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.handmade import Handmade

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services import Database

# Cases, and who worked on each for which share: one, two or three people.
CASES = """
create table analytics.cases as select n as case_id, 20 + n % 60 as age from generate_series(1, 300) n;
create table analytics.work as
select
    case_id * 10 + place as work_id, case_id, share,
    (array['day', 'night', 'both'])[1 + (hashint4(case_id * 7 + place) & 65535) % 3] as shift
from (select case_id, 1 + (hashint4(case_id) & 3) as way from analytics.cases) as c
join (values (1, 1, 1.00), (2, 1, 0.60), (2, 2, 0.40), (3, 1, 0.70), (3, 2, 0.30), (4, 1, 0.50), (4, 2, 0.30),
    (4, 3, 0.20)) as w (way, place, share_of) using (way)
cross join lateral (select share_of::numeric(4, 2) as share) as s
"""
WRONG = "select case_id from synthetic.work group by 1 having sum(share) <> 1"


@pytest.mark.slow  # learns two models
@pytest.mark.parametrize("seed", [1, 2])
def test_shares_add_up(database: Database, tmp_path: Path, seed: int) -> None:
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(CASES)
        config = {"materialized": "table", "meta": {"synthesize": True}}
        project.write(
            project.model("cases", config=config)
            | project.model("work", config=config)
            | project.key("cases", "case_id")
            | project.key("work", "work_id")
            | project.reference("work", "case_id", "cases", "case_id")
        )
        answer = project.synth("run", "--seed", str(seed), SYNTH_ON_INCONCLUSIVE="warn")
        assert answer.code == 0, answer.text
        assert project.value("select count(*) from synthetic.work") > 0
        assert not project.rows(WRONG)
        assert project.value("select pg_typeof(share)::text from synthetic.work limit 1") == "numeric"
