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
    date '2024-01-02' + 7 * n as held_on
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


def _write(handmade: Handmade, *, is_small: bool = False, extra: str = "", privacy: str = "") -> None:
    handmade.session.execute(LESSONS.format(is_small="student_id > 140" if is_small else "false").encode())
    if extra:
        handmade.session.execute(extra.encode())
    models = [
        handmade.model(name, compiled_code="select 1 as one") for name in ("lessons", "students", "visits")
    ]
    settings = {"synth": {"privacy": privacy}} if privacy else {}
    config = {"materialized": "table", "meta": {"synthesize": True, **settings}}
    models[2] = handmade.model("visits", compiled_code="select 1 as one", config=config)
    facts = handmade.key("lessons", "lesson_id") | handmade.key("students", "student_id")
    facts |= handmade.key("visits", "visit_id")
    facts |= handmade.reference("visits", "lesson_id", "lessons", "lesson_id")
    facts |= handmade.reference("visits", "student_id", "students", "student_id")
    handmade.write({key: node for model in models for key, node in model.items()} | facts)


def test_events_are_copied_with_other_numbers_that_other_twins_have_too(handmade: Handmade) -> None:
    _write(handmade)
    answer = handmade.synth("run")
    assert answer.code == 0, answer.text
    assert "of at least 10 of students in visits; no column, key or source leads to people" in answer.text
    assert "lesson_id gets others" in answer.text
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
    pairs = "synthetic.visits v join synthetic.lessons l using (lesson_id)"
    assert handmade.value(f"select count(*) = (select count(*) from synthetic.visits) from {pairs}")
    real_keys = "lesson_id in (select lesson_id from analytics.lessons)"
    assert handmade.value(f"select count(*) from synthetic.visits where {real_keys}") == 0
