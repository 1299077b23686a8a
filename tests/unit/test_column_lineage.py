"""Where columns come from, read off SQL in its many forms."""

from __future__ import annotations

import pytest

from synth.domain import Derivation, Model, Relation, Way
from synth.graph.derived import with_derivations
from synth.graph.lineage import keys_above, root, roots, trace, without_data
from synth.graph.origins import (
    Aggregate,
    ChoiceOrigin,
    ColumnRef,
    Copy,
    Expression,
    GeneratedValue,
    NodeLineage,
    UnknownOrigin,
)
from synth.project.manifest import Node

VISITS = "source.zoo.visits"
BY_KEEPER = "row_number() over (partition by keeper order by came desc)"
KEEPERS = "model.zoo.keepers"
TYPES = {
    VISITS: {
        "visit": "bigint",
        "keeper": "integer",
        "Cage": "text",
        "came": "date",
        "went": "date",
        "fee": "numeric(8,2)",
        "tags": "text[]",
    },
    KEEPERS: {"keeper": "integer", "name": "text", "wing": "text", "hired": "timestamp without time zone"},
}
KEYS = {VISITS: [["visit"]], KEEPERS: [["keeper"]]}


def node(unique_id: str, sql: str = "", config: dict[str, object] | None = None) -> Node:
    kind, _, name = unique_id.split(".")
    return Node(
        unique_id=unique_id,
        name=name,
        resource_type=kind,
        package="zoo",
        path=f"models/{name}.sql",
        declared_in="models/zoo.yml",
        database="db",
        schema="zoo",
        alias=name,
        relation_name=f'"db"."zoo"."{name}"',
        config=config or {},
        sql=sql,
    )


def lineages(**statements: str) -> dict[str, NodeLineage]:
    """The lineage of each of these models, which may read those before, visits and keepers."""
    models = [node(f"model.zoo.{name}", sql) for name, sql in statements.items()]
    keepers = node(KEEPERS, "select keeper, name, wing, hired from outside.staff")
    return dict(trace([node(VISITS), keepers, *models], TYPES, KEYS))


def read(sql: str) -> NodeLineage:
    return lineages(x=sql)["model.zoo.x"]


def visit(column: str) -> ColumnRef:
    return ColumnRef(VISITS, column)


def keeper(column: str) -> ColumnRef:
    return ColumnRef(KEEPERS, column)


@pytest.mark.parametrize(
    ("sql", "column", "source"),
    [
        ("select visit as v from zoo.visits", "v", visit("visit")),
        ("select v.* from zoo.visits as v", "Cage", visit("Cage")),
        ('select "Cage" as cage from "db"."zoo"."visits"', "cage", visit("Cage")),
        (
            "with a as (select * from zoo.visits), b as (select a.fee as f from a) select * from b",
            "f",
            visit("fee"),
        ),
        (
            "with a as (with b as (select * from zoo.visits) select * from b) select keeper from a",
            "keeper",
            visit("keeper"),
        ),
        ("with a(one, two) as (select visit, fee from zoo.visits) select two from a", "two", visit("fee")),
        (
            "select k.wing from zoo.visits v left join zoo.keepers k on k.keeper = v.keeper",
            "wing",
            keeper("wing"),
        ),
        ("select keeper from zoo.visits right join zoo.keepers using (keeper)", "keeper", keeper("keeper")),
        ("select * from zoo.visits natural join zoo.keepers", "keeper", visit("keeper")),
        ("select w from zoo.keepers, lateral (select wing as w) as l", "w", keeper("wing")),
        (
            "select came from zoo.visits union all select came from zoo.visits where fee > 3",
            "came",
            visit("came"),
        ),
        (
            "select distinct on (keeper) keeper, fee from zoo.visits order by keeper, came",
            "fee",
            visit("fee"),
        ),
        (
            (
                "with recursive r as (select keeper as k, 1 as n from zoo.keepers union all "
                "select keeper, n + 1 from zoo.keepers join r on keeper = k) select * from r"
            ),
            "k",
            keeper("keeper"),
        ),
        (
            "select x.visit from (zoo.visits as x join zoo.keepers as y using (keeper))",
            "visit",
            visit("visit"),
        ),
        ("(select fee from zoo.visits order by 1 limit 5)", "fee", visit("fee")),
        ("select case when wing = 'n' then name end as who from zoo.keepers", "who", keeper("name")),
    ],
)
def test_a_copied_column_is_followed_to_the_relation_that_is_read(
    sql: str, column: str, source: ColumnRef
) -> None:
    assert read(sql).columns[column] == Copy(source)


