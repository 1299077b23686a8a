"""Twins in the place of models: for downstream models, clones, docs and comparisons, by the real dbt."""

from __future__ import annotations

import json
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.club import club, dbt, try_dbt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from synth.services import Endpoints
    from tests.handmade import Handmade

STATE = ("--defer", "--favor-state", "--state", "target/synth/state")


@pytest.fixture(scope="module")
def project(services: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handmade]:
    """The club, with the twins of members and visits published."""
    with club(services, tmp_path_factory.mktemp("club")) as handmade:
        answer = handmade.synth("run", "--no-tests")
        assert answer.code == 0, answer.text
        yield handmade


@contextmanager
def analyst(project: Handmade) -> Iterator[dict[str, str]]:
    """Somebody who may read twins and write into a schema of their own, and has no right on `club`."""
    name = f"analyst_{secrets.token_hex(4)}"
    run = project.session.execute
    run(f"create role {name} login password 'secret'".encode())
    run(f"grant usage on schema synthetic to {name}".encode())
    run(f"grant select on synthetic.members, synthetic.visits to {name}".encode())
    run(f"create schema analyst authorization {name}".encode())
    try:
        own = {"CLUB_SCHEMA": "analyst", "DBT_TARGET_PATH": "target_of_analysts"}
        yield {"PGUSER": name, "PGPASSWORD": "secret", **own}
    finally:
        run(b"drop schema analyst cascade")
        run(f"drop owned by {name}".encode())
        run(f"drop role {name}".encode())


@pytest.mark.slow
def test_downstream_models_are_built_on_twins_by_who_may_not_read_the_real_ones(project: Handmade) -> None:
    with analyst(project) as environment:
        refusal = try_dbt(project, "show", "--inline", "select count(*) from club.members", **environment)
        assert "permission denied for schema club" in refusal.stdout
        dbt(project, "build", "--select", "visits_by_city+", *STATE, **environment)
        query = "select city, visits, minutes from analyst.visits_by_city order by city"
        on_twins = """
            select city, count(*), sum(minutes) from synthetic.visits join synthetic.members using (member_id)
            group by city order by city
        """
        assert project.rows(query) == project.rows(on_twins)


def test_what_has_no_twin_is_out_of_reach(project: Handmade) -> None:
    with analyst(project) as environment:
        answer = try_dbt(project, "build", "--select", "members_by_club", *STATE, **environment)
        assert answer.returncode == 1
        assert 'relation "analyst.clubs" does not exist' in answer.stdout
        assert project.value("select to_regclass('analyst.members_by_club') is null")


@pytest.mark.slow
def test_clone_makes_views_on_twins(project: Handmade) -> None:
    with analyst(project) as environment:
        dbt(project, "clone", "--state", "target/synth/state", **environment)
        views = "select table_name from information_schema.views where table_schema = 'analyst' order by 1"
        assert project.rows(views) == [("members",), ("visits",)]
        clones = project.rows("select * from analyst.visits order by visit_id")
        assert clones == project.rows("select * from synthetic.visits order by visit_id") != []


def docs(project: Handmade) -> dict[str, Any]:
    path = project.folder / "models/synthetic/_synthetic__sources.yml"
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    return content


@pytest.mark.slow
def test_docs_show_twins_as_a_source_with_lineage(project: Handmade) -> None:
    answer = project.synth("docs")
    assert answer.lines == [
        "Wrote 2 twins to models/synthetic/_synthetic__sources.yml. Next: dbt docs generate"
    ]
    members, visits = docs(project)["sources"][0]["tables"]
    assert (members["name"], visits["name"]) == ("members", "visits")
    assert members["description"] == "Synthetic twin of members. Who may come in."
    assert members["columns"][0] == {
        "name": "member_id",
        "data_type": "integer",
        "description": "The key.",
    }
    assert "Made by synth" in members["config"]["meta"]["stamp"]

    try:
        dbt(project, "--warn-error", "docs", "generate")
        catalog = json.loads((project.folder / "target/catalog.json").read_text())
        assert set(catalog["sources"]) == {"source.club.synthetic.members", "source.club.synthetic.visits"}
        manifest = json.loads(project.manifest.read_text())
        exposure = manifest["exposures"]["exposure.club.synthetic_members"]
        assert set(exposure["depends_on"]["nodes"]) == {
            "model.club.members",
            "source.club.synthetic.members",
        }
    finally:
        (project.folder / "models/synthetic/_synthetic__sources.yml").unlink()


def test_docs_replace_no_file_that_is_not_theirs(project: Handmade, tmp_path: Path) -> None:
    path = tmp_path / "mine.yml"
    path.write_text("version: 2\n")
    answer = project.synth("docs", str(path))
    assert answer.code == 2
    assert "was not written by `synth docs`" in answer.text
    assert path.read_text() == "version: 2\n"


@pytest.mark.slow
def test_a_model_is_compared_on_both_sides(project: Handmade) -> None:
    answer = project.synth("compare", "--output", "json")
    assert answer.code == 0, answer.text
    (comparison,) = [json.loads(line) for line in answer.out.splitlines()]
    assert comparison["unique_id"] == "model.club.visits_by_city"  # the other one reads clubs
    real = project.rows("select city, visits, minutes from club.visits_by_city order by city")
    assert [
        (group["labels"]["city"], *(number["real"] for number in group["numbers"].values()))
        for group in comparison["groups"]
    ] == real
    on_twins = (
        "select count(*) from synthetic.visits join synthetic.members using (member_id) where city = 'Bern'"
    )
    bern = comparison["groups"][0]["numbers"]["visits"]
    assert bern["twin"] == project.value(on_twins)
    assert bern["relative_error"] == pytest.approx(bern["twin"] / bern["real"] - 1)
    assert project.value("select count(*) from pg_class where relname like 'synth!_%' escape '!'") == 0


@pytest.mark.slow
def test_groups_of_few_rows_are_not_shown(project: Handmade) -> None:
    project.session.execute("create table kept as table club.visits")
    project.session.execute(
        "delete from club.visits where visit_id > 12"
        " and member_id in (select member_id from club.members where city = 'Oslo')"
    )
    try:
        answer = project.synth("compare", "visits_by_city")
    finally:
        project.session.execute("truncate club.visits; insert into club.visits table kept; drop table kept")
    assert answer.code == 0, answer.text
    assert "Rome" in answer.out
    assert "Oslo" not in answer.out
    assert "groups not shown: 1" in answer.out


def test_what_cannot_be_compared_is_refused_with_the_reason(project: Handmade) -> None:
    answer = project.synth("compare", "members_by_club")
    assert answer.code == 2
    assert "members_by_club cannot be compared: it reads" in answer.text
    assert "model.club.clubs" in answer.text
    assert "did you mean `visits_by_city`" in project.synth("compare", "visit_by_city").text
