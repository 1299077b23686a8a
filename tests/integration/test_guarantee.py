"""Twins by guarantee: what no check can decide, what never asks one, what it costs, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.handmade import Handmade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services import Database

# Twelve clubs are fewer than anything can be learned of by checks; sixty members are too few to decide about.
CLUBS = """
create table analytics.clubs (club_id integer not null, size text not null, founded date);
insert into analytics.clubs
select 4100 + n, (array['large', 'small'])[1 + n % 2], date '1990-01-01' + 97 * n
from generate_series(1, 12) n;
create table analytics.members (
    member_id bigint not null, club_id integer not null, name text, level text, points integer,
    fee numeric(8, 2)
);
insert into analytics.members
select
    880000 + n,
    4100 + 1 + n % 12,
    'Member number ' || n,
    (array['gold', 'plain'])[1 + n % 2],
    10 * (n % 7),
    (n % 9) * 1.25
from generate_series(1, 60) n;
"""
ORPHANS = "select count(*) from synthetic.members where club_id not in (select club_id from synthetic.clubs)"
BEYOND = """
select count(*) from synthetic.members where level not in ('gold', 'plain') or points not between 0 and 60
"""
DIGESTS = "select count(*) from synthetic._synth_runs where published_at is not null and inputs ? 'rows'"
SPENDING = "select domain, epsilon, releases is not null from synthetic._synth_ledger order by recorded_at"
COMMENT = "select obj_description('synthetic.{}'::regclass, 'pg_class')"


@pytest.fixture
def club(database: Database, tmp_path: Path) -> Iterator[Handmade]:
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(CLUBS)
        del project.environment["SYNTH_ON_INCONCLUSIVE"]
        write(project)
        yield project


def write(project: Handmade, *, alone: bool = False, **synth: Any) -> None:
    """The model `members` with these options, and the one that it refers to, unless it is `alone`."""
    meta = {"materialized": "table", "meta": {"synthesize": True, "synth": synth}}
    points = {"config": {"meta": {"synth": {"low": 0, "high": 60}}}}
    members = {
        **project.model("members", config=meta, columns={"points": {"name": "points", **points}}),
        **project.key("members", "member_id"),
        **project.test("accepted_values", "members", "level", values=["gold", "plain"]),
    }
    clubs = {
        **project.model("clubs"),
        **project.key("clubs", "club_id"),
        **project.reference("members", "club_id", "clubs", "club_id"),
        **project.test("accepted_values", "clubs", "size", values=["large", "small"]),
    }
    project.write(members if alone else {**members, **clubs})


def test_what_no_check_can_decide_is_published_by_guarantee_and_says_so(club: Handmade) -> None:
    answer = club.synth("run")
    assert answer.code == 0, answer.text
    assert "by guarantee, epsilon 3, delta 1e-06 for each row of clubs" in answer.text
    assert "clubs is made by guarantee, because clubs has 12 rows" in answer.text
    for name in ("clubs", "members"):
        comment = club.value(COMMENT.format(name))
        assert f"{name}: by guarantee, epsilon 3, delta 1e-06" in comment
        assert "source rows" not in comment  # a name for exactly these rows would tell who is among them
    assert club.value(ORPHANS) == 0
    assert club.value(BEYOND) == 0
    real = (
        "select count(*) from synthetic.members as twin join analytics.members as real"
        " on twin.member_id = real.member_id or twin.name = real.name or twin.club_id = real.club_id"
    )
    assert club.value(real) == 0
    assert club.rows(SPENDING) == [("model.hand.clubs", 3.0, True), ("model.hand.members", 3.0, True)]
    assert club.value("select count(*) from synthetic._synth_runs where verdict = 'guaranteed'") == 2
    # What decides whether rows changed is no business of analysts.
    assert club.value(DIGESTS) == 0


def test_nothing_is_paid_twice_for_the_same_rows_and_the_budget_ends_it(club: Handmade) -> None:
    write(club, privacy="guaranteed")
    club.configure(budget=4.0)
    assert club.synth("run").code == 0
    answer = club.synth("run")
    assert answer.code == 0
    assert "UNCHANGED=2" in answer.text
    assert len(club.rows(SPENDING)) == 2
    before = club.rows("select * from synthetic.members order by member_id")
    club.session.execute("update analytics.members set points = 0 where member_id = 880001")
    answer = club.synth("run")
    assert answer.code == 1
    assert "the budget of model.hand.members does not reach: 3 of 4 are spent, by 1 twins" in answer.text
    assert len(club.rows(SPENDING)) == 2
    assert club.rows("select * from synthetic.members order by member_id") == before
    club.configure(budget=6.0)
    answer = club.synth("run")
    assert answer.code == 0, answer.text
    assert (
        "members costs epsilon 3 of model.hand.members, which has cost 3 of a budget of 6 so far"
        in answer.text
    )
    assert len(club.rows(SPENDING)) == 3


def test_the_plan_says_which_values_are_public_and_which_are_paid_for(club: Handmade) -> None:
    write(club, alone=True, privacy="guaranteed")
    answer = club.synth("plan")
    assert answer.code == 0, answer.text
    text = " ".join(answer.out.split())
    assert "by guarantee: epsilon 3, delta 1e-06" in text
    assert "level (accepted_values_members_level)" in text
    assert "points (declared)" in text
    assert "paid for: name, fee" in text
    model = json.loads(club.synth("plan", "--output", "json").out)["families"][0]["models"][0]
    assert model["guarantee"]["paid_for"] == ["name", "fee"]


def test_analysts_read_no_cost_and_owners_read_what_the_guarantee_covers(club: Handmade) -> None:
    role = f"analyst_{club.database.name}"
    club.session.execute(f"create role {role}".encode())
    try:
        club.configure(analyst_role=role)
        assert club.synth("run").code == 0
        readable = "select has_table_privilege('{}', 'synthetic.{}', 'select')"
        assert club.value(readable.format(role, "members")) is True
        assert club.value(readable.format(role, "_synth_ledger")) is False
        assert club.synth("check").code == 0  # our own ledger is no stranger in the schema
    finally:
        club.session.execute(f"drop owned by {role}".encode())
        club.session.execute(f"drop role {role}".encode())
    run_id = club.results()["metadata"]["invocation_id"]
    folder = club.folder / "target/synth/runs" / run_id / "members"
    statement = json.loads((folder / "evaluation.json").read_text())["differential_privacy"]
    assert (statement["enabled"], statement["decides"]) == (True, True)
    assert "epsilon 3, delta 1e-06" in statement["statement"]
    assert "By guarantee" in (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"privacy": "guaranteed", "epsilon": 0}, "`meta.synth.epsilon`: give a number above 0"),
        ({"privacy": "guaranteed", "epsilon": float("inf")}, "`meta.synth.epsilon`: give a number above 0"),
        ({"privacy": "guaranteed", "delta": 1}, "`meta.synth.delta`: give a number above 0 and far below 1"),
        ({"privacy": "sure"}, "`meta.synth.privacy`: give checked or guaranteed"),
        ({"privacy": "guaranteed", "max_rows_per_entity": 0}, "give a whole number of at least 1"),
        (
            {"privacy": "guaranteed", "backend": "gretel"},
            "backend gretel cannot honour `privacy: guaranteed`",
        ),
        ({"privacy": "guaranteed", "discover": False}, "fee: `low: 0, high: 100` (its own)"),
    ],
)
def test_what_cannot_be_promised_is_refused_before_a_row_is_read(
    club: Handmade, options: dict[str, Any], message: str
) -> None:
    write(club, alone=True, **options)
    answer = club.synth("run")
    assert answer.code in {1, 2}
    assert message in answer.text, answer.text
    assert club.value("select to_regclass('synthetic.members') is null")
    assert club.value("select to_regclass('synthetic._synth_ledger') is null")  # nothing was paid


# --- what the project's SQL says across tables

STAGES = """
create schema staged;
create table staged.clubs as select club_id, size from analytics.clubs;
create table staged.members as select member_id, club_id, points from analytics.members;
drop table analytics.clubs, analytics.members;
create table analytics.clubs as
    select c.club_id, c.size, t.members, t.points
    from staged.clubs c
    join (
        select club_id, count(*)::integer as members, sum(points) as points
        from staged.members
        group by club_id
    ) t using (club_id);
