"""Queries made anew so that they can run on twins, and what of them is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from synth.graph.lineage import trace
from synth.graph.origins import ColumnRef
from tests.unit.test_column_lineage import node

if TYPE_CHECKING:
    from synth.graph.rewriting import Rewriting

VISITS, KEEPERS = "source.zoo.visits", "source.zoo.keepers"
TYPES = {
    VISITS: {"visit": "bigint", "keeper": "integer", "cage": "text", "came": "date", "fee": "numeric(8,2)"},
    KEEPERS: {"keeper": "integer", "name": "text"},
}


def rewritten(sql: str) -> Rewriting | None:
    nodes = [node(VISITS), node(KEEPERS), node("model.zoo.x", sql)]
    return trace(nodes, TYPES)["model.zoo.x"].rewriting


def text(sql: str) -> str:
    rewriting = rewritten(sql)
    assert rewriting is not None
    return rewriting.query.sql(dialect="postgres")


def refs(*names: str) -> set[ColumnRef]:
    return {ColumnRef(f"source.zoo.{table}", column) for table, column in (one.split(".") for one in names)}


def test_groups_counts_and_sums_are_made_anew_by_their_full_names() -> None:
    sql = """
        with v as (select * from zoo.visits)
        select date_trunc('month', came)::date as month, count(*), count(distinct keeper) as keepers,
            sum(case when cage = 'a' then fee else 0 end) filter (where fee > 2) as fees
        from v group by 1 having count(*) > 1 order by random()
    """
    query = text(sql)
    assert 'FROM "source.zoo.visits" AS "visits"' in query
    assert 'CAST(pg_catalog.date_trunc(\'month\', "came") AS DATE) AS "month"' in query
    assert 'pg_catalog.count(DISTINCT "keeper") AS "keepers"' in query
    assert 'FILTER(WHERE "fee" > 2)' in query
    assert query.endswith("GROUP BY 1 HAVING pg_catalog.count(*) > 1")
    rewriting = rewritten(sql)
    assert rewriting is not None
    assert [*rewriting.columns] == ["month", "count", "keepers", "fees"]
    assert rewriting.mentions.compared == refs("visits.cage", "visits.fee")  # not what is counted


def test_stars_become_lists_and_joined_columns_one() -> None:
    query = text("select *, k.name as called from zoo.visits as v left join zoo.keepers as k using (keeper)")
    lists = '"keeper" AS "keeper", "v"."visit" AS "visit", "v"."cage" AS "cage", "v"."came" AS "came"'
    assert query.startswith(
        f'SELECT {lists}, "v"."fee" AS "fee", "k"."name" AS "name", "k"."name" AS "called"'
    )
    rewriting = rewritten("select v.* from zoo.visits v join zoo.keepers k on k.keeper = v.keeper")
    assert rewriting is not None
    assert rewriting.mentions.equated == {frozenset(refs("visits.keeper", "keepers.keeper"))}
    assert not rewriting.mentions.compared


def test_unions_and_windows_are_made_anew() -> None:
    query = text(
        "select keeper as who, 'visit' as what from zoo.visits "
        "union all select keeper, 'keeper' from zoo.keepers"
    )
    assert query == (
        'SELECT "keeper" AS "who", \'visit\' AS "what" FROM "source.zoo.visits" AS "visits" UNION ALL '
        'SELECT "keeper" AS "keeper", \'keeper\' AS "?column?" FROM "source.zoo.keepers" AS "keepers"'
    )
    frame = "rows between 3 preceding and current row"
    window = f"lag(fee, 1) over (partition by keeper order by came desc, visit {frame})"
    query = text(f"select visit, {window} as before from zoo.visits")
    assert 'pg_catalog.lag("fee", 1) OVER (PARTITION BY "keeper" ORDER BY "came" DESC, "visit"' in query


def test_no_twin_divides_by_zero() -> None:
    query = text(
        "select keeper, sum(fee) / sum(visit - 1) + max(visit % 7) as share from zoo.visits group by 1"
    )
    assert 'pg_catalog.sum("fee") / NULLIF(pg_catalog.sum("visit" - 1), 0)' in query
    assert 'pg_catalog.max("visit" % NULLIF(7, 0))' in query


def test_names_that_a_union_does_not_use_may_repeat() -> None:
    query = text(
        "select keeper, name, 'a' as a from zoo.keepers union select keeper, 'x', null from zoo.visits"
    )
    assert '\'x\' AS "?column?", NULL AS "?column? 3"' in query


@pytest.mark.parametrize(
    ("spine", "made"),
    [
        (
            "select generate_series(date '2024-01-01', date '2024-03-01', interval '1 day')::date as day",
            "pg_catalog.generate_series(CAST('2024-01-01' AS DATE), CAST('2024-03-01' AS DATE), ",
        ),
        (
            "select d::date as day from generate_series('2024-01-01'::date, '2024-03-01', '1 day') as d",
            """CAST("d" AS DATE) AS "day" FROM pg_catalog.generate_series(""",
        ),
        (
            """
                with p as (select 0 as n union all select 1),
                days as (select a.n + b.n * power(2, 1) as n from p as a cross join p as b)
                select
                    (date '2024-01-01' + interval '1 day' * (row_number() over (order by n) - 1))::date as day
                from days
            """,
            '"b"."n" * pg_catalog.power(2, 1)',
        ),
    ],
)
def test_days_that_are_counted_on_are_made_anew(spine: str, made: str) -> None:
    counts = "select day, count(visit) as n from s left join zoo.visits on came = day group by 1"
    sql = f"with s as ({spine}) {counts}"
    assert made in text(sql)
    rewriting = rewritten(sql)
    assert rewriting is not None
    assert rewriting.reads == (VISITS,)
    assert rewriting.mentions.compared == refs("visits.came")


@pytest.mark.parametrize(
    "sql",
    [
        "select secret(fee) from zoo.visits",
        "select zoo.sum(fee) from zoo.visits",
        "select current_date - came from zoo.visits",
        "select visit from zoo.visits limit 5",
        "select visit from zoo.visits tablesample system (10)",
        "select visit from zoo.visits where exists (select from zoo.keepers)",
        "select visit from zoo.visits where keeper in (select keeper from zoo.keepers)",
        "select visit, (select max(name) from zoo.keepers) as name from zoo.visits",
        "select v.visit from zoo.visits v, lateral (select 1) as l",
        "select keeper from zoo.visits join zoo.keepers on true",  # of which one?
        "select fee::money from zoo.visits",
        "select * from generate_series(1, secret(3)) as n",
        "select * from generate_series(1, 3) with ordinality as n",
        "with recursive v as (select 1 as n union all select n + 1 from v) select n from v",
        "select row_number() over w as n from zoo.visits window w as (order by came)",
        "select cage from zoo.visits group by rollup (cage)",
        "select visit from zoo.visits except select keeper from zoo.keepers",
        'select "zoo.x".visit from zoo.visits as "zoo.x"',
        r"select visit from zoo.visits where cage = E'\\'",
        "select sum(fee order by came) from zoo.visits",
        "select visit from zoo.visits for update",
        "select operator(zoo.-) fee from zoo.visits",
        "delete from zoo.visits",
    ],
)
def test_what_is_not_known_to_be_harmless_is_refused(sql: str) -> None:
    assert rewritten(sql) is None
