"""Facts across tables: looked for in real rows, and true of rows that were drawn apart from each other."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from synth.columns.roles import Treatment
from synth.domain import Across, ForeignKey, Formula, LookupFormula, Model, Relation, Role, Rule, Way
from synth.facts.across import AcrossFacts, find_across, stated_across
from synth.facts.enforceable import EnforceableFacts
from synth.sampling.computing import null_where_broken, with_formulas_and_rules, without_new_breaks
from synth.sampling.context import Samples, TwinTable
from synth.warehouse.rules import Candidates
from tests.handmade import Handmade

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from synth.warehouse import Warehouse
    from tests.services import Database

MEMBERS, LOANS, RETURNS = "model.club.members", "model.club.loans", "model.club.returns"
TABLES = """
create schema club;
create table club.loans as
select
    n as loan, 1 + (hashint4(n) & 127) as member, date '2024-01-01' + n as lent_on,
    (1 + (hashint4(n + 1) & 63))::numeric(8, 2) / 4 as fee, 0::numeric(8, 2) as fine
from generate_series(1, 600) n;
create table club.members as
select
    n as member, 'm' || n || '@club.test' as mail, coalesce(loans, 0)::integer as loans, first_on, last_on,
    coalesce(fees, 0)::numeric(8, 2) as fees, loans is not null as active, first_fee, hashint4(n) & 7 as shelf
