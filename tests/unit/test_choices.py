"""Queries that only choose rows and columns of one relation, and conditions that may run on a twin."""

from __future__ import annotations

from dataclasses import replace

import pytest

from synth.domain import Across, Excerpt, ForeignKey, Model, Relation, Way
from synth.facts.across import AcrossFacts, told_by_others
from synth.graph.choices import RowChoice
from synth.graph.lineage import trace
from synth.graph.predicates import as_sql, as_words, compared, mentioned, together
from tests.unit.test_column_lineage import node

VISITS = "source.zoo.visits"
TYPES = {
    VISITS: {
        "visit": "bigint",
        "keeper": "integer",
        "Cage": "text",
        "came": "date",
        "went": "date",
        "fee": "numeric(8,2)",
        "open": "boolean",
    }
}


def choice(sql: str) -> RowChoice | None:
    nodes = [node(VISITS), node("model.zoo.x", sql)]
    return trace(nodes, TYPES)["model.zoo.x"].choice


def condition(where: str) -> str | None:
    """What is to run for this condition; None where it is refused."""
    row_choice = choice(f"select * from zoo.visits as v where {where}")
    whole = together(row_choice.conditions) if row_choice else None
    return as_sql(whole) if whole else None


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("select visit, came from zoo.visits", {"visit": "visit", "came": "came"}),
        ('select v."Cage" as cage, (visit) as id from "db".zoo.visits v', {"cage": "Cage", "id": "visit"}),
        (
            "with v as (select * from zoo.visits), w as (select visit as id, fee from v) select w.* from w",
            {"id": "visit", "fee": "fee"},
        ),
        (
            "select * from (select visit, fee from zoo.visits) as s (id, money)",
            {"id": "visit", "money": "fee"},
        ),
        (
            "with v (a, b) as (select visit, fee from zoo.visits) select b, a from v",
            {"b": "fee", "a": "visit"},
        ),
        ("(select fee from zoo.visits order by random())", {"fee": "fee"}),
        (
            "with unused as (select count(*) from zoo.visits) select visit from zoo.visits",
            {"visit": "visit"},
        ),
    ],
)
def test_columns_may_be_left_out_renamed_and_put_in_another_order(sql: str, columns: dict[str, str]) -> None:
    assert choice(sql) == RowChoice(VISITS, columns)


@pytest.mark.parametrize(
    "sql",
    [
        "select visit, fee * 2 as fee from zoo.visits",
        "select visit, 1 as one from zoo.visits",
        "select visit::integer from zoo.visits",
        "select distinct keeper from zoo.visits",
        "select distinct on (keeper) * from zoo.visits",
        "select * from zoo.visits limit 5",
        "select * from zoo.visits offset 5",
        "select * from zoo.visits fetch first 5 rows only",
        "select * from zoo.visits tablesample system (10)",
        "select * from only zoo.visits",
        "select * from zoo.visits for update",
        "select keeper from zoo.visits group by keeper",
        "select keeper from zoo.visits having true",
        "select a.visit from zoo.visits a join zoo.visits b using (visit)",
        "select a.visit from zoo.visits a, zoo.visits b",
        "select a.visit from zoo.visits a cross join lateral (select 1) b",
        "select * from zoo.visits union all select * from zoo.visits",
        "select visit, row_number() over () from zoo.visits",
        "select visit, (select 1) as one from zoo.visits",
        "select visits from zoo.visits",
        "select ctid from zoo.visits",
        "select visit, visit from zoo.visits",
        "select * from generate_series(1, 3)",
        "select * from zoo.elsewhere",
        "with recursive v as (select * from zoo.visits union all select * from v) select * from v",
        "with v as (select count(*) as visit from zoo.visits) select visit from v",
        "with visits as (select * from zoo.visits limit 3) select * from visits",
        "values (1)",
        "select 1 as visit",
    ],
)
def test_a_query_that_does_more_is_no_choice(sql: str) -> None:
    assert choice(sql) is None


