"""Whatever is wrong is said in one line with the next command, and nothing has changed."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from synth.warehouse.session import describe_error
from tests.handmade import Handmade

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.services import Database

ROLE = f"reader_{uuid4().hex[:8]}"
PASSWORD = "horse-battery-staple"
LOGIN = {"PGUSER": ROLE, "PGPASSWORD": PASSWORD}


@pytest.fixture
def project(database: Database, tmp_path: Path) -> Iterator[Handmade]:
    with Handmade.made(database, tmp_path) as handmade:
        handmade.people()
        yield handmade


@pytest.fixture
def role(project: Handmade) -> Iterator[str]:
    """A role that may use the schema of the models, and nothing else."""
    name = sql.Identifier(ROLE)
    project.session.execute(sql.SQL("create role {} login password {}").format(name, sql.Literal(PASSWORD)))
    project.session.execute(sql.SQL("grant usage on schema analytics to {}").format(name))
    yield ROLE
    project.session.execute(sql.SQL("drop owned by {}").format(name))
    project.session.execute(sql.SQL("drop role {}").format(name))


def refusal(project: Handmade, *arguments: str, **variables: str) -> str:
    """The one line that says why `synth run` does nothing."""
    answer = project.synth("run", *arguments, **variables)
    ends = ("Running with", "Found ", "Results: ", "Done. ")
    messages = [line for line in answer.lines if line and not line.startswith(ends)]
    assert len(messages) == 1, answer.text
    assert messages[0].startswith("Error: " if answer.code == 2 else "1 of 1 ERROR synthetic.people: "), (
        messages
    )
    assert answer.code in {1, 2}
    assert PASSWORD not in answer.text
    assert project.nothing_changed()
    return messages[0]


def tagged_config(materialization: str = "table", **synth: Any) -> dict[str, Any]:
    return {"materialized": materialization, "meta": {"synthesize": True, "synth": synth}}


# --- the manifest

MANIFESTS: dict[str, tuple[Callable[[Handmade], object], str]] = {
    "missing": (
        lambda project: project.manifest.unlink(),
        r"No manifest at .*target/manifest\.json; run `dbt run`",
    ),
    "half written": (
        lambda project: project.manifest.write_text(project.manifest.read_text()[:200]),
        r"is empty or cut off; run `dbt parse`",
    ),
    "of another database": (
        lambda project: project.write(
            project.model("people", database="prod", relation_name='"prod"."analytics"."people"')
        ),
        r"prod.*dbt",
    ),
    "of another schema": (
        lambda project: project.write(
            project.model(
                "people", schema="marts", relation_name=f'"{project.database.name}"."marts"."people"'
            )
        ),
        r"marts.*dbt",
    ),
    "an ephemeral model": (
        lambda project: project.write(project.model("people", config=tagged_config("ephemeral"))),
        r"models/_models\.yml .*model\.hand\.people.* ephemeral .*materialize it as a table",
    ),
    "a Python model": (
        lambda project: project.write(project.model("people", language="python")),
        r"models/_models\.yml .*model\.hand\.people.* Python .*write it in SQL",
    ),
    "a disabled model": (
        lambda project: project.write(
            {}, disabled={"model.hand.people": list(project.model("people").values())}
        ),
        r"models/_models\.yml .*model\.hand\.people.* disabled; enable it",
    ),
    "a misspelled option": (
        lambda project: project.write(project.model("people", config=tagged_config(row=5))),
        r"models/_models\.yml .*model\.hand\.people.*unknown key `meta\.synth\.row`; did you mean `rows`",
    ),
    "an unknown backend": (
        lambda project: project.write(project.model("people", config=tagged_config(backend="locl"))),
        r"models/_models\.yml .*unknown backend 'locl'.*local",
    ),
    "a role for a column that is not there": (
        lambda project: project.write(
            project.model(
                "people",
                columns={"emial": {"name": "emial", "config": {"meta": {"synth": {"role": "email"}}}}},
            )
        ),
        r"people declares the role emial, but analytics\.people has no such column; it has id, batch",
    ),
    "a model that is not built": (
        lambda project: project.session.execute("drop table analytics.people"),
        r"people is not built: there is no analytics\.people .*Next: dbt run --select people",
    ),
}


@pytest.mark.parametrize("case", MANIFESTS)
def test_a_manifest_that_cannot_be_used_is_refused(project: Handmade, case: str) -> None:
    spoil, expected = MANIFESTS[case]
    spoil(project)
    message = refusal(project)
    assert re.search(expected, message), message


# --- settings


def test_a_missing_profile_names_where_it_was_looked_for(project: Handmade) -> None:
    (project.folder / "profiles.yml").unlink()
    message = refusal(project, HOME=str(project.folder))
    assert "No profiles.yml in" in message
    assert "pass --profiles-dir" in message


def test_an_unknown_backend_of_a_flag_is_refused(project: Handmade) -> None:
    assert "unknown backend 'gretle'" in refusal(project, "--backend", "gretle")


@pytest.mark.parametrize("schema", ["analytics", "pg_twins", "x" * 60])
def test_a_schema_that_cannot_hold_twins_is_refused(project: Handmade, schema: str) -> None:
    assert f"schema '{schema}'" in refusal(project, "--schema", schema)


def test_an_unknown_flag_is_refused(project: Handmade) -> None:
    answer = project.synth("run", "--slect", "people")
    assert answer.code == 2
    assert "--select" in answer.err


# --- the server


def test_a_wrong_password_is_never_printed(project: Handmade) -> None:
    message = refusal(project, PGPASSWORD=PASSWORD)
    assert "password authentication failed" in message
    assert "Next: check the profile with: synth debug." in message


def test_a_server_that_is_down_is_named(project: Handmade) -> None:
    message = refusal(project, PGPORT="1")
    assert f"Could not connect to 127.0.0.1:1/{project.database.name}: Connection refused. Next:" in message


def test_a_database_that_does_not_exist_is_named(project: Handmade) -> None:
    assert "nowhere" in refusal(project, PGDATABASE="nowhere")


def test_a_role_that_may_not_create_schemas_is_told_what_to_ask_for(project: Handmade, role: str) -> None:
    project.session.execute(f"grant select on analytics.people to {role}")
    message = refusal(project, **LOGIN)
    assert "No permission to write schema synthetic. Next: ask an owner of the database for:" in message
    assert f"create schema if not exists synthetic authorization {role}" in message


def test_a_role_that_may_not_read_the_source_is_told_what_to_ask_for(project: Handmade, role: str) -> None:
    message = refusal(project, **LOGIN)
    assert f"grant select on analytics.people to {role};" in message


def test_a_role_that_may_read_a_view_but_not_what_is_behind_it_is_refused(
    project: Handmade, role: str
) -> None:
    project.session.execute(
        f"alter table analytics.people rename to raw_people; grant select on analytics.raw_people to {role};"
        f"create view analytics.people with (security_invoker) as select * from analytics.raw_people;"
        f"revoke select on analytics.raw_people from {role}; grant select on analytics.people to {role};"
        f"grant create on database {project.database.name} to {role}"
    )
    message = refusal(project, **LOGIN)
    assert "Could not read analytics.people (people): permission denied for table raw_people" in message


def test_rows_hidden_by_row_level_security_are_an_error_and_no_smaller_twin(
    project: Handmade, role: str
) -> None:
    project.session.execute(
        f"alter table analytics.people enable row level security;"
        f"create policy few on analytics.people using (age < 30); grant select on analytics.people to {role};"
        f"grant create on database {project.database.name} to {role}"
    )
    message = refusal(project, **LOGIN)
    assert "would be affected by row-level security policy" in message
    assert "Next: let this role read all of its rows, or exclude people." in message


def test_an_analyst_role_that_does_not_exist_is_named(project: Handmade) -> None:
    project.configure(analyst_role="nobody_at_all")
    message = refusal(project)
    assert "There is no role nobody_at_all (analyst_role). Next: create role nobody_at_all;" in message


def test_an_analyst_role_that_could_read_what_is_not_checked_yet_is_refused(
    project: Handmade, role: str
) -> None:
    project.configure(analyst_role=role)
    project.session.execute(
        f"create schema synthetic__staging; grant usage on schema synthetic__staging to {role}"
    )
    answer = project.synth("run")
    assert answer.code == 2
    assert f"Role {role} (analyst_role) could read synthetic__staging" in answer.text


# --- nothing to do


def test_nothing_tagged_is_a_warning_and_no_failure(project: Handmade) -> None:
    project.write(project.model("people", config={"materialized": "table", "meta": {}}))
    answer = project.synth("run")
    assert answer.code == 0
    (line,) = answer.lines
    assert line.startswith(
        "Warning: Nothing to do: no model is tagged. Next: add `config: {meta: {synthesize"
    )
    assert project.nothing_changed()


def test_an_empty_selection_is_a_warning_and_no_failure(project: Handmade) -> None:
    answer = project.synth("run", "--select", "nobody")  # asks dbt, whose project is empty
    assert answer.code == 0
    assert answer.lines == ["Warning: Nothing to do: the selection matches no tagged model. Next: synth ls"]
    assert project.nothing_changed()


# --- secrets


def test_a_secret_in_vars_is_in_no_log_and_no_artifact(project: Handmade) -> None:
    variables = json.dumps({"token": PASSWORD, "synth": {"schema": "synthetic"}})
    answer = project.synth("run", "--vars", variables, "--log-format", "json")
    assert answer.code == 0
    files = [path for path in project.folder.rglob("*") if path.is_file()]
    assert any(path.name == "run_results.json" for path in files)
    assert not [path for path in files if PASSWORD.encode() in path.read_bytes()]
    assert PASSWORD not in answer.text


def test_an_error_in_vars_does_not_repeat_them(project: Handmade) -> None:
    assert "--vars must be a YAML mapping" in refusal(project, "--vars", f"[{PASSWORD}")


def test_a_value_that_an_engine_stumbles_over_is_in_no_log_and_no_artifact(project: Handmade) -> None:
    project.backend(
        "clumsy", "raise ValueError(f'cannot digest {training.iloc[0].to_dict()} " + PASSWORD + "')"
    )
    answer = project.call("run", "--backend", "clumsy")
    assert answer.code == 1
    assert (
        "ERROR synthetic.people: people: unexpected ValueError at synth/sampling/synthesis.py:" in answer.text
    )
    assert "this is a bug" in answer.text
    folder = project.folder / "target"
    assert not [
        path for path in folder.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()
    ]
    assert PASSWORD not in answer.text
    assert [item["status"] for item in project.results()["results"]] == ["error"]
    (record,) = folder.rglob("synth.log")
    assert re.search(r"clumsy\.py:\d+ in synthesize", record.read_text())


def test_an_error_of_the_warehouse_names_the_constraint_and_not_the_value(project: Handmade) -> None:
    project.session.execute("alter table analytics.people add constraint adult check (age < 4000)")
    with pytest.raises(psycopg.errors.CheckViolation) as failure:
        project.session.execute("insert into analytics.people values (1, 1, 'Oslo', 31337)")
    assert describe_error(failure.value) == "a value was refused, CheckViolation (23514) constraint adult"


def test_a_twin_goes_without_a_constraint_that_new_keys_break_and_its_values_are_not_said(
    project: Handmade,
) -> None:
    project.session.execute("alter table analytics.people add constraint odd check (id < 900 or id is null)")
    answer = project.synth("run")  # new keys go on from the next round number, 1001
    assert answer.code == 0
    assert "the twin of people goes without check odd: rows break it" in answer.text
    assert "1001" not in answer.text