@pytest.mark.parametrize(
    ("value", "cast"),
    [
        ("visit::text", "text"),
        ("keeper::bigint", "bigint"),
        ("came::timestamp", "timestamp"),
        ("visit::integer", "int"),
    ],
)
def test_a_cast_that_keeps_the_value_is_a_copy(value: str, cast: str) -> None:
    origin = read(f"select {value} as c from zoo.visits").columns["c"]
    assert isinstance(origin, Copy)
    assert origin.cast == cast


@pytest.mark.parametrize(
    "value", ["fee::integer", "'2020-01-01'::date + (fee::integer)", "hired::date", "trim(name)"]
)
def test_a_cast_that_loses_something_is_an_expression(value: str) -> None:
    origin = read(f"select {value} as c from zoo.visits join zoo.keepers using (keeper)").columns["c"]
    assert isinstance(origin, Expression)


def test_an_expression_names_what_it_mentions_and_says_how() -> None:
    origin = read(
        "with a as (select fee * 2 as twice, came from zoo.visits) select twice - 1 as c from a"
    ).columns["c"]
    assert origin == Expression((visit("fee"),), "(visits.fee * 2) - 1")


def test_an_aggregate_says_over_what_and_by_which_key() -> None:
    lineage = read(
        "with n as (select keeper, count(*) as n, min(came) as first, sum(fee) filter (where fee > 0) as s "
        "from zoo.visits group by 1) "
        "select k.keeper, coalesce(n.n, 0)::integer as n, first, s "
        "from zoo.keepers k left join n using (keeper)"
    )
    assert lineage.columns["n"] == Aggregate(
        (VISITS,), (visit("keeper"),), (), "count", sql="CAST(COALESCE(COUNT(*), 0) AS INT)"
    )
    first = lineage.columns["first"]
    assert isinstance(first, Aggregate)
    assert first.picks == visit("came")
    assert lineage.columns["s"].sources == (visit("fee"),)
    assert lineage.columns["keeper"] == Copy(keeper("keeper"))
    assert (lineage.rows_of, lineage.is_filtered) == (KEEPERS, False)


@pytest.mark.parametrize(
    ("value", "way"),
    [
        ("coalesce(n, 0)::integer", Way.COUNT),
        ("coalesce(n, 0)", Way.COUNT),
        ("coalesce(n, 0.0)::numeric(8, 2)", Way.COUNT),
        ("coalesce(s, 0)::float", Way.SUM),
        ("coalesce(s * 2, 0)::integer", Way.COPY),
        ("coalesce(n, 1)::integer", Way.COPY),
    ],
)
@pytest.mark.parametrize("is_model", [True, False])
def test_an_aggregate_stays_one_with_a_number_for_nothing_and_another_type(
    value: str, way: Way, *, is_model: bool
) -> None:
    groups = "select keeper, count(*) as n, sum(fee) as s from visits group by 1"
    rest = f"select k.keeper, {value} as c from keepers k left join"
    every = (
        lineages(a=groups, b=f"{rest} zoo.a using (keeper)")
        if is_model
        else lineages(b=f"with a as ({groups}) {rest} a using (keeper)")
    )
    model = Model("model.zoo.b", "b", Relation("db", "zoo", "b"), "models/zoo.yml", "table")
    derivation = with_derivations(model, every).derivations["c"]
    assert derivation.way is way
    assert way is Way.COPY or (derivation.by, derivation.empty) == (f"{VISITS}.keeper", True)


