"""Rows of people begin as their days of birth allow: nobody signs as a child."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.handmade import Handmade

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services import Database

# Born over fifty years; contracts of five years, of which nobody signs one before the day he is 18.
TABLES = """
create table analytics.people as
select
    n as person_id, date '1955-01-01' + (abs(hashint4(n)) % 18000) as date_of_birth,
    (array['north', 'south', 'west'])[1 + n % 3] as region
from generate_series(1, 900) n;
create table analytics.contracts as
select
    row_number() over () as contract_id, person_id,
    case
        when date_of_birth + interval '18 years' > '2019-01-01'
        then (date_of_birth + interval '18 years')::date + abs(hashint4(person_id + k)) % 200
        else date '2019-01-01' + abs(hashint4(person_id * 7 + k)) % 1800
    end as signed_on,
    10 + abs(hashint4(person_id + 5 * k)) % 40 as fee
from analytics.people cross join generate_series(1, 3) k where k <= 1 + person_id % 3;
"""
CHILDREN = """
select contract_id from synthetic.contracts join synthetic.people using (person_id)
where signed_on < date_of_birth + interval '18 years'
"""


def test_nobody_signs_below_the_age_at_which_people_do(database: Database, tmp_path: Path) -> None:
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(TABLES.encode())
        config = {"materialized": "table", "meta": {"synthesize": True}}
        project.write(
            project.model("people", config=config)
            | project.model("contracts", config=config)
            | project.key("people", "person_id")
            | project.key("contracts", "contract_id")
            | project.reference("contracts", "person_id", "people", "person_id")
        )
        answer = project.synth("run", SYNTH_ON_INCONCLUSIVE="warn")
        assert answer.code == 0, answer.text
        assert project.rows(CHILDREN) == []