create table analytics.members as
    select m.member_id, m.club_id, c.size as club_size, m.points, m.points * 2 as double_points,
        row_number() over (partition by m.club_id order by m.member_id)::integer as place
    from staged.members m join staged.clubs c using (club_id);
"""
COPIES = "select count(*) from synthetic.members join synthetic.clubs using (club_id) where club_size <> size"
COUNTS = """
select count(*)
from synthetic.clubs c
join (
    select club_id, count(*) as members, sum(points) as points from synthetic.members group by club_id
) m using (club_id)
where (c.members, c.points) is distinct from (m.members, m.points)
"""


def test_twins_by_guarantee_agree_with_each_other_as_the_sql_of_the_project_says(club: Handmade) -> None:
    club.session.execute(STAGES)
    place = f'"{club.database.name}".staged'
    options: dict[str, Any] = {
        "materialized": "table",
        "meta": {"synthesize": True, "synth": {"privacy": "guaranteed", "epsilon": 30}},
    }
    totals = (
        f"select club_id, count(*)::integer as members, sum(points) as points from {place}.members group by 1"
    )
    clubs = (
        f"select c.club_id, c.size, t.members, t.points from {place}.clubs as c"
        f" join ({totals}) as t using (club_id)"
    )
    members = (
        "select m.member_id, m.club_id, c.size as club_size, m.points, m.points * 2 as double_points,"
        " row_number() over (partition by m.club_id order by m.member_id)::integer as place"
        f" from {place}.members as m join {place}.clubs as c using (club_id)"
    )
    club.write(
        {
            **club.model("clubs", config=options, compiled_code=clubs),
            **club.model("members", config=options, compiled_code=members),
            **club.key("clubs", "club_id"),
            **club.key("members", "member_id"),
            **club.reference("members", "club_id", "clubs", "club_id"),
            **club.test("accepted_values", "clubs", "size", values=["large", "small"]),
        }
    )
    answer = club.synth("run")
    assert answer.code == 0, answer.text
    assert club.value("select count(*) from synthetic.members") > 0
    assert club.value(ORPHANS) == 0
    assert club.value(COPIES) == 0
    assert club.value(COUNTS) == 0
    assert club.value("select count(distinct (club_id, place)) - count(*) from synthetic.members") == 0
    gaps = "select club_id from synthetic.members group by 1 having max(place) <> count(*) or min(place) <> 1"
    assert club.rows(gaps) == []
    assert club.value("select count(*) from synthetic.members where double_points <> points * 2") == 0


LIST_FEES = """
alter table analytics.clubs add column list_fee numeric(8, 2);
update analytics.clubs set list_fee = 7.5 + 3.25 * (club_id - 4100);
insert into analytics.members select member_id + 1000 * n, club_id, name, level, points
from analytics.members, generate_series(1, 9) n;
update analytics.members set fee = round(list_fee * case when member_id % 4 = 0 then 0.8 else 1 end, 2)
from analytics.clubs where clubs.club_id = members.club_id;
"""
SHARES = """
select avg((abs(fee / list_fee - 1) < 0.01 or abs(fee / list_fee - 0.8) < 0.01)::integer)
from synthetic.members join synthetic.clubs using (club_id)
"""


def test_prices_are_shares_of_those_in_a_public_list(club: Handmade) -> None:
    club.session.execute(LIST_FEES)
    strict = {
        "materialized": "table",
        "meta": {"synthesize": True, "synth": {"privacy": "guaranteed", "epsilon": 30}},
    }
    reference = {"materialized": "table", "meta": {"synthesize": True, "synth": {"reference": True}}}
    club.write(
        {
            **club.model("clubs", config=reference),
            **club.model("members", config=strict),
            **club.key("clubs", "club_id"),
            **club.key("members", "member_id"),
            **club.reference("members", "club_id", "clubs", "club_id"),
        }
    )
    answer = club.synth("run")
    assert answer.code == 0, answer.text
    assert club.value(SHARES) > 0.95


# A seed of levels lies beside the models; members copy from it what stands beside their level.
LEVELS = """
create schema staged;
create table analytics.levels as
select level, initcap(level) || ' member' as title, rank, rank > 2 as is_high
from (values ('gold', 4), ('silver', 3), ('plain', 2), ('new', 1)) as v (level, rank);
create table staged.members as
select member_id, (array['gold', 'silver', 'plain', 'new'])[1 + n % 4] as level, points
from analytics.members, lateral (select (hashint8(member_id) & 65535) as n) as n;
drop table analytics.members;
create table analytics.members as
select m.member_id, m.level, l.title, l.rank, l.is_high, m.points
from staged.members m join analytics.levels l using (level);
"""
STRANGERS = """
select count(*) from (
    select level, title, rank, is_high from synthetic.members except
    select level, title, rank, is_high from analytics.levels
) as strangers
"""


def test_twins_by_guarantee_copy_what_a_seed_says_of_their_codes(club: Handmade) -> None:
    club.session.execute(LEVELS)
    (seed,) = club.model("levels", config={"materialized": "seed", "meta": {}}).values()
    seeds = {"seed.hand.levels": {**seed, "unique_id": "seed.hand.levels", "resource_type": "seed"}}
    strict = {"materialized": "table", "meta": {"synthesize": True, "synth": {"privacy": "guaranteed"}}}
    place = f'"{club.database.name}"'
    sql = (
        "select m.member_id, m.level, l.title, l.rank, l.is_high, m.points"
        f" from {place}.staged.members as m join {place}.analytics.levels as l using (level)"
    )
    on = {"nodes": ["seed.hand.levels"]}
    members = club.model("members", config=strict, depends_on=on, compiled_code=sql)
    facts = club.key("members", "member_id") | club.reference("members", "level", "levels", "level")
    for test in facts.values():
        nodes = test["depends_on"]["nodes"]
        nodes[:] = [name.replace("model.hand.levels", "seed.hand.levels") for name in nodes]
    club.write(seeds | members | facts)
    answer = club.synth("run")
    assert answer.code == 0, answer.text
    assert club.value("select count(distinct level) from synthetic.members") > 1
    assert club.value(STRANGERS) == 0