@pytest.mark.parametrize("value", ["min(came)", "sum(fee)", "count(came)"])
def test_what_rows_are_grouped_by_may_be_summed_up_too(value: str) -> None:
    every = lineages(c=f"select keeper, {value} as c from zoo.visits group by keeper, came, fee")
    model = Model("model.zoo.c", "c", Relation("db", "zoo", "c"), "models/zoo.yml", "table")
    derivation = with_derivations(model, every).derivations["c"]
    assert derivation == (
        Derivation("", Way.COUNT, f"{VISITS}.keeper") if "count" in value else Derivation("model.zoo.c.c")
    )


@pytest.mark.parametrize(
    ("value", "function", "keys"),
    [
        ("row_number() over (partition by keeper order by came)", "row_number", [visit("keeper")]),
        ("sum(fee) over w", "sum", [visit("keeper")]),
        ("(select max(hired) from zoo.keepers k where k.keeper = v.keeper)", "subquery", [keeper("keeper")]),
        ("exists (select 1 from zoo.keepers k where k.keeper = v.keeper)", "exists", [keeper("keeper")]),
    ],
)
def test_windows_and_subqueries_tell_of_other_rows(value: str, function: str, keys: list[ColumnRef]) -> None:
    sql = f"select {value} as c from zoo.visits v window w as (partition by keeper order by came)"
    origin = read(sql).columns["c"]
    assert isinstance(origin, Aggregate)
    assert (origin.function, list(origin.keys)) == (function, keys)


@pytest.mark.parametrize(
    ("sql", "is_choice"),
    [
        (
            "select coalesce(a.keeper, b.keeper) as c from zoo.visits a full join zoo.keepers b on false",
            False,
        ),
        ("select keeper as c from zoo.visits union select keeper from zoo.keepers", False),
        ("select keeper as c from zoo.visits full join zoo.keepers using (keeper)", False),
        (
            "select case when fee > 1 then v.keeper else k.keeper end as c from zoo.visits v, zoo.keepers k",
            False,
        ),
        (
            "select keeper as c from zoo.visits union all select keeper from zoo.keepers union all select -1",
            True,
        ),
    ],
)
def test_one_of_several_columns_is_a_choice(sql: str, is_choice: bool) -> None:
    origin = read(sql).columns["c"]
    assert isinstance(origin, ChoiceOrigin)
    assert {*origin.sources} == {visit("keeper"), keeper("keeper")}
    assert origin.constants is is_choice


@pytest.mark.parametrize(
    "sql",
    [
        "select day::date as c from generate_series(date '2024-01-01', date '2024-12-31', '1 day') as day",
        "select n as c from (values (1), (2), (3)) as v(n)",
        "with recursive t(c) as (select 1 union all select c + 1 from t where c < 9) select c from t",
        "with p as (select 0 as x union all select 1) select row_number() over (order by a.x) as c from p a",
        "select 'a' as c union select 'b'",
        "select unnest(array[1, 2]) as c",
    ],
)
def test_what_holds_no_data_is_generated_and_reads_nothing(sql: str) -> None:
    nodes = lineages(first=sql, second="select c, c is null as d from zoo.first")
    assert isinstance(nodes["model.zoo.first"].columns["c"], GeneratedValue)
    assert nodes["model.zoo.first"].reads == ()
    assert without_data(nodes, "model.zoo.second")
    assert not without_data(nodes, VISITS)


