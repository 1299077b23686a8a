"""Tables that refer to each other: a row names one of the rows that name it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.handmade import Handmade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services import Database

# A club has an address, and one of its members speaks for it; neither may be missing.
CLUBS = """
create table analytics.members as
select
    n as member_id, 4000 + 7 * (1 + n % 150) as club_id, 'm' || n || '@example.org' as email,
    case when n > 600 then 'speaker' when hashint4(n) & 3 = 0 then 'guest' else 'plain' end as standing,
    hashint4(n + 5) & 15 as games
from generate_series(1, 750) n;
create table analytics.clubs as
select club_id, hashint4(club_id) & 7 as courts, member_id as speaker_id, email as contact
from analytics.members where standing = 'speaker';
"""
SPEAKERS = """
select
    count(*),
    count(*) filter (where m.club_id = c.club_id),
    count(*) filter (where m.standing = 'speaker'),
    count(*) filter (where m.email = c.contact)
from synthetic.clubs c join synthetic.members m on m.member_id = c.speaker_id
"""
REAL = """
select count(*) from synthetic.clubs c join analytics.members m
on m.member_id = c.speaker_id or m.email = c.contact
"""


@pytest.fixture
def handmade(database: Database, tmp_path: Path) -> Iterator[Handmade]:
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(CLUBS)
        yield project


def clubs_and_members(project: Handmade, **options: object) -> dict[str, Any]:
    config = {"materialized": "table", "meta": {"synthesize": True, "synth": options}}
    nodes = project.reference("clubs", "speaker_id", "members", "member_id")
    nodes |= project.reference("members", "club_id", "clubs", "club_id")
    for table, key in (("clubs", "club_id"), ("members", "member_id")):
        nodes |= project.model(table, config=config) | project.key(table, key)
    nodes |= project.test("not_null", "clubs", "speaker_id")
    return nodes | project.test("not_null", "members", "club_id")


def test_a_row_names_one_of_the_rows_that_name_it(handmade: Handmade) -> None:
    handmade.write(clubs_and_members(handmade))
    answer = handmade.synth("run")
    assert answer.code == 0, answer.text
    text = "clubs.speaker_id is one of the member_id of members with its club_id and standing speaker"
    assert text in answer.text
    clubs = handmade.value("select count(*) from synthetic.clubs")
    rows, own, speakers, contacts = handmade.rows(SPEAKERS)[0]
    assert (rows, contacts) == (clubs, clubs) == (150, 150)
    assert own > 140  # some clubs may have got no member
    assert speakers > 100
    assert handmade.value(REAL) == 0


def test_one_who_is_named_by_guarantee_is_there(handmade: Handmade) -> None:
    handmade.write(clubs_and_members(handmade, privacy="guaranteed", epsilon=20, max_rows_per_entity=10))
    answer = handmade.synth("run")
    assert answer.code == 0, answer.text
    rows, own, _, _ = handmade.rows(SPEAKERS)[0]
    assert rows == handmade.value("select count(*) from synthetic.clubs")
    assert own > 0.8 * rows
    assert handmade.value(REAL) == 0