@pytest.mark.parametrize(
    ("where", "sql"),
    [
        ("\"Cage\" = 'a'", "\"Cage\" = 'a'"),
        ("v.fee >= 1.5 and not v.open", '"fee" >= 1.5 AND NOT "open"'),
        ("\"Cage\" in ('a', 'b') or fee is null", "\"Cage\" IN ('a', 'b') OR \"fee\" IS NULL"),
        ("\"Cage\" not in ('a')", "NOT \"Cage\" IN ('a')"),
        ("fee between 1 and 2 and came is not null", '"fee" BETWEEN 1 AND 2 AND NOT "came" IS NULL'),
        ("\"Cage\" like 'a%'", "\"Cage\" LIKE 'a%'"),
        ("\"Cage\" not like 'a%'", "NOT \"Cage\" LIKE 'a%'"),
        ("(fee + 1) * 2 / 3 - keeper % 2 <> -1", '("fee" + 1) * 2 / 3 - "keeper" % 2 <> -1'),
        ("went - came > 3", '"went" - "came" > 3'),
        ("coalesce(fee, 0) = 0", 'COALESCE("fee", 0) = 0'),
        ("lower(upper(\"Cage\")) = 'a'", "pg_catalog.lower(pg_catalog.upper(\"Cage\")) = 'a'"),
        (
            "date_trunc('month', came) = '2024-01-01'::date",
            "pg_catalog.date_trunc('month', \"came\") = CAST('2024-01-01' AS DATE)",
        ),
        ("extract(year from came) = 2024", 'EXTRACT(YEAR FROM "came") = 2024'),
        ("fee::numeric(10, 2) is distinct from 1", 'CAST("fee" AS DECIMAL(10, 2)) IS DISTINCT FROM 1'),
        ("open is true", '"open" IS TRUE'),
        ("open", '"open"'),
        ("true", "TRUE"),
    ],
)
def test_a_condition_of_columns_and_literals_is_made_anew(where: str, sql: str) -> None:
    predicate = condition(where)
    assert predicate is not None
    assert predicate.upper() == sql.upper()


@pytest.mark.parametrize(
    "where",
    [
        "is_lost(visit)",
        "zoo.lower(\"Cage\") = 'a'",
        'length("Cage") = 1',
        "pg_sleep(10) is null",
        "came = current_date",
        "came > now()",
        "random() < 0.5",
        "visit in (select visit from zoo.visits)",
        "visit = (select 1)",
        "exists (select 1)",
        "visit = any (array[1, 2])",
        "visit operator(zoo.=) 1",
        "visit = 1::zoo.kind",
        "visit::regclass is null",
        '"Cage"::json is null',
        "\"Cage\" ~ 'a'",
        "\"Cage\" similar to 'a'",
        "\"Cage\" || 'a' = 'b'",
        "\"Cage\" = E'a\\nb'",
        "\"Cage\" = 'a\\'",
        "\"Cage\" like 'a!%' escape '!'",
        "\"Cage\" collate zoo.mine = 'a'",
        "(visit, fee) = (1, 2)",
        "sum(fee) over () > 1",
        "count(*) > 1",
        "fee between symmetric 2 and 1",
        "came + interval '1 day' > went",
        "came at time zone 'utc' > went",
        "case when open then true end",
        "date_trunc('fortnight', came) = came",
        'date_trunc("Cage", came) = came',
        "date_trunc('month', came, 'utc') = came",
        "nothing = 1",
        "other.fee = 1",
        "zoo.visits.fee = 1",
        "v = v",
        "fee = $1",
        "fee = :fee",
        " and ".join(["fee = 1"] * 500),
        "(" * 150 + "fee = 1" + ")" * 150,
    ],
)
def test_whatever_else_stands_in_a_condition_is_refused(where: str) -> None:
    assert condition(where) is None


def test_quotes_in_names_and_texts_stay_within_them() -> None:
    evil = 'a"; drop table x; --'
    types = {"source.zoo.visits": {evil: "text"}}
    escape = evil.replace('"', '""')
    sql = f"select * from zoo.visits where \"{escape}\" = '''; drop table x; --'"
    nodes = [node(VISITS), node("model.zoo.x", sql)]
    row_choice = trace(nodes, types)["model.zoo.x"].choice
    assert row_choice is not None
    assert as_sql(row_choice.conditions[0]) == f"\"{escape}\" = '''; drop table x; --'"