@pytest.mark.parametrize("row", ["select -1, null, 'none', -1", "select 0, '1900-01-01'::date, 'x', 0::int"])
def test_columns_of_a_union_are_those_of_one_place_whatever_they_are_called(row: str) -> None:
    """A calendar with a row for no day lost all columns but the first: unnamed ones were one column."""
    days = "select to_char(d, 'YYYYMMDD')::int as k, d::date as day, to_char(d, 'Day') as name, 1 as week"
    nodes = lineages(
        x=f"{days} from generate_series(date '2024-01-01', date '2024-12-31', '1 day') d union all {row}"
    )
    assert [*nodes["model.zoo.x"].columns] == ["k", "day", "name", "week"]
    assert without_data(nodes, "model.zoo.x")
    some = lineages(
        x=f"{days} from generate_series(1, 9) d union all select 0, null, wing, 0 from zoo.keepers"
    )
    assert not without_data(some, "model.zoo.x")


@pytest.mark.parametrize(
    "sql",
    [
        "select day from generate_series('2024-01-01', (select max(came) from zoo.visits), '1 day') as day",
        "select 1 as day where exists (select 1 from zoo.visits)",
        "select n as day from (values (1), (2)) as v(n) where n in (select keeper from zoo.visits)",
        "select 1 as day order by (select count(*) from zoo.visits)",
    ],
)
def test_a_condition_or_an_argument_that_reads_rows_is_data(sql: str) -> None:
    nodes = lineages(x=sql)
    assert nodes["model.zoo.x"].reads == (VISITS,)
    assert not without_data(nodes, "model.zoo.x")


@pytest.mark.parametrize(
    ("sql", "subset", "has_filter"),
    [
        ("select * from zoo.visits where fee > 10", VISITS, True),
        (
            "select * from (select *, rank() over (order by came) as n from zoo.visits) q where n = 1",
            VISITS,
            True,
        ),
        ("select v.*, k.wing from zoo.visits v left join zoo.keepers k using (keeper)", VISITS, False),
        ("select v.* from zoo.keepers k join zoo.visits v on v.keeper = k.keeper", VISITS, True),
        ("select v.* from zoo.visits v join zoo.visits w on v.keeper = w.keeper", None, False),
        ("select v.* from zoo.visits v, unnest(v.tags) as t", None, False),
        ("select visit, unnest(tags) as tag from zoo.visits", None, False),
        ("select keeper, max(visit) as visit from zoo.visits group by keeper", None, False),
        ("select distinct keeper from zoo.visits", None, False),
        ("select distinct on (keeper) keeper, visit from zoo.visits", VISITS, True),
        ("select * from zoo.visits union all select * from zoo.visits", None, False),
    ],
)
def test_a_subset_has_at_most_one_row_for_each_of_the_other(
    sql: str, subset: str | None, has_filter: bool
) -> None:
    lineage = read(sql)
    assert lineage.subset_of == subset
    assert subset is None or lineage.is_filtered is has_filter


def test_what_rows_are_grouped_by_is_unique_behind_a_join_to_one_row_too() -> None:
    sql = """
        with a as (select keeper, came as day, count(*) as n from zoo.visits group by 1, 2)
        select a.keeper, a.day, a.n, k.wing from a join zoo.keepers k on k.keeper = a.keeper
    """
    assert read(sql).keys == (("keeper", "day"),)
    assert read(sql.replace("on k.keeper = a.keeper", "on true")).keys == ()


@pytest.mark.parametrize(
    ("condition", "is_one"),
    [
        ("n = 1", True),
        ("1 = n and day is not null", True),
        ("n = 2", False),
        ("n <= 1", False),
        ("m = 1", False),
    ],
)
def test_the_first_of_numbered_rows_is_there_once(condition: str, is_one: bool) -> None:
    sql = f"""
    with visits as (
        select keeper, day, row_number() over (partition by keeper order by day desc) as n,
            rank() over (partition by keeper order by day desc) as m
        from zoo.visits
    ),
    latest as (select keeper, day from visits where {condition})
    select k.keeper, l.day from zoo.keepers as k join latest as l on l.keeper = k.keeper
    """
    lineage = read(sql)
    assert (lineage.rows_of, lineage.is_filtered) == ((KEEPERS, True) if is_one else (VISITS, True))


