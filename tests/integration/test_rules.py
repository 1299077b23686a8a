"""What dbt's tests state is kept by the twin: checked on the real rows first, enforced, and counted."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from synth.domain import Scope
from synth.evaluate import LIMITS
from synth.sampling.redraw import spare_rows
from tests.handmade import Handmade
from tests.kinds import CASES, THINGS, rule_of
from tests.services import database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from synth.services import Endpoints
    from tests.services import Database

SALES = """
create domain share as numeric(4, 2) check (value between 0 and 1) check (value::text <> 'VALUE');
create table analytics.sales (
    sale_id integer not null,
    net integer,
    ordered date,
    shipped date constraint shipped_later check (shipped >= ordered),
    born date,
    discount share,
    code text
);
insert into analytics.sales
select
    n,
    10 + (hashint4(n) & 65535) % 50,
    date '2024-01-01' + (hashint4(n + 1000) & 65535) % 300,
    date '2024-01-01' + (hashint4(n + 1000) & 65535) % 300 + (hashint4(n + 2000) & 65535) % 9,
    date '1980-01-01' + (hashint4(n + 3000) & 1048575) % 9000,
    ((hashint4(n + 4000) & 65535) % 4) / 4.0,
    'c' || 10000 + n
from generate_series(1, 600) n
"""
# What the backend `wild` changes in some of the rows that the local one draws.
WILD = """
import numpy as np
import pandas as pd
rng = np.random.default_rng(5)
rows = super().synthesize(training, request, workdir)
wild = rng.random(len(rows)) < {share}
{change}
return rows
"""
EARLY = "rows.loc[wild, 'shipped'] = rows.loc[wild, 'shipped'] - pd.Timedelta(days=400)"
VIOLATIONS = "select count(*) from synthetic.sales where shipped < ordered"


fresh_database = contextmanager(database.__wrapped__)  # type: ignore[attr-defined] # pytest keeps the function


@pytest.fixture
def sales(database: Database, tmp_path: Path) -> Iterator[Handmade]:
    with Handmade.made(database, tmp_path) as project, pytest.MonkeyPatch.context() as patch:
        project.session.execute(SALES.encode())
        patch.syspath_prepend(str(tmp_path / "plugins"))
        yield project


def dbt_test(
    name: str, kind: str, package: str = "dbt_utils", *, config: Any = None, **arguments: Any
) -> Any:
    """A test of the model `sales` as the manifest has it."""
    unique_id = f"test.hand.{name}"
    return {
        unique_id: {
            "unique_id": unique_id,
            "name": name,
            "resource_type": "test",
            "test_metadata": {"name": kind, "namespace": package, "kwargs": arguments},
            "attached_node": "model.hand.sales",
            "depends_on": {"nodes": ["model.hand.sales"]},
            "config": {"severity": "ERROR", **(config or {})},
        }
    }


def build(project: Handmade, *tests: Any, roles: Any = None, **synth: Any) -> None:
    """The manifest of `sales`, with these tests beside those of its key."""
    config = {"materialized": "table", "meta": {"synthesize": True, "synth": synth}}
    columns = {
        name: {"name": name, "config": {"meta": {"synth": {"role": role}}}}
        for name, role in ({"code": "natural_key"} if roles is None else roles).items()
    }
    nodes = project.model("sales", config=config, columns=columns) | project.key("sales", "sale_id")
    for test in tests:
        nodes |= test
    project.write(nodes)


def wild(project: Handmade, share: float, change: str) -> str:
    """The name of a backend that changes so many of its rows; no module of that name was ever imported."""
    name = f"wild_{uuid4().hex[:8]}"
    project.backend(name, WILD.format(share=share, change=change))
    return name


def result(project: Handmade) -> dict[str, Any]:
    (record,) = project.results()["results"]
    return dict(record)


LATER = dbt_test("later", "expression_is_true", expression="shipped >= ordered")


def test_rows_that_break_an_expression_are_drawn_anew_and_counted(sales: Handmade) -> None:
    sales.session.execute("alter table analytics.sales drop constraint shipped_later")
    backend = wild(sales, 0.3, EARLY)
    # Without the test, they are published by whoever does not mind that a column is far from the real one.
    build(sales, backend=backend, limits=dict.fromkeys(LIMITS, 1e9))
    answer = sales.synth("run")
    assert answer.code == 0, answer.text
    assert sales.value(VIOLATIONS) > 50
    build(sales, LATER, backend=backend)
    answer = sales.synth("run")
    assert answer.code == 0, answer.text
    assert sales.value(VIOLATIONS) == 0
    assert sales.value("select count(*) from synthetic.sales") == 600
    violations = result(sales)["broken"]
    assert violations.keys() == {"later"}
    run = sales.folder / "target/synth/runs" / sales.results()["metadata"]["invocation_id"] / "sales"
    document = json.loads((run / "evaluation.json").read_text())
    assert document["rows"]["broken"] == violations
    # The gate sees every row that was drawn and keeps the rule, and none that breaks it.
    assert document["rows"]["synthetic"] + violations["later"] == 600 + spare_rows(600, halves=True)
    assert "<bdi>later</bdi> and were drawn anew" in (run / "report.html").read_text()


def test_rules_that_no_row_breaks_change_nothing_of_the_twin(sales: Handmade) -> None:
    sales.session.execute("alter table analytics.sales drop constraint shipped_later")
    build(sales)
    assert sales.synth("run").code == 0
    before = sales.rows("select * from synthetic.sales order by sale_id")
    build(sales, dbt_test("late", "expression_is_true", expression="shipped > '2000-01-01'"))
    assert sales.synth("run", "--force").code == 0
    assert sales.rows("select * from synthetic.sales order by sale_id") == before


@pytest.mark.parametrize("kind", ["view", "materialized view"])
def test_views_are_held_to_their_tests_too(sales: Handmade, kind: str) -> None:
    sales.session.execute("alter table analytics.sales rename to base")
    sales.session.execute(f"create {kind} analytics.sales as select * from analytics.base".encode())
    build(sales, LATER, backend=wild(sales, 0.1, EARLY))
    answer = sales.synth("run")
    assert answer.code == 0, answer.text
    assert result(sales)["broken"].keys() == {"later"}
    assert sales.value(VIOLATIONS) == 0


def test_a_column_that_a_test_calls_equal_to_others_is_computed_from_them(sales: Handmade) -> None:
    sales.session.execute("alter table analytics.sales add tax numeric(8, 2), add total numeric(9, 2)")
    sales.session.execute("update analytics.sales set net = net * 100 + sale_id % 97")
    sales.session.execute(
        "update analytics.sales set tax = round(net * 0.19, 2), total = net + round(net * 0.19, 2)"
    )
    tax = dbt_test("tax", "expression_is_true", column_name="tax", expression="= round(net * 0.19, 2)")
    build(sales, dbt_test("total", "expression_is_true", expression="net + tax = total"), tax)
    answer = sales.synth("run")
    assert answer.code == 0, answer.text
    assert sales.value("select count(*) from synthetic.sales where total = net + tax") == 600
    assert result(sales)["broken"] == {}
    sales.session.execute("alter table analytics.sales add check (total = net + tax)")
    build(sales)
    assert sales.synth("run").code == 0
    assert sales.value("select count(*) from synthetic.sales where total = net + tax") == 600


def test_checks_and_domains_of_the_table_are_kept_too(sales: Handmade) -> None:
    change = f"{EARLY}; rows.loc[rng.random(len(rows)) < 0.1, 'discount'] = 7.5"
    backend = wild(sales, 0.1, change)
    build(sales, backend=backend)
    answer = sales.synth("run")
    assert answer.code == 0, answer.text
    assert result(sales)["broken"].keys() == {"check shipped_later", "domain share_check of discount"}
    assert sales.value("select max(discount) <= 1 and min(shipped - ordered) >= 0 from synthetic.sales")


def test_a_fact_that_the_real_rows_break_is_named_and_not_enforced(sales: Handmade) -> None:
    sales.session.execute("update analytics.sales set net = 9 where sale_id = 7")
    sales.session.execute("update analytics.sales set code = 'c10001', ordered = null where sale_id < 3")
    least = dbt_test("least", "accepted_range", column_name="net", min_value=10)
    unheard = dbt_test("unheard", "expression_is_true", expression="nobody > net")
    build(
        sales,
        least,
        unheard,
        sales.test("unique", "sales", "code"),
        sales.test("not_null", "sales", "ordered"),
    )
    answer = sales.synth("run")
    assert answer.code == 0, answer.text
    for name in ("least", "unique_sales_code", "not_null_sales_ordered"):
        assert f"{name} does not hold in analytics.sales, so the twin is not held to it" in answer.text
    assert 'unheard of sales is not used: column "nobody" does not exist (42703)' in answer.text
    assert result(sales)["broken"] == {}


def test_a_backend_that_hardly_draws_rows_that_hold_is_refused_with_the_test_and_the_share(
    sales: Handmade,
) -> None:
    backend = wild(sales, 0.98, EARLY)
    build(sales, LATER, backend=backend)
    answer = sales.synth("run")
    assert answer.code == 1
    assert "cannot draw enough rows of sales that its tests allow" in answer.text
    assert "98% break later" in answer.text or "97% break later" in answer.text
    assert "synth run" in answer.text or "Next: choose another backend" in answer.text


def test_a_twin_that_breaks_a_test_of_the_whole_table_is_not_published(sales: Handmade) -> None:
    wide = dict.fromkeys(LIMITS, 1e9)
    most = float(sales.value("select avg(net) + 2.5 from analytics.sales"))
    mean = dbt_test(
        "mean", "expect_column_mean_to_be_between", "dbt_expectations", column_name="net", max_value=most
    )
    build(sales, mean, limits=wide)
    assert sales.synth("run").code == 0
    before = sales.rows("select * from synthetic.sales order by sale_id")
    backend = wild(sales, 1.0, "rows.loc[wild, 'net'] = rows.loc[wild, 'net'] + 6")
    build(sales, mean, backend=backend, limits=wide)
    answer = sales.synth("run")
    assert answer.code == 1
    assert result(sales)["status"] == "rejected"
    assert "breaks mean, which the real rows keep" in answer.text
    assert sales.rows("select * from synthetic.sales order by sale_id") == before
    build(sales, backend=backend, limits=wide)
    assert sales.synth("run").code == 0  # nothing but the test kept it from being published


def test_days_drawn_at_random_are_published_as_they_were_judged(sales: Handmade) -> None:
    sales.session.execute("update analytics.sales set born = date_trunc('year', born) + interval '200 days'")
    summer = dbt_test("summer", "expression_is_true", expression="extract(month from born) in (5, 6, 7, 8)")
    build(sales, summer, roles={"born": "date_of_birth", "code": "natural_key"})
    answer = sales.synth("run")
    assert answer.code == 0, answer.text
    assert result(sales)["broken"]["summer"] > 300
    assert sales.value("select count(*) from synthetic.sales where extract(month from born) < 5") == 0


def test_rows_whose_new_keys_break_a_rule_are_left_out_if_they_are_few(sales: Handmade) -> None:
    sales.session.execute("delete from analytics.sales where hashtext(code) % 200 = 3")
    build(sales, dbt_test("few", "expression_is_true", expression="hashtext(code) % 200 <> 3"))
    answer = sales.synth("run")
    assert answer.code == 0, answer.text
    assert "of sales left out, because their new keys or identifiers broke few" in answer.text
    missing_rows = sales.value(
        "select (select count(*) from analytics.sales) - count(*) from synthetic.sales"
    )
    assert 0 < missing_rows <= 5
    assert sales.value("select count(*) from synthetic.sales where hashtext(code) % 200 = 3") == 0


def test_new_keys_that_break_a_rule_by_the_dozen_are_refused(sales: Handmade) -> None:
    build(sales, dbt_test("many", "expression_is_true", expression="sale_id <= 600"))
    answer = sales.synth("run")
    assert answer.code == 1
    assert "What is made or computed of sales breaks its rules: 100% break many" in answer.text


ROWS = "expect_table_row_count_to_be_between"


def test_a_number_of_rows_that_a_test_forbids_is_refused_before_anything_is_written(sales: Handmade) -> None:
    few = dbt_test("few", ROWS, "dbt_expectations", min_value=500, max_value=700)
    build(sales, few, rows=900)
    answer = sales.synth("run")
    assert answer.code == 1
    assert "the twin of sales would have 900 rows (rows: 900), which few forbids" in answer.text
    assert sales.nothing_changed()
    build(sales, few, rows="1x")
    assert sales.synth("run").code == 0


def test_numbers_of_rows_are_compared_between_the_twins_of_two_models(sales: Handmade) -> None:
    sales.session.execute("create table analytics.visits as select sale_id as id, net from analytics.sales")
    same = dbt_test("same", "equal_rowcount", compare_model="ref('visits')")
    less = dbt_test("less", "fewer_rows_than", compare_model="ref('visits')")
    for test in (same, less):
        for node in test.values():
            node["depends_on"]["nodes"].append("model.hand.visits")
            node["config"]["fail_calc"] = "sum(coalesce(diff_count, 0))"
    config = {"materialized": "table", "meta": {"synthesize": True, "synth": {"rows": "2x"}}}
    visits = sales.model("visits", config=config)
    build(sales, same, visits)
    answer = sales.synth("run")
    assert answer.code == 1
    assert "the twin of sales would have 600 rows (rows: 1x), which same forbids" in answer.text
    build(sales, same, visits, rows="2x")
    assert sales.synth("run").code == 0
    build(sales, less, visits, rows="2x")
    answer = sales.synth("run")
    assert "less does not hold in analytics.sales, so the twin is not held to it" in answer.text
    assert answer.code == 0


def test_rows_that_a_rule_cannot_be_evaluated_on_stop_the_model_and_name_the_test(sales: Handmade) -> None:
    backend = wild(sales, 0.3, "rows.loc[wild, 'net'] = 5")
    build(
        sales, dbt_test("ratio", "expression_is_true", expression="100 / (net - 5) < 1000"), backend=backend
    )
    answer = sales.synth("run")
    assert answer.code == 1
    assert "could not be judged by ratio: a value was refused, DivisionByZero (22012)" in answer.text


def test_tests_that_contradict_each_other_are_refused_by_name(sales: Handmade) -> None:
    low = dbt_test("low", "accepted_range", column_name="net", max_value=20)
    high = dbt_test("high", "accepted_range", column_name="net", min_value=21)
    build(sales, low, high)
    answer = sales.synth("run")
    assert answer.code == 1
    assert "the tests low and high contradict each other: no value of net satisfies both" in answer.text
    assert sales.nothing_changed()


def test_ls_lists_every_test_with_what_comes_of_it(sales: Handmade) -> None:
    soft = dbt_test("soft", "expression_is_true", expression="net > 0", config={"severity": "warn"})
    build(sales, LATER, soft)
    answer = sales.synth("ls")
    lines = [line.split("  ") for line in answer.out.splitlines()]
    effects = {words[2]: words[-1].strip() for words in lines if len(words) > 3}
    assert effects["later"] == "rows that break it are drawn anew"
    assert effects["soft"] == "not used: it only warns"
    (listing,) = [json.loads(line) for line in sales.synth("ls", "--output", "json").out.splitlines()]
    facts = {one["source"]: (one["kind"], one["used"]) for one in listing["facts"]}
    assert facts["later"] == ("expression_is_true", True)
    assert facts["soft"] == ("expression_is_true", False)
    assert facts["unique_sales_sale_id"] == ("unique", True)


# --- every kind of rule about rows, all at once

# What the rows of `tests.kinds` break their tests by.
ODD = """
rows.loc[wild, ["n", "m", "same"]] = [900, 1, 3]
rows["empty"] = pd.array(np.where(wild, 1, None), dtype="Int64")
rows.loc[wild, "word"] = rng.choice(["XX ", " ", None], wild.sum())
"""
COPIES = (
    "create table analytics.sales as select row_number() over () as sale_id, things.* from ({}) as things"
)
# Where a test says what a column equals, it is computed, and no row can break it.
BY_ROW = [k for k in CASES if rule_of(*k).scope is Scope.ROW and not rule_of(*k).sets]


@pytest.fixture(scope="module")
def broken_by_kind(services: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """How many rows of a wild backend broke each kind of test, whose twin keeps them all."""
    folder = tmp_path_factory.mktemp("kinds")
    with fresh_database(services) as fresh, Handmade.made(fresh, folder) as project:
        project.session.execute(
            COPIES.format(f"select one.* from ({THINGS}) as one, generate_series(1, 10)").encode()
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(str(folder / "plugins"))
            tests = [dbt_test(".".join(kind), kind[1], kind[0], **CASES[kind].arguments) for kind in BY_ROW]
            wide = dict.fromkeys(LIMITS, 1e9)
            build(
                project,
                *tests,
                backend=wild(project, 0.2, ODD),
                limits=wide,
                roles={"n": "number", "m": "number", "same": "number"},
            )
            answer = project.synth("run")
        assert answer.code == 0, answer.text
        odd = "n > 60 or m <> n + 1 or same <> n or word is null or word !~ '^[a-d]n$' or empty is not null"
        assert project.rows(f"select * from synthetic.sales where {odd}") == []
        yield result(project)["broken"]


@pytest.mark.parametrize("kind", BY_ROW, ids=".".join)
def test_rows_that_break_a_test_of_any_kind_are_found(
    broken_by_kind: dict[str, int], kind: tuple[str, str]
) -> None:
    assert broken_by_kind[".".join(kind)] > 20
