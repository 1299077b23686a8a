"""Nothing that synth reads, plans or tests runs the code of another role, even where that leaves no trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from synth.warehouse.session import open_session

if TYPE_CHECKING:
    from tests.attacks import Attack


def write_people(attack: Attack, *more: dict[str, Any]) -> None:
    project = attack.project
    nodes = project.model("people") | project.key("people", "id")
    project.write({name: node for part in (nodes, *more) for name, node in part.items()})


def overheard(attack: Attack, *commands: str) -> tuple[list[str], str]:
    """Return what came out by commands, also of transactions that were undone, and what they said."""
    texts: list[str] = []
    with attack.as_(attack.intruder) as ear:
        ear.execute("listen loot")
        texts = [attack.project.synth(*command.split()).text for command in commands]
        loot = [one.payload for one in ear.notifies(timeout=0.5)]
    return [*loot, *map(str, attack.loot)], "\n".join(texts)


def test_operators_of_others_with_the_name_of_postgres_own_are_not_called_by_dbts_tests(
    attack: Attack,
) -> None:
    attack.project.session.execute(f"grant create on schema public to {attack.intruder}")
    attack.build("alter table analytics.people alter column city type varchar(20)")
    attack.trap("public.same", "varchar, varchar", "boolean", "$1 operator(pg_catalog.=) $2")
    attack.intrude("create operator public.= (leftarg = varchar, rightarg = varchar, function = public.same)")
    write_people(attack, attack.project.test("accepted_values", "people", "city", values=["Oslo", "Rome"]))

    loot, text = overheard(attack, "debug", "run", "test")

    assert loot == []
    operator = "operator public.=(character varying,character varying)"
    assert f"may mean the {operator}, which belongs to {attack.intruder}" in text


def test_a_view_with_the_code_of_others_is_not_counted_either(attack: Attack) -> None:
    attack.trap("mal.town", "integer", "text", "'Oslo'")
    attack.build(
        "create view analytics.towns as select n as id, mal.town(n) as name from generate_series(1, 200) n"
    )
    write_people(attack, attack.project.model("towns"), attack.project.key("towns", "id"))

    loot, text = overheard(attack, "ls", "plan", "run")

    assert loot == []
    assert "analytics.towns is a view that uses the function mal.town(integer)" in text


def test_a_cast_of_somebody_elses_type_is_not_run(attack: Attack) -> None:
    attack.intrude("create type mal.mood as enum ('good', 'bad')", "grant usage on type mal.mood to public")
    attack.trap("mal.told", "mal.mood", "text", "'good'")
    attack.build(
        "create table analytics.moods as select unnest(enum_range(null::mal.mood)) as mood, 1 as size",
        "alter table analytics.people add column mood mal.mood",
        "update analytics.people set mood = (array['good', 'bad']::mal.mood[])[1 + id % 2]",
    )
    attack.intrude("create cast (mal.mood as text) with function mal.told(mal.mood) as implicit")
    project = attack.project
    moods = project.model("moods") | project.key("moods", "mood")
    write_people(attack, moods, project.reference("people", "mood", "moods", "mood"))

    loot, _ = overheard(attack, "debug", "ls", "plan", "run")

    assert loot == []


@pytest.mark.parametrize(
    "statement",
    [
        "create index partly on analytics.people (city) where mal.yes()",
        "create index one on analytics.people ((mal.number(1)))",
        "create statistics analytics.some on (mal.number(1)), city from analytics.people",
    ],
)
def test_what_planning_a_query_would_run_is_not_planned(attack: Attack, statement: str) -> None:
    attack.trap("mal.yes", "", "boolean", "true")
    attack.trap("mal.number", "integer", "integer", "$1")
    attack.build(statement)
    attack.project.session.execute("truncate mal.loot")
    write_people(attack)

    loot, text = overheard(attack, "debug", "ls", "run")

    assert loot == []
    assert "so reading it would run that with the rights of the run" in text


def test_a_label_is_a_label_where_backslashes_escape_by_default(attack: Attack) -> None:
    conninfo = {**attack.project.database.conninfo, "options": "-c standard_conforming_strings=off"}
    with open_session(conninfo, None) as session:
        row = session.execute("select '\\''', 1").fetchone()
    assert row == ("\\'", 1)