def test_what_rows_are_grouped_by_is_their_grain() -> None:
    assert read("select keeper as k, came, count(*) from zoo.visits group by keeper, came").grain == (
        "k",
        "came",
    )
    assert read("select count(*) as n, 1 as one from zoo.visits").grain is None
    assert read("select distinct wing from zoo.keepers").grain == ("wing",)


def test_copies_are_followed_through_models_to_where_they_arise() -> None:
    nodes = lineages(
        a="select visit as id, keeper from zoo.visits",
        b="select id as number, keeper from zoo.a",
        c="select number from zoo.b union select keeper from zoo.b",
    )
    assert root(nodes, ColumnRef("model.zoo.b", "number")) == visit("visit")
    assert roots(nodes, ColumnRef("model.zoo.c", "number")) == (visit("keeper"), visit("visit"))


def test_columns_are_derived_from_others_of_the_same_rows() -> None:
    nodes = lineages(
        a="select *, round(fee * 1.19, 2) as gross, coalesce(went, date '2024-12-31') as till from visits",
        b="select came as first, went, fee as net, gross, till - came as days, 'eur' as unit, fee as again "
        "from zoo.a",
    )
    assert nodes["model.zoo.b"].formulas == {
        "gross": 'ROUND("net" * 1.19, 2)',
        "days": 'COALESCE("went", CAST(\'2024-12-31\' AS DATE)) - "first"',
        "unit": "'eur'",
        "again": '"net"',
    }


def test_nothing_is_derived_across_rows_or_from_what_is_not_there() -> None:
    sql = "select v.came, w.went - v.came as days from zoo.visits v join zoo.visits w using (keeper)"
    assert read(sql).formulas == {}


def test_a_case_with_one_branch_does_not_follow_from_itself() -> None:
    sql = (
        "select keeper, fee, case when keeper = 1 then fee end as one, "
        "case when keeper = 2 then -fee end as two from zoo.visits"
    )
    assert read(sql).formulas == {
        "one": 'CASE WHEN "keeper" = 1 THEN "fee" END',
        "two": 'CASE WHEN "keeper" = 2 THEN -"fee" END',
    }


def test_windows_are_derived_from_columns_of_the_same_relation_through_those_that_it_reads() -> None:
    nodes = lineages(
        a="select *, lag(fee) over w as before from visits window w as "
        "(partition by keeper order by came desc)",
        b="with c as (select *, sum(fee) over (partition by keeper order by came rows 2 preceding) as total "
        "from zoo.a) select keeper, came as day, fee, before, fee - before as rise, total, "
        "total - fee as opening, "
        "coalesce(lag(total) over (partition by keeper order by came), 0) as last, "
        "max(visit) over (partition by keeper) as top, row_number() over () as n from c",
    )
    assert nodes["model.zoo.b"].window_formulas == {
        "before": 'LAG("fee") OVER (PARTITION BY "keeper" ORDER BY "day" DESC)',
        "total": 'SUM("fee") OVER (PARTITION BY "keeper" ORDER BY "day" rows BETWEEN 2 preceding '
        "AND CURRENT ROW)",
        "last": 'COALESCE(LAG("total") OVER (PARTITION BY "keeper" ORDER BY "day"), 0)',
        "n": "ROW_NUMBER() OVER ()",
    }
    assert nodes["model.zoo.b"].formulas == {"rise": '"fee" - "before"', "opening": '"total" - "fee"'}


STEPS = "select visit, keeper, came, lag(came) over (partition by keeper order by came) as before from visits"