from generate_series(1, 160) n
left join (
    select
        member, count(*) as loans, min(lent_on) as first_on, max(lent_on) as last_on, sum(fee) as fees,
        (array_agg(fee order by lent_on, loan))[1] as first_fee
    from club.loans group by member
) as l on l.member = n;
create table club.returns as
select loan, member, lent_on, lent_on + 1 + (hashint4(loan) & 15) as back_on, mail, 0::integer as broken
from club.loans join club.members using (member) where loan % 2 = 0;
"""


def model(name: str, key: str, database: str, *keys: ForeignKey) -> Model:
    relation = Relation(database, "club", name.rpartition(".")[2])
    return Model(name, relation.name, relation, "models.yml", "table", primary_key=(key,), foreign_keys=keys)


@pytest.fixture
def models(database: Database) -> list[Model]:
    of_member = ForeignKey("member", MEMBERS, "member", "test")
    of_loan = ForeignKey("loan", LOANS, "loan", "test")
    return [
        model(MEMBERS, "member", database.name),
        model(LOANS, "loan", database.name, of_member),
        model(RETURNS, "loan", database.name, of_loan),
    ]


@pytest.fixture
def facts(warehouse: Warehouse, models: list[Model]) -> AcrossFacts:
    with warehouse.snapshot() as snapshot:
        return find_across(models, warehouse, snapshot)


def by_column(facts: AcrossFacts) -> Mapping[tuple[str, str], Across]:
    return {(fact.model, fact.column): fact for fact in facts.every}


def test_columns_that_follow_from_other_tables_are_told_by_all_real_rows(facts: AcrossFacts) -> None:
    facts_by_column = by_column(facts)

    assert {column: fact.way for (name, column), fact in facts_by_column.items() if name == MEMBERS} == {
        "loans": Way.COUNT,
        "first_on": Way.LEAST,
        "last_on": Way.MOST,
        "fees": Way.SUM,
        "active": Way.SOME,
        "first_fee": Way.FIRST,
    }
    assert facts_by_column[MEMBERS, "loans"].empty == "0"
    assert {fact.source for (name, _), fact in facts_by_column.items() if name == RETURNS} == {
        "member",
        "lent_on",
        "mail",
    }
    assert facts_by_column[RETURNS, "mail"].through == (LOANS, "loan", "member")


def test_what_one_row_breaks_is_no_fact(
    database: Database, warehouse: Warehouse, models: list[Model]
) -> None:
    with database.connect() as session:
        session.execute("update club.members set loans = loans + 1 where member = 7")
    with warehouse.snapshot() as snapshot:
        facts_by_column = by_column(find_across(models, warehouse, snapshot))

    assert (MEMBERS, "loans") not in facts_by_column
    assert (MEMBERS, "fees") in facts_by_column


def test_what_is_nearly_always_the_same_is_no_fact_by_chance(facts: AcrossFacts) -> None:
    assert (RETURNS, "broken") not in by_column(facts)


def test_what_is_always_the_same_in_rows_that_have_a_parent_is_no_fact(
    database: Database, warehouse: Warehouse, models: list[Model]
) -> None:
    """What rows without a parent hold says nothing of a copy."""
    with database.connect() as session:
        session.execute("alter table club.members add closed boolean not null default false")
        session.execute("alter table club.returns add sponsor integer, add late boolean")
        session.execute("update club.returns set sponsor = case when loan <= 60 then 1 + loan % 20 end")
        session.execute("update club.returns set late = sponsor is null and loan % 4 = 0")
    sponsor = ForeignKey("sponsor", MEMBERS, "member", "test")
    models[2] = replace(models[2], foreign_keys=(*models[2].foreign_keys, sponsor))
    with warehouse.snapshot() as snapshot:
        facts_now = find_across(models, warehouse, snapshot)

    assert (RETURNS, "late") not in by_column(facts_now)
    assert (RETURNS, "mail") in by_column(facts_now)


def test_a_sum_that_postgres_cannot_compute_hides_no_other_fact(
    database: Database, warehouse: Warehouse, models: list[Model]
) -> None:
    with database.connect() as session:
        session.execute("alter table club.loans add weight real default 3e38")
        session.execute("alter table club.members add weight real default 3e38")
    with warehouse.snapshot() as snapshot:
        facts_by_column = by_column(find_across(models, warehouse, snapshot))

    assert {(MEMBERS, "loans"), (MEMBERS, "fees"), (MEMBERS, "last_on")} <= facts_by_column.keys()


def test_a_summary_of_the_parent_tells_nothing_that_the_parent_does(
    database: Database, warehouse: Warehouse, models: list[Model]
) -> None:
    """Else a summary that is calculated of other twins would have to be learned."""
    with database.connect() as session:
        session.execute("create table club.summaries as select member, loans as number from club.members")
    members, loans, returns = models
    formula = LookupFormula("days", '"one"."lent_on" - "other"."0"', ("lent_on",), (f"{MEMBERS}.first_on",))
    with database.connect() as session:
        session.execute("alter table club.loans add days integer")
    name = "model.club.summaries"
    summaries = model(name, "member", database.name, ForeignKey("member", MEMBERS, "member", "test"))
    facts = stated_across([members, replace(loans, lookups=(formula,)), returns, summaries], warehouse)
    assert [(fact.model, fact.other, fact.through) for fact in facts.every] == [(LOANS, MEMBERS, None)]


def test_rows_that_were_drawn_apart_are_made_to_agree(
    warehouse: Warehouse, models: list[Model], facts: AcrossFacts
) -> None:
    """Members before their loans, and what a formula says of them behind what it is about."""
    drawn_rows = {
        MEMBERS: {
            "member": [901, 902, 903], "mail": ["a@b.c", "d@e.f", "g@h.i"], "loans": [5, 5, 5],
            "first_on": ["2020-01-01"] * 3, "last_on": ["2020-01-01"] * 3, "fees": ["1.00"] * 3,
            "active": [False] * 3, "first_fee": ["1.00"] * 3, "shelf": [3, 2, 1],
        },
        LOANS: {
            "loan": [11, 12, 13], "member": [901, 901, 902], "fine": ["0.00"] * 3,
            "lent_on": ["2024-05-02", "2024-05-01", "2024-06-01"], "fee": ["2.50", "4.00", "8.00"],
        },
        RETURNS: {
            "loan": [12, 13], "member": [903, 903], "back_on": ["2024-07-01"] * 2,
            "lent_on": ["2020-01-01"] * 2, "mail": ["x@y.z"] * 2, "broken": [0, 0],
        },
    }  # fmt: skip
    rows = {}
    for one in models:
        all_columns = warehouse.describe(one.relation)
        table = pa.table(drawn_rows[one.unique_id]).select([column.name for column in all_columns])
        rows[one.unique_id] = Candidates(one.relation, all_columns, table, "synth_staging")
    order = [fact for fact in facts.every if fact.model == MEMBERS and fact.way is not Way.COPY]
    shelf = MEMBERS, Formula("shelf", '"loans" + 1')
    copies = [fact for fact in facts.every if fact.way is Way.COPY]

    columns, violations = warehouse.agree(rows, [*order, shelf, *copies], facts.tables)

    members = columns[MEMBERS].to_pylist()
    assert not violations
    assert [row["loans"] for row in members] == [2, 1, 0]
    assert [str(row["first_on"]) for row in members] == ["2024-05-01", "2024-06-01", "None"]
    assert [float(row["fees"]) for row in members] == [6.5, 8.0, 0.0]
    assert [row["first_fee"] and float(row["first_fee"]) for row in members] == [4.0, 8.0, None]
    assert [row["active"] for row in members] == [True, True, False]
    assert [row["shelf"] for row in members] == [3, 2, 1]
    assert columns[RETURNS].to_pydict()["member"] == [901, 902]
    assert columns[RETURNS].to_pydict()["mail"] == ["a@b.c", "d@e.f"]


def test_a_copy_in_the_rows_that_have_a_value_is_one_where_the_twin_has_a_value(
    database: Database, warehouse: Warehouse, models: list[Model]
) -> None:
    """Who approved a sheet is the manager, and nobody has approved a draft."""
    with database.connect() as session:
        session.execute("alter table club.returns add column desk integer, add column room integer")
        session.execute(
            "update club.returns r set desk = shelf, room = shelf + (loan = 8)::int from club.members m "
            "where m.member = r.member and loan % 6 <> 0"
        )
    with_member = replace(
        models[2], foreign_keys=(*models[2].foreign_keys, ForeignKey("member", MEMBERS, "member", "test"))
    )
    with warehouse.snapshot() as snapshot:
        facts = find_across([models[0], with_member], warehouse, snapshot)
    fact = by_column(facts)[RETURNS, "desk"]
    assert (fact.way, fact.source, fact.own) == (Way.OWN, "shelf", "member")
    assert str(fact) == "returns.desk is NULL or members.shelf"
    assert (RETURNS, "room") not in by_column(facts)  # one is another
    columns = warehouse.describe(with_member.relation)
    rows = {name: [None] * 3 for name in (column.name for column in columns)}
    table = pa.table({**rows, "loan": [1, 2, 3], "member": [2, 3, 4], "desk": [9, None, 9]})
    shelves = pa.table({"member": [2, 3, 4], "shelf": [5, 6, 7]})
    theirs = [one for one in warehouse.describe(models[0].relation) if one.name in {"member", "shelf"}]
    both = {
        RETURNS: Candidates(with_member.relation, columns, table, "synth_staging"),
        MEMBERS: Candidates(
            models[0].relation, theirs, shelves.select([one.name for one in theirs]), "synth_staging"
        ),
    }
    twins, violations = warehouse.agree(both, [fact], facts.tables)
    assert not violations
    assert twins[RETURNS]["desk"].to_pylist() == [5, None, 7]


def test_rows_that_would_break_a_rule_by_what_others_say_stay_as_they_were(
    warehouse: Warehouse, models: list[Model]
) -> None:
    loans, rules = models[1], (Rule("check fine", "fine <= fee"), Rule("check fee", "fee >= 1"))
    columns_of_rules = (frozenset({"fine", "fee"}), frozenset({"fee"}))
    three_columns = [one for one in warehouse.describe(loans.relation) if one.name in {"loan", "fee", "fine"}]
    case: Any = SimpleNamespace(
        task=SimpleNamespace(model=loans),
        source=SimpleNamespace(columns=three_columns),
        context=SimpleNamespace(
            warehouse=warehouse, settings=SimpleNamespace(staging_schema="synth_staging")
        ),
        enforceable=EnforceableFacts(rules, columns_of_rules),
    )
    money = pa.decimal128(8, 2)
    twin = pa.table(
        {
            "loan": pa.array([1, 2, 3], pa.int32()),
            "fee": pa.array([5, 5, 5], money),
            "fine": pa.array([1, 2, 3], money),
        }
    )
    columns, number = without_new_breaks(case, twin, pa.table({"fine": [4.0, 9.0, None]}))
    assert columns["fine"].to_pylist() == [4, 2, None]
    assert number == 1
    within, none = without_new_breaks(case, twin, pa.table({"loan": [7, 8, 9]}))  # no rule is about it
    assert (within["loan"].to_pylist(), none) == ([7, 8, 9], 0)


def test_rows_that_were_put_right_are_as_they_were_drawn_where_they_would_break_a_rule(
    warehouse: Warehouse, models: list[Model]
) -> None:
    loans, rule = models[1], Rule("assert_fines_are_small", "fine <= fee")
    names = ("loan", "fee", "fine")
    columns = [one for one in warehouse.describe(loans.relation) if one.name in names]
    case: Any = SimpleNamespace(
        task=SimpleNamespace(model=loans),
        source=SimpleNamespace(columns=columns),
        treatments=[Treatment(one, Role.NUMBER, "type") for one in columns],
        context=SimpleNamespace(
            warehouse=warehouse, settings=SimpleNamespace(staging_schema="synth_staging")
        ),
        enforceable=EnforceableFacts((rule,), (frozenset({"fine", "fee"}),)),
    )
    money, ids = pa.decimal128(8, 2), pa.array([1, 2, 3], pa.int32())
    rows = pa.table({"loan": ids, "fee": pa.array([5, 5, 5], money), "fine": pa.array([1, 2, 3], money)})
    new_rows = rows.set_column(1, "fee", pa.array([4, 1, 4], money))
    before, after = (TwinTable(table, None, 0, {}, np.arange(3)) for table in (rows, new_rows))
    frame = rows.to_pandas().astype(float)
    samples = Samples(frame, frame, frame, frozenset(), frozenset(), {})
    twin, samples, (warning,) = with_formulas_and_rules(case, (before, after), samples, ())
    assert twin.table["fee"].to_pylist() == [4, 5, 4]
    assert samples.synthetic["fee"].tolist() == [4, 5, 4]
    assert warning.startswith("1 rows")
    same, _, none = with_formulas_and_rules(case, (before, before), samples, ())
    assert same.table.equals(rows)
    assert not none


def test_made_up_values_that_a_rule_refuses_are_null_where_that_may_be(
    warehouse: Warehouse, models: list[Model]
) -> None:
    members = models[0]
    columns = {one.name: one for one in warehouse.describe(members.relation)}
    rule = Rule("check mail", "mail ~ '^(?!b).+@'")
    treatments = (
        Treatment(columns["member"], Role.KEY, "unique"),
        Treatment(columns["mail"], Role.EMAIL, "name"),
    )
    case: Any = SimpleNamespace(
        task=SimpleNamespace(model=members),
        source=SimpleNamespace(columns=[columns["member"], columns["mail"]]),
        context=SimpleNamespace(
            warehouse=warehouse, settings=SimpleNamespace(staging_schema="synth_staging")
        ),
        enforceable=EnforceableFacts((rule,), (frozenset({"mail"}),)),
        treatments=treatments,
    )
    twin = pa.table({"member": pa.array([1, 2, 3], pa.int32()), "mail": ["a@x.y", "b@x.y", None]})
    assert null_where_broken(case, twin)["mail"].to_pylist() == ["a@x.y", None, None]
    case.treatments = (treatments[0], replace(treatments[1], is_required=True))
    assert null_where_broken(case, twin).equals(twin)


LIBRARY = """
create table analytics.loans as
select
    n as loan, 1 + (hashint4(n) & 127) as member, date '2024-01-01' + (hashint4(n + 9) & 511) as lent_on,
    (1 + (hashint4(n + 1) & 63))::numeric(8, 2) / 4 as fee
