"""The macros as a package of their own, installed by another project."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.club import club, dbt, try_dbt
from tests.handmade import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from synth.services import Endpoints
    from tests.handmade import Handmade

REF = "{% macro ref() %}{{ return(synth.synthetic_ref(*varargs, else_real=true, **kwargs)) }}{% endmacro %}"
TWINS = ("--vars", "{synth_use_twins: true}")
# What a run would leave, as far as the macros look at it.
PUBLICATIONS = """
create schema synthetic;
create table synthetic.members as select club_id, member_id + 1000 as member_id from club.members;
create table synthetic.visits as select member_id + 1000 as member_id, 1 as minutes from club.visits;
comment on table synthetic.members is 'Synthetic twin of members: no row is a real one.';
create table synthetic._synth_runs (relation text, published_at timestamptz);
insert into synthetic._synth_runs values ('synthetic.members', now() - interval '3 days');
"""
SOURCES = {
    "sources": [
        {
            "name": "synthetic",
            "tables": [
                {
                    "name": "members",
                    "data_tests": [
                        "synth.is_twin",
                        "synth.twin_is_fresh",
                        {"synth.twin_is_fresh": {"name": "too_old", "arguments": {"days": 2}}},
                    ],
                },
                {"name": "visits", "data_tests": ["synth.is_twin", "synth.twin_is_fresh"]},
            ],
        }
    ]
}


@pytest.fixture(scope="module")
def project(services: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handmade]:
    """The club with the package installed, and tables that look like twins."""
    with club(services, tmp_path_factory.mktemp("club")) as handmade:
        handmade.session.execute(PUBLICATIONS)
        folder = handmade.folder
        packages = {"packages": [{"local": os.path.relpath(ROOT / "macros", folder)}]}
        (folder / "packages.yml").write_text(json.dumps(packages))
        (folder / "models/_sources.yml").write_text(json.dumps(SOURCES))
        query = "select sum(minutes) as minutes from {{ synth.synthetic_ref('visits') }}"
        (folder / "models/minutes.sql").write_text(query)
        (folder / "models/named.sql").write_text("select name from {{ synth.synthetic_ref('clubs') }}")
        dbt(handmade, "deps")
        yield handmade


def compiled_sql(project: Handmade, model: str, *arguments: str) -> str:
    dbt(project, "--warn-error", "compile", "--select", model, *arguments)
    return next((project.folder / "target/compiled").rglob(f"{model}.sql")).read_text()


@pytest.mark.slow
def test_a_variable_decides_whether_a_twin_is_meant(project: Handmade) -> None:
    assert '"club"."visits"' in compiled_sql(project, "minutes")
    assert '"synthetic"."visits"' in compiled_sql(project, "minutes", *TWINS)
    parents = json.loads(project.manifest.read_text())["parent_map"]["model.club.minutes"]
    assert parents == ["model.club.visits"]


def test_a_twin_of_what_is_not_tagged_is_an_error(project: Handmade) -> None:
    answer = try_dbt(project, "compile", "--select", "named", *TWINS)
    assert answer.returncode != 0
    assert "synthetic_ref: clubs has no twin" in answer.stdout


@pytest.mark.slow
def test_ref_can_be_overridden_for_a_whole_project(project: Handmade) -> None:
    override = project.folder / "macros/ref.sql"
    override.parent.mkdir()
    override.write_text(REF)
    try:
        assert '"synthetic"."members"' in (query := compiled_sql(project, "members_by_club", *TWINS))
        assert '"club"."clubs"' in query
        assert "synthetic" not in compiled_sql(project, "members_by_club")
    finally:
        override.unlink()


def test_tests_tell_twins_from_other_tables_and_fresh_from_old(project: Handmade) -> None:
    answer = try_dbt(project, "test", "--select", "source:synthetic")
    results: list[dict[str, Any]] = json.loads((project.folder / "target/run_results.json").read_text())[
        "results"
    ]
    status_by_name = {item["unique_id"].split(".")[2]: item["status"] for item in results}
    assert status_by_name == {
        "synth_source_is_twin_synthetic_members_": "pass",
        "synth_source_twin_is_fresh_synthetic_members_": "pass",
        "too_old": "fail",
        "synth_source_is_twin_synthetic_visits_": "fail",
        "synth_source_twin_is_fresh_synthetic_visits_": "fail",
    }, answer.stdout
