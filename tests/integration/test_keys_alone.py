"""Tables of nothing but keys, as those between two others: each owner has about as many rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.handmade import Handmade

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services import Database

# Day students take five courses or more, others two at most.
ENROLMENTS = """
create table analytics.students as
select
    n as student_id, 18 + (hashint4(n) & 7) as age, case when n % 2 = 0 then 'day' else 'evening' end as form
from generate_series(1, 200) n;
create table analytics.courses as select n as course_id from generate_series(1, 50) n;
create table analytics.enrolments as
select student_id, 1 + (hashint4(student_id * 40 + place) & 65535) % 50 as course_id
from analytics.students
join generate_series(1, 8) place
    on place <= case form when 'day' then 5 + (hashint4(student_id) & 3) else 1 end
"""
ROWS_OF_FORMS = """
select form, count(*)::float / count(distinct student_id) from synthetic.students
join synthetic.enrolments using (student_id) group by 1
"""


@pytest.mark.slow  # learns a model
def test_owners_have_as_many_rows_of_keys_as_real_ones(database: Database, tmp_path: Path) -> None:
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(ENROLMENTS)
        config = {"materialized": "table", "meta": {"synthesize": True}}
        project.write(
            project.model("students", config=config)
            | project.model("courses", config=config)
            | project.model("enrolments", config=config)
            | project.key("students", "student_id")
            | project.key("courses", "course_id")
            | project.reference("enrolments", "student_id", "students", "student_id")
            | project.reference("enrolments", "course_id", "courses", "course_id")
        )
        answer = project.synth("run", "--seed", "1", SYNTH_ON_INCONCLUSIVE="warn")
        assert answer.code == 0, answer.text
        means = dict(project.rows(ROWS_OF_FORMS))
        assert means["day"] > 2 * means["evening"]
