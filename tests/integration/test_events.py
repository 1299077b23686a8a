"""Events that many people share are copied with other numbers; those of a few are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.handmade import Handmade
from tests.integration.test_graph import listing_by_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services import Database

LESSONS = """
create table analytics.lessons as
select 500 + n as lesson_id, (array['Yoga', 'Judo', 'Polo', 'Golf'])[1 + n % 4] as title,
    date '2024-01-02' + 7 * n as held_on,
    time '18:00' + n * interval '1 minute' as held_at, interval '1 hour' as lasts
from generate_series(1, 40) n;
create table analytics.students as
select 7 * n as student_id, 'a' || md5(n::text) || '@example.org' as email, 1 + n % 3 as level
from generate_series(1, 400) n;
create table analytics.visits as
select row_number() over () as visit_id, student_id, lesson_id, held_on,
    60 + (hashint4(student_id + lesson_id) & 15) + 20 * (lesson_id % 2) as minutes
from analytics.students, analytics.lessons
where (hashint4(student_id * 31 + lesson_id) & 7) = 0 and not (lesson_id = 501 and {is_small});
"""


@pytest.fixture
def handmade(database: Database, tmp_path: Path) -> Iterator[Handmade]:
    with Handmade.made(database, tmp_path) as project:
        yield project


def _write(
    handmade: Handmade,
    *,
    is_small: bool = False,
    extra: str = "",
    privacy: str = "",
    key: str = "lesson_id",
    tables: str = LESSONS,
) -> None:
    handmade.session.execute(tables.format(is_small="student_id > 140" if is_small else "false").encode())
    if extra:
        handmade.session.execute(extra.encode())
    models = [
        handmade.model(name, compiled_code="select 1 as one") for name in ("lessons", "students", "visits")
    ]
    settings = {"synth": {"privacy": privacy}} if privacy else {}
    config = {"materialized": "table", "meta": {"synthesize": True, **settings}}
    models[2] = handmade.model("visits", compiled_code="select 1 as one", config=config)
    facts = handmade.key("lessons", key) | handmade.key("students", "student_id")
    facts |= handmade.key("visits", "visit_id")
    facts |= handmade.reference("visits", key, "lessons", key)
    facts |= handmade.reference("visits", "student_id", "students", "student_id")
    handmade.write({key: node for model in models for key, node in model.items()} | facts)


def test_events_are_copied_with_other_numbers_that_other_twins_have_too(handmade: Handmade) -> None:
    _write(handmade)
    answer = handmade.synth("run")
    assert answer.code == 0, answer.text
    assert "of at least 10 of students in visits; no column, key or source leads to people" in answer.text
    assert "lesson_id gets others" in answer.text
    assert "not made to agree" not in answer.text
    rows = "select title, held_on from {0}.lessons"
    both = f"{rows.format('analytics')} except {rows.format('synthetic')}"
    assert handmade.value(f"select count(*) from ({both}) as differing") == 0
    real_keys = "lesson_id in (select lesson_id from analytics.lessons)"
    assert handmade.value(f"select count(*) from synthetic.lessons where {real_keys}") == 0
    pairs = "synthetic.visits v left join synthetic.lessons l using (lesson_id)"
    # The day is that of the lesson, as in all real rows, and what depends on the lesson does.
    wrong = "l.lesson_id is null or l.held_on <> v.held_on"
    assert handmade.value(f"select count(*) from {pairs} where {wrong}") == 0
    even = "(l.held_on - date '2024-01-02') / 7 % 2 = 0"
    minutes = f"select avg(minutes) filter (where not {even}) - avg(minutes) filter (where {even})"
    assert handmade.value(f"{minutes} from {pairs}") > 12  # 20 in reality


@pytest.mark.parametrize(
    ("name", "is_period"),
    [
        ("to_char(held_on, 'YYYY-\"W\"IW')", True),  # the week that a lesson is held in
        ("'L' || lesson_id", False),
        ("'2019-' || lesson_id", False),  # not the year of its day
    ],
)
def test_names_of_periods_are_kept_where_events_are_copied(
    handmade: Handmade, name: str, is_period: bool
) -> None:
    extra = f"""
        alter table analytics.lessons add code text;
        update analytics.lessons set code = {name};
        alter table analytics.visits add code text;
        update analytics.visits v set code = l.code from analytics.lessons l where l.lesson_id = v.lesson_id;
        alter table analytics.lessons drop lesson_id;
        alter table analytics.visits drop lesson_id
    """
    _write(handmade, extra=extra, key="code")
    reason = listing_by_name(handmade)["lessons"]["reference"]
    assert "of at least 10 of students in visits" in reason
    assert ("code gets others" in reason) is not is_period


@pytest.mark.parametrize(
    ("is_small", "extra"),
    [
        (True, ""),
        (False, "alter table analytics.lessons add teacher text default 'Ann'"),
        (False, "alter table analytics.lessons add student_id integer default 7"),
    ],
)
def test_events_of_a_few_or_with_somebody_in_them_are_not_copied(
    handmade: Handmade, is_small: bool, extra: str
) -> None:
    _write(handmade, is_small=is_small, extra=extra)
    assert listing_by_name(handmade)["lessons"]["reference"] is None


def test_events_have_other_numbers_in_twins_by_guarantee(handmade: Handmade) -> None:
    _write(handmade, privacy="guaranteed")
    answer = handmade.synth("run")
    assert answer.code == 0, answer.text
    others = "lesson_id not in (select lesson_id from synthetic.lessons)"
    assert handmade.value(f"select count(*) from synthetic.visits where {others}") == 0
    # The column may be NULL, so noise may make some rows NULL.
    assert handmade.value("select avg((lesson_id is null)::int) from synthetic.visits") < 0.02
    real_keys = "lesson_id in (select lesson_id from analytics.lessons)"
    assert handmade.value(f"select count(*) from synthetic.visits where {real_keys}") == 0


CAREERS = """
create table analytics.lessons as
select 500 + n as lesson_id, 'Lesson ' || n % 5 as title, date '2022-01-04' + 7 * n as held_on
from generate_series(1, 100) n;
create table analytics.students as
select 7 * n as student_id, 'a' || md5(n::text) || '@example.org' as email, 1 + n % 3 as level
from generate_series(1, 420) n;
create table analytics.visits as
select row_number() over () as visit_id, student_id, 501 + first + after as lesson_id,
    60 + 5 * (after % 3) as minutes
