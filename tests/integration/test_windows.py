"""What windows over the rows of a model give is so in its twin, where the real rows are so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.handmade import Handmade

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services import Database

OWNERS = """
create table analytics.owners as select n as owner_id, 20 + n % 60 as age from generate_series(1, 200) n;
create table analytics.raw_visits as
select
    row_number() over () as visit_id, n as owner_id, k as place,
    date '2024-01-01' + (hashint4(n) & 127) + k * 12 + (hashint4(n * 11 + k) & 7) as came,
    10 + (hashint4(n * 13 + k) & 31) as fee
from generate_series(1, 200) n cross join generate_series(1, 5) k where k <= 1 + (hashint4(n + 7) & 3);
"""
STAGED = """
select *, lag(fee) over w as fee_before, row_number() over w as number
from "analytics"."raw_visits" window w as (partition by owner_id order by came)
"""
VISITS = """
select
    visit_id, owner_id, came, fee, fee_before, number,
    fee - fee_before as rise,
    came - lag(came) over (partition by owner_id order by came) as days,
    sum(fee) over (partition by owner_id order by came) as total,
    sum(fee) over (partition by owner_id order by came) - fee as opening,
    row_number() over (partition by owner_id order by came desc) = 1 as is_last,
    max(place) over (partition by owner_id) as places
from "analytics"."staged"
"""
WRONG = """
select visit_id from (
    select
        *, lag(fee) over w as a, row_number() over w as b, came - lag(came) over w as c,
        sum(fee) over w as d, lead(fee) over w is null as e
    from {} window w as (partition by owner_id order by came)
) as x
where (fee_before, number, rise, days, total, opening, is_last)
    is distinct from (a, b, fee - a, c, d, d - fee, e)
"""


@pytest.mark.parametrize("condition", ["", "where fee > 12"])
def test_windows_are_computed_where_all_real_rows_are_so(
    database: Database, tmp_path: Path, condition: str
) -> None:
    with Handmade.made(database, tmp_path) as project:
        statement = f"{VISITS} {condition}"
        project.session.execute(OWNERS)
        project.session.execute(f"create view analytics.staged as {STAGED}".encode())
        project.session.execute(f"create table analytics.visits as {statement}".encode())
        config = {"materialized": "table", "meta": {"synthesize": True}}
        raw = project.model("raw_visits", resource_type="seed", config={"materialized": "seed"})
        raw = {"seed.hand.raw_visits": {**raw["model.hand.raw_visits"], "unique_id": "seed.hand.raw_visits"}}
        staged = project.model("staged", compiled_code=STAGED, config={"materialized": "view"})
        staged["model.hand.staged"]["depends_on"] = {"nodes": ["seed.hand.raw_visits"]}
        visits = project.model("visits", compiled_code=statement, config=config)
        visits["model.hand.visits"]["depends_on"] = {"nodes": ["model.hand.staged"]}
        project.write(
            project.model("owners", config=config)
            | raw
            | staged
            | visits
            | project.key("owners", "owner_id")
            | project.key("visits", "visit_id")
            | project.reference("visits", "owner_id", "owners", "owner_id")
        )
        answer = project.synth("run", SYNTH_ON_INCONCLUSIVE="warn")
        assert answer.code == 0, answer.text
        wrong = project.rows(WRONG.format("analytics.visits"))
        assert bool(wrong) is bool(condition)
        if not condition:
            assert project.rows(WRONG.format("synthetic.visits")) == []
        assert project.value("select count(*) from synthetic.visits") > 0
        assert "SQL of" not in answer.text


PERIODS = """
create table analytics.raw_terms as
select n as firm, k as version, date '2023-01-01' + k * 90 + n % 60 as begins
from generate_series(1, 150) n cross join generate_series(1, 4) k where k <= 1 + n % 4;
"""
TERMS = """
select firm || '-' || version as term_id, firm, begins,
    coalesce(lead(begins) over w - 1, date '9999-12-31') as ends, lead(begins) over w is null as is_current
from "analytics"."raw_terms" window w as (partition by firm order by begins)
"""
APART = """
select count(*) from (
    select ends, is_current, lead(begins) over (partition by firm order by begins) as next from {}
) as x
where ends is distinct from coalesce(next - 1, date '9999-12-31')
    or is_current is distinct from (next is null)
"""


@pytest.mark.parametrize("condition", ["", "where is_current"])
def test_windows_are_computed_by_guarantee_where_no_row_was_left_out_after_them(
    database: Database, tmp_path: Path, condition: str
) -> None:
    with Handmade.made(database, tmp_path) as project:
        statement = f"with terms as ({TERMS}) select * from terms {condition}"
        project.session.execute(PERIODS)
        project.session.execute(f"create table analytics.terms as {statement}".encode())
        meta = {"synthesize": True, "synth": {"privacy": "guaranteed", "entity": "none"}}
        raw = project.model("raw_terms", resource_type="seed", config={"materialized": "seed"})
        raw = {"seed.hand.raw_terms": {**raw["model.hand.raw_terms"], "unique_id": "seed.hand.raw_terms"}}
        config = {"materialized": "table", "meta": meta}
        terms = project.model("terms", compiled_code=statement, config=config)
        terms["model.hand.terms"]["depends_on"] = {"nodes": ["seed.hand.raw_terms"]}
        project.write(raw | terms | project.key("terms", "term_id"))
        answer = project.synth("run")
        assert answer.code == 0, answer.text
        assert bool(project.value(APART.format("synthetic.terms"))) is bool(condition)
