"""The project's own dbt tests on twins: before publishing, by `synth test`, and where they say nothing."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from tests.club import club

if TYPE_CHECKING:
    from collections.abc import Iterator

    from synth.services import Endpoints
    from tests.handmade import Handmade

TWIN = "select md5(string_agg(twin::text, ',' order by member_id)) from synthetic.members as twin"
YOUNGER = """
twin = super().synthesize(training, request, workdir)
return twin.assign(age=9) if "age" in twin else twin
"""


FEW_CHILDREN = """
twin = super().synthesize(training, request, workdir)
return twin.assign(age=twin["age"].mask(twin.index % 60 == 0, 9)) if "age" in twin else twin
"""


@pytest.fixture(scope="module")
def project(services: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handmade]:
    """The club, with the twins of members and visits published."""
    folder = tmp_path_factory.mktemp("club")
    with club(services, folder) as handmade, pytest.MonkeyPatch.context() as patch:
        handmade.backend("younger", YOUNGER)
        handmade.backend("fewer", FEW_CHILDREN)
        patch.syspath_prepend(str(folder / "plugins"))
        answer = handmade.synth("run")
        assert answer.code == 0, answer.text
        yield handmade


def outcomes(project: Handmade, file: str = "test_results.json") -> dict[str, str]:
    content = json.loads((project.folder / "target/synth" / file).read_text())
    return {item["unique_id"].split(".")[2]: item["status"] for item in content["results"]}


def test_a_run_says_of_each_twin_what_dbts_tests_found(project: Handmade) -> None:
    tests_by_model = {item["unique_id"]: item["tests"] for item in project.results()["results"]}
    assert tests_by_model["model.club.members"] == {
        "unique_members_member_id": "pass",
        "not_null_members_member_id": "pass",
        "relationships_members_club_id__club_id__ref_clubs_": "skipped",
        "accepted_values_members_city__Oslo__Rome__Bern": "pass",
        "relationships_visits_member_id__member_id__ref_members_": "pass",
        "adults_only": "pass",
        "nobody_in_rome": "warn",
    }


@pytest.mark.slow
def test_only_what_passes_on_the_real_relations_can_fail(project: Handmade) -> None:
    answer = project.synth("test")
    assert answer.code == 0, answer.text
    outcome_by_test = outcomes(project)
    counts = {
        status: sum(other == status for other in outcome_by_test.values())
        for status in outcome_by_test.values()
    }
    assert counts == {"pass": 6, "warn": 2, "skipped": 1}
    assert outcome_by_test["nobody_in_rome"] == "warn"
    assert "fails on the real relation, too, so it is no news" in answer.text
    assert outcome_by_test["short_visits"] == "warn"
    assert "of the twin, and its severity is warn" in answer.text
    name = "relationships_members_club_id__club_id__ref_clubs_"
    assert f"SKIP {name}: it reads model.club.clubs, which has no twin" in answer.lines


@pytest.mark.slow
def test_a_selection_means_the_tests_that_read_it_and_dbts_own_artifacts_stay(project: Handmade) -> None:
    artifacts = [project.manifest, project.manifest.with_name("run_results.json")]
    before = [path.read_bytes() for path in artifacts]
    leftover = project.folder / "target/synth/dbt-of-yesterday"
    leftover.mkdir()
    os.utime(leftover, (0, 0))
    assert project.synth("test", "--select", "visits").code == 0
    assert set(outcomes(project)) == {
        "unique_visits_visit_id",
        "relationships_visits_member_id__member_id__ref_members_",
        "short_visits",
    }
    assert [path.read_bytes() for path in artifacts] == before
    assert not list((project.folder / "target/synth").glob("dbt-*"))


@pytest.mark.slow
def test_a_twin_that_fails_a_test_is_not_published_and_neither_is_its_child(project: Handmade) -> None:
    before = project.value(TWIN)
    answer = project.synth("run", "--backend", "younger")
    assert answer.code == 1, answer.text
    members, visits = project.results()["results"]
    assert (members["status"], visits["status"]) == ("rejected", "skipped")
    assert members["tests"]["adults_only"] == "fail"
    assert "the dbt test adults_only: it fails for 150 rows of the twin" in members["message"]
    assert "passes on the real relation" in members["message"]
    assert "it belongs together with members, which failed" in visits["message"]
    assert project.value(TWIN) == before
    staged_runs = "select count(*) from synthetic._synth_runs where run_id = '{}' and published_at is null"
    assert project.value(staged_runs.format(project.results()["metadata"]["invocation_id"])) == 1
    assert project.value("select count(*) from pg_class where relname like 'stage!_%' escape '!'") == 0


@pytest.mark.slow
def test_a_singular_test_that_few_rows_of_a_twin_fail_warns(project: Handmade) -> None:
    answer = project.synth("run", "--backend", "fewer")
    assert answer.code == 0, answer.text
    assert "it is SQL of its own, which no twin is made to keep" in answer.text
    assert project.results()["results"][0]["tests"]["adults_only"] == "fail"
    assert 0 < project.value("select count(*) from synthetic.members where age < 18") < 15


@pytest.mark.slow
def test_a_published_twin_that_fails_a_test_is_exit_code_1(project: Handmade) -> None:
    project.session.execute("begin")
    project.session.execute("create table kept as table synthetic.members")
    project.session.execute("update synthetic.members set age = 9 where member_id <> 0")
    project.session.execute("commit")
    try:
        answer = project.synth("test", "--select", "members")
    finally:
        project.session.execute("delete from synthetic.members; insert into synthetic.members table kept")
        project.session.execute("drop table kept")
    assert answer.code == 1
    assert (
        "FAIL adults_only: it fails for 150 rows of the twin, and passes on the real relation" in answer.lines
    )


@pytest.mark.slow
def test_who_wants_no_tests_gets_none(project: Handmade) -> None:
    answer = project.synth("run", "--force", SYNTH_TESTS="false")
    assert answer.code == 0, answer.text
    assert project.results()["results"][0]["tests"] == {}
    assert "dbt" not in answer.text


@pytest.mark.slow
def test_a_project_that_dbt_cannot_read_publishes_nothing(project: Handmade) -> None:
    before = project.value(TWIN)
    broken_model = project.folder / "models" / "broken.sql"
    broken_model.write_text("{{ ref('nobody') }}")
    try:
        answer = project.synth("run", "--force")
        assert answer.code == 1
        assert [item["status"] for item in project.results()["results"]] == ["error", "error"]
        assert "`dbt test` failed" in answer.text
        assert project.value(TWIN) == before
        assert project.synth("test").code == 2
    finally:
        broken_model.unlink()
