"""dbt with the schema of the twins as its target is noticed, and what it put there is named."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from psycopg import sql

from tests.club import club, dbt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from synth.services import Endpoints
    from tests.handmade import Handmade

# What `-t synth` does where that target's schema is `synthetic`, in somebody else's checkout.
INTO_TWINS = {"CLUB_SCHEMA": "synthetic", "DBT_TARGET_PATH": "elsewhere"}


@pytest.fixture(scope="module")
def project(services: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handmade]:
    """The club with its twins, and dbt's artifacts of the real models aside."""
    folder = tmp_path_factory.mktemp("club")
    with club(services, folder) as handmade:
        shutil.copytree(folder / "target", folder / "real")
        assert handmade.synth("run", "--no-tests").code == 0
        yield handmade


def clear(project: Handmade) -> None:
    """Do what the messages say."""
    for one in json.loads(project.synth("check", "--output", "json").out)["found"]:
        statement = str(one["way_out"]).removeprefix("move it to another schema, or: ").partition(";")[0]
        project.session.execute(sql.SQL(statement))
    assert project.synth("check").code == 0


@pytest.mark.slow
def test_dbt_run_into_the_schema_of_the_twins_is_caught(project: Handmade) -> None:
    dbt(project, "run", "--select", "clubs", "members", **INTO_TWINS)
    assert (
        project.value("select count(*) from synthetic.members as m join club.members using (member_id)")
        == 150
    )
    answer = project.synth("run")
    assert answer.code == 2
    assert "synthetic.members, a table of " in answer.text
    assert "stands where run " in answer.text
    assert "drop table synthetic.members; then: synth run --select members" in answer.text
    assert "synthetic.clubs, a table of " in answer.text
    assert "synthetic.visits, " not in answer.text
    clear(project)
    assert project.synth("run", "--no-tests").code == 0
    assert project.synth("check").code == 0


@pytest.mark.slow
def test_dbt_clone_into_the_schema_of_the_twins_is_caught(project: Handmade) -> None:
    dbt(project, "clone", "--select", "members", "--full-refresh", "--state", "real", **INTO_TWINS)
    answer = project.synth("check")
    assert answer.code == 1
    assert "synthetic.members, a view of " in answer.out
    assert "and reads club.members, which is no twin" in answer.out
    assert project.synth("run").code == 2
    clear(project)
    assert project.synth("run", "--no-tests").code == 0
    assert project.synth("check").code == 0