from generate_series(1, 450) n;
create table analytics.members as
select
    member, (array['north', 'south', 'west'])[1 + (hashint4(member + 5) & 1023) % 3] as part,
    count(*)::integer as loans, min(lent_on) as first_on, sum(fee)::numeric(8, 2) as fees
from analytics.loans group by member;
"""
DISAGREE = """
select count(*)
from {schema}.members as m
left join (
    select member, count(*) as n, min(lent_on) as first_on, sum(fee) as fees
    from {schema}.loans group by member
) as l using (member)
where (m.loans, m.first_on, m.fees) is distinct from (coalesce(l.n, 0), l.first_on, coalesce(l.fees, 0))
"""

# A change of loans alone.
LATER = """
update analytics.loans set lent_on = lent_on + 1
where loan = (
    select max(loan) from analytics.loans l
    where lent_on > (select min(lent_on) from analytics.loans where member = l.member)
)
"""


def write(project: Handmade, members: Mapping[str, Any], loans: Mapping[str, Any]) -> None:
    """Members and their loans, with these options."""
    nodes: dict[str, Any] = {}
    for name, options in (("members", members), ("loans", loans)):
        meta = {"synthesize": True, "synth": options}
        nodes |= project.model(name, config={"materialized": "table", "meta": meta})
    nodes |= project.key("members", "member") | project.key("loans", "loan")
    project.write(nodes | project.reference("loans", "member", "members", "member"))


def test_twins_of_a_run_agree_with_each_other(database: Database, tmp_path: Path) -> None:
    """One thread is enough: whoever waits for others was handed out after them."""
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(LIBRARY.encode())
        write(project, {"on_inconclusive": "warn"}, {"on_inconclusive": "warn"})

        answer = project.synth("run", "--no-tests", "--threads", "1")

        assert answer.code == 0, answer.text
        assert project.value(DISAGREE.format(schema="analytics")) == 0
        assert project.value(DISAGREE.format(schema="synthetic")) == 0
        assert "members.loans is the count of its loans" in answer.text
        assert abs(project.value("select count(*) from synthetic.loans") - 450) < 90

        project.session.execute(LATER)
        answer = project.synth("run", "--no-tests", "--threads", "1")

        assert answer.code == 0, answer.text
        assert "PUBLISHED=2" in answer.text
        assert project.value(DISAGREE.format(schema="synthetic")) == 0


def test_a_twin_by_checks_agrees_with_one_that_is_made_by_guarantee_in_the_end(
    database: Database, tmp_path: Path
) -> None:
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(LIBRARY.encode())
        del project.environment["SYNTH_ON_INCONCLUSIVE"]
        write(project, {"on_inconclusive": "warn"}, {"limits": {"membership": 0.3}})  # which no twin keeps

        answer = project.synth("run", "--no-tests")

        assert answer.code == 0, answer.text
        assert answer.text.count("by guarantee, epsilon") == 1
        # Of 200 runs about one leaves members without loans, which keep a first day; the run warns of it.
        childless = project.value("select count(*) from synthetic.members where loans = 0")
        assert project.value(DISAGREE.format(schema="synthetic")) == childless
        assert ("it is not so that members.first_on" in answer.text) == (childless > 0)


# The stage of a member goes with the last day of its loans, which loans decide.
STAGES = """
create table analytics.loans as
select
    n as loan, 1 + (hashint4(n) & 127) as member, date '2024-01-01' + (hashint4(n + 9) & 511) as lent_on,
    case when hashint4(n + 3) & 3 > 0 then date '2024-02-01' + (hashint4(n + 9) & 511) + (hashint4(n) & 7) end
    as back_on
from generate_series(1, 450) n;
create table analytics.members as
select
    member, (array['north', 'south', 'west'])[1 + (hashint4(member + 5) & 1023) % 3] as part,
    over_on, case when over_on is null then 'reads' else 'left' end as stage
from (
    select member, (array_agg(back_on order by lent_on desc, loan desc))[1] as over_on
    from analytics.loans group by member
) as l;
"""


def test_what_goes_with_a_column_that_others_decide_goes_along(database: Database, tmp_path: Path) -> None:
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(STAGES.encode())
        write(project, {"on_inconclusive": "warn"}, {"on_inconclusive": "warn"})

        answer = project.synth("run")

        assert "members.over_on is the last of the back_on of its loans" in answer.text
        last = "(array_agg(back_on order by lent_on desc, loan desc))[1]"
        twins = f"select member, {last} as over_on from synthetic.loans group by 1"
        assert project.rows(f"({twins}) except select member, over_on from synthetic.members") == []
        wrong = "select stage, over_on from synthetic.members where (stage = 'reads') <> (over_on is null)"
        assert project.rows(wrong) == []
        assert project.value("select count(distinct stage) from synthetic.members") == 2
