"""What a twin takes over beside its rows holds no value of a real one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from synth.dbt.docs import without_values
from synth.domain import Relation
from synth.project.manifest import read_manifest
from synth.warehouse import Warehouse
from tests.handmade import Handmade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services import Database

VISITS = """
create table analytics.visits as
select
    g as id,
    case when g % 3 = 0 then 'closed' when g % 3 = 1 then 'opened' else 'waiting' end as state,
    'Ober' || chr(97 + g % 26) || chr(97 + g / 26) || '/' || (1940 + g % 60) || '/' || (4000 + g) as slip,
    jsonb_build_object('document', 'AX' || (700000 + g * 37)) as details,
    g % 7 + 1 as size
from generate_series(1, 300) as g;
alter table analytics.visits add check (state in ('closed', 'opened', 'waiting'));
alter table analytics.visits add constraint no_guest check (slip <> 'Oberaf/1950/4130' or size > 0);
create index on analytics.visits (state) where slip = 'Oberue/1944/4124';
create index on analytics.visits (size) where state = 'opened';
comment on column analytics.visits.state is 'closed, opened or waiting';
comment on column analytics.visits.slip is 'like Oberaf/1950/4130';
comment on column analytics.visits.details is 'the document of AX700037 is missing';
comment on column analytics.visits.size is 'Ask Maria Ober, 0664 1234567';
"""
DESCRIPTIONS = {
    "state": "closed, opened or waiting",
    "slip": "like Oberaf/1950/4130",
    "details": "the document of AX700037 is missing",
    "size": "how many came",
}
CONSTRAINTS = """
select pg_get_constraintdef(oid) from pg_constraint where conrelid = 'synthetic.visits'::regclass
"""
INDEXES = "select pg_get_indexdef(indexrelid) from pg_index where indrelid = 'synthetic.visits'::regclass"
COMMENTS = """
select attname, col_description(attrelid, attnum) from pg_attribute
where attrelid = 'synthetic.visits'::regclass and col_description(attrelid, attnum) is not null
"""


@pytest.fixture
def visits(database: Database, tmp_path: Path) -> Iterator[Handmade]:
    with Handmade.made(database, tmp_path) as handmade:
        handmade.session.execute(VISITS)
        columns = {name: {"name": name, "description": text} for name, text in DESCRIPTIONS.items()}
        handmade.write({**handmade.model("visits", columns=columns), **handmade.key("visits", "id")})
        yield handmade


def test_rules_and_comments_that_hold_a_value_of_a_few_rows_are_not_taken_over(visits: Handmade) -> None:
    answer = visits.synth("run")
    assert answer.code == 0, answer.text
    checks = [text for (text,) in visits.rows(CONSTRAINTS)]
    assert any("waiting" in text for text in checks)
    assert not any("Ober" in text for text in checks)
    indexes = [text for (text,) in visits.rows(INDEXES)]
    assert any("opened" in text for text in indexes)
    assert not any("Ober" in text for text in indexes)
    assert dict(visits.rows(COMMENTS)) == {"state": "closed, opened or waiting"}
    for what in ("check no_guest", "comment slip", "comment details"):
        assert f"the twin of visits goes without {what}: it holds a real value" in answer.text


def test_a_twin_by_guarantee_goes_without_rules_that_compare_with_literals_outside_of_lists(
    visits: Handmade,
) -> None:
    answer = visits.synth("run", SYNTH_PRIVACY="guaranteed")
    assert answer.code == 0, answer.text
    checks = [text for (text,) in visits.rows(CONSTRAINTS)]
    assert any("waiting" in text for text in checks)
    assert not any("Ober" in text for text in checks)
    assert not any("Ober" in text or "opened" in text for (text,) in visits.rows(INDEXES))
    assert {column for column, _ in visits.rows(COMMENTS)} == {"state", "slip", "details"}
    assert "goes without check no_guest: its literal may be somebody's" in answer.text


def test_text_tells_by_whole_values_and_by_words_within_them(visits: Handmade) -> None:
    relation = Relation(visits.database.name, "analytics", "visits")
    texts = {
        "see OBERAF/1950/4130.": True,
        "4130/Oberaf": False,
        "AX700037": True,
        "AX7000370": False,
        "opened on paper": False,
    }
    with Warehouse(visits.database.conninfo) as warehouse:
        telling = warehouse.telling_texts(relation, texts)
    assert telling == {text for text, tells in texts.items() if tells}


def test_docs_leave_out_descriptions_that_hold_a_value_of_a_few_rows(visits: Handmade) -> None:
    with Warehouse(visits.database.conninfo) as warehouse:
        node = without_values(read_manifest(visits.manifest).nodes["model.hand.visits"], warehouse)
    assert {name: column.description for name, column in node.columns.items()} == {
        **DESCRIPTIONS,
        "slip": "",
        "details": "",
    }