@pytest.mark.parametrize(
    ("sql", "is_complete"),
    [
        (STEPS, True),
        (f"{STEPS} where fee > 1", True),  # the window comes after the condition
        (f"with s as ({STEPS}) select s.*, k.name from s join keepers k using (keeper)", True),
        (f"with s as ({STEPS}) select * from s", True),
        (f"with s as ({STEPS}) select * from s where before is null", False),
        (f"with s as ({STEPS}), t as (select * from s where visit > 1) select * from t", False),
        (
            f"with s as ({STEPS}), t as (select * from s where visit > 1) select a.* from t a, t b",
            False,
        ),
        (f"{STEPS} order by came limit 9", False),
        (f"with s as ({STEPS}) select distinct on (keeper) * from s", False),
        (f"with s as ({STEPS}) select distinct keeper, came, before from s", False),
        (f"with s as ({STEPS}) select s.* from s join keepers k on k.wing = 'a' or s.keeper > 1", False),
        (f"with s as ({STEPS}) select s.* from s, generate_series(1, 3)", False),
        ("select d, keeper, lag(d) over (order by d) as before from generate_series(1, 9) d, keepers", True),
    ],
)
def test_windows_are_complete_where_no_row_was_left_out_or_added_after_them(
    sql: str, is_complete: bool
) -> None:
    assert ("before" in read(sql).complete_windows) is is_complete
    nodes = lineages(x=sql, y="select before from x", z="select before from x where keeper > 1")
    assert ("before" in nodes["model.zoo.y"].complete_windows) is is_complete
    assert "before" not in nodes["model.zoo.z"].complete_windows


def test_windows_add_up_what_a_column_gives_as_another_type() -> None:
    nodes = lineages(
        a="select keeper, came, coalesce(fee, 0)::integer as price, "
        "sum(coalesce(fee, 0)) over (partition by keeper order by came) as total from visits",
    )
    assert nodes["model.zoo.a"].window_formulas == {
        "total": 'SUM("price") OVER (PARTITION BY "keeper" ORDER BY "came")'
    }


def test_windows_that_sort_by_the_number_of_a_list_sort_by_what_numbers_it() -> None:
    nodes = lineages(
        a="select wing, row_number() over (order by hired desc) as wing_no, hired from zoo.keepers",
        b="select wing, hired, lag(wing) over (order by wing_no) as before, "
        "lag(wing) over (order by wing_no desc) as next from zoo.a",
        c="with n as (select *, row_number() over (partition by wing order by hired) as no from zoo.keepers) "
        "select name, wing, hired, lag(name) over (order by no) as before from n",
    )
    assert nodes["model.zoo.b"].window_formulas == {
        "before": 'LAG("wing") OVER (ORDER BY "hired" DESC NULLS LAST)',
        "next": 'LAG("wing") OVER (ORDER BY "hired" ASC NULLS FIRST)',
    }
    assert nodes["model.zoo.c"].window_formulas == {}


@pytest.mark.parametrize("value", ["now() - came", "current_date - came", "age(came)", "random() * fee"])
def test_nothing_is_derived_from_the_moment_or_by_chance(value: str) -> None:
    assert read(f"select came, fee, {value} as c from zoo.visits").formulas == {}


def test_an_outer_join_that_finds_no_row_gives_null_whatever_the_expression() -> None:
    sql = (
        "with a as (select keeper, wing, coalesce(wing, 'x') as w, upper(wing) as u from zoo.keepers) "
        "select v.visit, a.wing, a.w, a.u from zoo.visits v left join a using (keeper)"
    )
    assert read(sql).formulas == {"u": 'UPPER("wing")'}


def test_what_is_unique_below_is_unique_above_where_no_row_is_lost() -> None:
    wings = "select wing, min(name) as head from outside.staff group by wing, hired"
    whole = "select wing as wing_id, upper(head) as head from zoo.stg"
    some = f"{whole} where head > 'A'"
    for sql, keys in {whole: [("wing",)], some: []}.items():
        nodes = lineages(stg=wings, mart=sql)
        above = keys_above(nodes, {"model.zoo.mart": [("wing_id",), ("head",)], KEEPERS: [("keeper",)]})
        assert above.get("model.zoo.stg", []) == keys
        assert above["model.zoo.mart"] == [("wing_id",), ("head",)]