def test_a_choice_of_a_choice_is_one_of_the_same_relation() -> None:
    inner = choice('select visit as id, fee as money, "Cage" as cage from zoo.visits where fee > 0')
    assert inner is not None
    sql = "select cage from zoo.paid where lower(cage) = 'a' and date_trunc('year', money) is null"
    nodes = [node("source.zoo.paid"), node("model.zoo.y", sql)]
    outer = trace(nodes, {"source.zoo.paid": dict.fromkeys(inner.columns, "text")})["model.zoo.y"].choice
    assert outer is not None
    whole = outer.of(inner)
    assert whole is not None
    assert (whole.node, whole.columns) == (VISITS, {"cage": "Cage"})
    one = together(whole.conditions)
    assert one is not None
    words = "fee > 0 AND (LOWER(\"Cage\") = 'a' AND DATE_TRUNC('year', fee) IS NULL)"
    assert as_words(one) == words
    assert {*mentioned(one)} == {"fee", "Cage"}
    fewer = RowChoice(VISITS, {"id": "visit"})
    assert outer.of(fewer) is None


def test_a_condition_may_ask_only_whether_there_is_a_value() -> None:
    row_choice = choice('select * from zoo.visits where fee is null and open is true and "Cage" is not null')
    assert row_choice is not None
    assert {*compared(row_choice.conditions[0])} == {"open"}


ORDERS, LOST_ORDERS, SOLD_ORDERS, PEOPLE = (
    f"model.zoo.{name}" for name in ("orders", "lost", "sold", "people")
)


def model(name: str, *parents: str, whole: str = "") -> Model:
    keys = tuple(ForeignKey("k", parent, "k", "test") for parent in parents)
    excerpt = Excerpt(whole, {"k": "k"}, "", "rows") if whole else None
    return Model(name, name, Relation("d", "s", name), "m.yml", "table", foreign_keys=keys, excerpt=excerpt)


def count(name: str, other: str) -> Across:
    return Across(name, "n", Way.COUNT, other, "", "k", "k")


def test_what_decides_columns_of_others_is_drawn_with_them() -> None:
    models = [
        model(ORDERS),
        model(LOST_ORDERS, whole=ORDERS),
        model(SOLD_ORDERS, whole=ORDERS),
        model(PEOPLE),
    ]
    copies = AcrossFacts((count(LOST_ORDERS, ORDERS), count(SOLD_ORDERS, LOST_ORDERS)))
    assert told_by_others(models, copies) == frozenset()
    across_facts = AcrossFacts((*copies.every, count(PEOPLE, SOLD_ORDERS)))
    assert told_by_others(models, across_facts) == {
        SOLD_ORDERS,
        LOST_ORDERS,
    }  # what is drawn may say something of others, too
    assert [fact.model for fact in across_facts.without({LOST_ORDERS}).every] == [PEOPLE]


def test_what_other_rows_decide_too_needs_no_part() -> None:
    models = [model(ORDERS, PEOPLE), model(LOST_ORDERS, PEOPLE, whole=ORDERS), model(PEOPLE)]
    by_both = (count(PEOPLE, LOST_ORDERS), count(PEOPLE, ORDERS))
    assert told_by_others(models, AcrossFacts(by_both[:1])) == {LOST_ORDERS}
    assert told_by_others(models, AcrossFacts(by_both)) == frozenset()
    of_some = replace(by_both[1], when=("kind", "guest"))  # decides the column in some rows alone
    assert told_by_others(models, AcrossFacts((by_both[0], of_some))) == {LOST_ORDERS}


def test_a_part_waits_for_the_whole() -> None:
    assert model(LOST_ORDERS, PEOPLE, ORDERS, whole=ORDERS).needed_models == (PEOPLE, ORDERS)
    assert model(LOST_ORDERS, whole=ORDERS).needed_models == (ORDERS,)