from analytics.students, lateral (select (hashint4(student_id) & 1023) % 109 - 9 as first) f,
    generate_series(0, 9) after
where (hashint4(student_id * 31 + after) & 3) > 0 and first + after between 0 and 99;
"""


def test_rows_are_at_the_times_of_events_that_they_refer_to(handmade: Handmade) -> None:
    _write(handmade, tables=CAREERS)
    answer = handmade.synth("run")
    assert answer.code == 0, answer.text
    assert "by guarantee" not in answer.text
    weeks = """select percentile_cont(array[0.5, 0.95]) within group (order by weeks) from (
        select (max(held_on) - min(held_on)) / 7 as weeks
        from {0}.visits join {0}.lessons using (lesson_id) group by student_id) as of_students"""
    real, twin = (handmade.value(weeks.format(schema)) for schema in ("analytics", "synthetic"))
    assert real[1] <= 9
    assert abs(twin[0] - real[0]) <= 2  # 60 where lessons are labels
    assert twin[1] <= real[1] + 8


CALENDAR = """
select 900 + n as day_key, date '2024-01-01' + n as day, to_char(date '2024-01-01' + n, 'FMDay') as name
from generate_series(0, 364) n"""
ORDERS = """
create table analytics.customers as
select 7 * n as customer_id, 'a' || md5(n::text) || '@example.org' as email from generate_series(1, 300) n;
create table analytics.orders as
select row_number() over () as order_id, customer_id,
    900 + case when (hashint4(customer_id + n) & 7) > 0 then 244 + (hashint4(customer_id * n) & 127) % 120
        else (hashint4(customer_id * n + 1) & 255) % 244 end as day_key
from analytics.customers, generate_series(1, 4) n;
"""


def test_keys_of_a_calendar_are_days_in_twins_by_guarantee(handmade: Handmade) -> None:
    handmade.session.execute(f"create table analytics.days as {CALENDAR}; {ORDERS}".encode())
    config = {"materialized": "table", "meta": {"synthesize": True, "synth": {"privacy": "guaranteed"}}}
    nodes = {
        **handmade.model("days", compiled_code=CALENDAR),
        **handmade.model("customers", compiled_code="select 1 as one", config=config),
        **handmade.model("orders", compiled_code="select 1 as one", config=config),
    }
    facts = handmade.key("days", "day_key") | handmade.key("customers", "customer_id")
    facts |= handmade.key("orders", "order_id") | handmade.reference("orders", "day_key", "days", "day_key")
    facts |= handmade.reference("orders", "customer_id", "customers", "customer_id")
    handmade.write({**nodes, **facts})
    answer = handmade.synth("run")
    assert answer.code == 0, answer.text
    late = "select avg((day >= '2024-09-01')::int) from {0}.orders join {0}.days using (day_key)"
    real, twin = (handmade.value(late.format(schema)) for schema in ("analytics", "synthetic"))
    assert real > 0.8
    assert twin > 0.7  # a third where each day is as likely as any other