@pytest.mark.parametrize(
    "sql", ["select from where (", "create table x (a int)", "", "merge into a using b on true"]
)
def test_what_cannot_be_read_is_unknown_with_a_reason(sql: str) -> None:
    nodes = [node(VISITS), node("model.zoo.x", sql)]
    lineage = trace(nodes, {**TYPES, "model.zoo.x": {"a": "integer"}})["model.zoo.x"]
    assert not lineage.is_parsed
    assert lineage.reason
    assert isinstance(lineage.columns["a"], UnknownOrigin)


def test_a_snapshot_knows_what_dbt_adds() -> None:
    snapshot = node(
        "snapshot.zoo.past",
        "select keeper, wing, hired from zoo.keepers",
        {"unique_key": "keeper", "updated_at": "hired", "strategy": "timestamp"},
    )
    columns = ["keeper", "wing", "hired", "dbt_scd_id", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to"]
    types = {**TYPES, "snapshot.zoo.past": dict.fromkeys(columns, "text")}
    keepers = node(KEEPERS, "select * from outside.staff")
    lineage = trace([keepers, snapshot], types)["snapshot.zoo.past"]
    assert lineage.columns["dbt_valid_from"] == Copy(keeper("hired"))
    assert not any(isinstance(origin, UnknownOrigin) for origin in lineage.columns.values())


def test_names_of_the_relation_win_over_those_that_the_sql_lets_postgres_find() -> None:
    types = {**TYPES, "model.zoo.x": {"?column?": "integer", "date": "date"}}
    lineage = trace([node(VISITS), node("model.zoo.x", "select fee + 1, went::date from zoo.visits")], types)
    assert lineage["model.zoo.x"].columns["date"] == Copy(visit("went"), "date")


def test_columns_are_derived_from_those_of_a_row_that_is_joined_through_views() -> None:
    nodes = lineages(
        a="select *, fee * 1.2 as gross from visits",
        b="select v.visit, v.came, v.gross, v.came - k.hired as days, k.wing, upper(k.wing) as loud, "
        "case when k.wing = 'east' then v.gross else 0 end as east "
        "from zoo.a v join keepers k using (keeper)",
    )
    assert {(one.column, one.sql, one.own, one.sources) for one in nodes["model.zoo.b"].lookups} >= {
        ("days", '"one"."came" - "other"."0"', ("came",), (keeper("hired"),)),
    }
    assert "wing" not in {one.column for one in nodes["model.zoo.b"].lookups}
    assert nodes["model.zoo.b"].formulas.keys() == {"loud", "east"}


def test_columns_are_derived_from_aggregates_with_conditions_of_rows_that_are_grouped() -> None:
    nodes = lineages(
        a="select *, fee * 1.2 as gross from visits",
        b="with t as (select keeper, count(*) filter (where fee > 5) as dear, round(avg(gross), 2) as mean, "
        "sum(case when visit > 3 then fee end) as late, count(*) as n from zoo.a group by keeper) "
        "select k.keeper, coalesce(t.dear, 0)::int as dear, t.mean, t.late, t.late / n as share "
        "from keepers k left join t using (keeper)",
    )
    lookups = [one for one in nodes["model.zoo.b"].lookups if one.key]
    assert {one.key for one in lookups} == {ColumnRef("model.zoo.a", "keeper")}
    assert {one.column for one in lookups} == {"dear", "mean", "late", "share"}
    assert {(one.sql, one.sources) for one in lookups} >= {
        (
            'CAST(COALESCE(COUNT(*) FILTER(WHERE "other"."0" > 5), 0) AS INT)',
            (ColumnRef("model.zoo.a", "fee"),),
        ),
        ('ROUND(CAST(AVG("other"."0") AS DECIMAL), 2)', (ColumnRef("model.zoo.a", "gross"),)),
    }


def test_columns_are_derived_from_aggregates_of_rows_that_a_condition_leaves() -> None:
    """That a row has the key by which rows are grouped is no condition of its group."""
    nodes = lineages(
        b="with t as (select keeper, count(*) as dear, max(fee) filter (where visit > 3) as late from visits "
        "where fee > 5 and visit < 90 group by keeper), "
        "w as (select keeper, count(*) as n from visits where keeper is not null group by keeper) "
        "select k.keeper, coalesce(t.dear, 0) as dear, t.late, coalesce(w.n, 0) as n "
        "from keepers k left join t using (keeper) left join w using (keeper)",
    )
    lookups = {one.column: one.sql for one in nodes["model.zoo.b"].lookups if one.key}
    both = '"other"."0" > 5 AND "other"."1" < 90'
    assert lookups["dear"] == f"COALESCE(COUNT(*) FILTER(WHERE {both}), 0)"
    assert lookups["late"] == f'MAX("other"."0") FILTER(WHERE {both} AND "other"."1" > 3)'
    assert "n" not in lookups
    origins = nodes["model.zoo.b"].columns
    assert "FILTER" in str(origins["late"])
    assert "FILTER" not in str(origins["n"])


@pytest.mark.parametrize(
    "latest",
    [
        "select distinct on (keeper) * from paid order by keeper, came desc",
        f"select * from (select *, {BY_KEEPER} as n from paid) as p where n = 1",
    ],
)
def test_columns_of_the_first_row_of_a_key_are_aggregates_of_all_its_rows(latest: str) -> None:
    nodes = lineages(
        a="with paid as (select * from visits where fee > 5) " + latest,
        b="with paid as (select * from visits where fee > 5), latest as (" + latest + ") "
        "select k.keeper, l.visit from keepers k left join latest l using (keeper)",
        c="select k.keeper, a.visit from keepers k left join zoo.a using (keeper)",
        d=f"with numbered as (select *, {BY_KEEPER} as place from visits) "
        "select k.keeper, n.visit from keepers k left join numbered n on n.keeper = k.keeper and n.place = 1",
    )
    first = 'ARRAY_AGG("other"."0" ORDER BY "other"."{}" DESC)'
    lookups = {name: nodes[f"model.zoo.{name}"].lookups for name in "abcd"}
    assert {one.sql for name in "bc" for one in lookups[name]} == {
        f'({first.format(2)} FILTER(WHERE "other"."1" > 5))[1]',
    }
    assert [one.sql for one in lookups["d"]] == [f"({first.format(1)})[1]"]
    assert {one.key for name in "bcd" for one in lookups[name]} == {ColumnRef(VISITS, "keeper")}
    assert nodes["model.zoo.a"].columns["visit"] == Copy(visit("visit"))
    assert nodes["model.zoo.a"].rows_of == VISITS


def test_aggregates_are_of_rows_that_a_condition_left_before() -> None:
    nodes = lineages(
        b="with dear as (select * from visits where fee > 5 and keeper is not null), "
        "t as (select keeper, count(*) as n, sum(fee) as fees from dear group by keeper) "
        "select k.keeper, t.n, t.fees from keepers k left join t using (keeper)",
    )
    lookups = {one.column: one.sql for one in nodes["model.zoo.b"].lookups}
    assert lookups == {
        "n": 'COUNT(*) FILTER(WHERE "other"."0" > 5)',
        "fees": 'SUM("other"."0") FILTER(WHERE "other"."0" > 5)',
    }


def test_columns_are_derived_from_aggregates_of_what_an_expression_made_not_null() -> None:
    """Behind an outer join it is not put in, because it would make something of rows without a partner."""
    nodes = lineages(
        a="select *, case when fee > 5 then 'dear' else 'cheap' end as sort from visits",
        b="with t as (select keeper, count(*) filter (where sort = 'dear') as n from zoo.a group by keeper) "
        "select k.keeper, coalesce(t.n, 0)::int as dear from keepers k left join t using (keeper)",
    )
    lookups = [one for one in nodes["model.zoo.b"].lookups if one.key]
    assert ("dear", (ColumnRef("model.zoo.a", "sort"),)) in {(one.column, one.sources) for one in lookups}
