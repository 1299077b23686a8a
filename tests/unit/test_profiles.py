"""The dbt profile is found and rendered as dbt finds and renders it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from synth.errors import ConfigError
from synth.project.dbt_project import Project
from synth.project.profiles import Connection, ProfileOptions, read_connection
from synth.project.rendering import Renderer

if TYPE_CHECKING:
    from pathlib import Path

PROFILE = """
shop:
  target: dev
  outputs:
    dev:
      type: postgres
      host: "{{ env_var('SHOP_HOST', 'localhost') }}"
      port: "{{ env_var('SHOP_PORT', '5432') | as_number }}"
      user: ana
      pass: "{{ env_var('DBT_ENV_SECRET_PASSWORD') }}"
      dbname: warehouse
      schema: "dev_{{ var('who', 'ana') }}"
      threads: 4
    prod: {type: postgres, host: db, port: 5433, user: bot, password: p, database: w, schema: prod}
"""
ENVIRON = {"DBT_ENV_SECRET_PASSWORD": "s3cr3t"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path, "shop", "shop", tmp_path / "target", {})


def read(
    project: Project,
    profiles: str = PROFILE,
    choice: ProfileOptions | None = None,
    *,
    environ: dict[str, str] | None = None,
    cli_vars: dict[str, object] | None = None,
) -> Connection:
    (project.directory / "profiles.yml").write_text(profiles)
    choice = choice or ProfileOptions(profiles_dir=project.directory)
    return read_connection(
        project, choice, environ=ENVIRON if environ is None else environ, cli_vars=cli_vars or {}
    )


def output(**keys: str) -> str:
    fields = {"type": "postgres", "host": "h", "port": "5432", "user": "u", "password": "p", "dbname": "d"}
    lines = "\n".join(f"      {key}: {value}" for key, value in {**fields, "schema": "s", **keys}.items())
    return f"shop:\n  outputs:\n    default:\n{lines}\n"


def test_a_profile_is_rendered_with_variables_defaults_filters_and_aliases(project: Project) -> None:
    connection = read(project, cli_vars={"who": "bo"})
    assert (connection.host, connection.port, connection.password) == ("localhost", 5432, "s3cr3t")
    assert (connection.database, connection.schema, connection.threads) == ("warehouse", "dev_bo", 4)
    assert (connection.profile, connection.target, connection.targets) == ("shop", "dev", ("dev", "prod"))


def test_the_target_may_come_from_the_environment_by_jinja(project: Project) -> None:
    profiles = PROFILE.replace("target: dev", "target: \"{{ env_var('WHERE', 'dev') }}\"")
    assert read(project, profiles, environ={"WHERE": "prod"}).target == "prod"


def test_a_variable_missing_in_another_target_does_no_harm(project: Project) -> None:
    assert read(project, choice=ProfileOptions(project.directory, target="prod"), environ={}).user == "bot"


def test_a_missing_variable_is_named_with_its_file_and_key(project: Project) -> None:
    with pytest.raises(
        ConfigError, match=r"profiles\.yml.*'dev': `pass`.*DBT_ENV_SECRET_PASSWORD is not set"
    ):
        read(project, environ={})


def test_a_missing_var_is_named(project: Project) -> None:
    with pytest.raises(ConfigError, match=r"`schema`: var\('who'\) is not set; pass --vars"):
        read(project, PROFILE.replace("var('who', 'ana')", "var('who')"))


@pytest.mark.parametrize("password", ["{{ y }}", "a{{b", "a{% b", "x{{ y }}z", "a{b}c"])
def test_a_password_that_is_no_jinja_is_taken_as_it_stands(project: Project, password: str) -> None:
    assert read(project, output(password=f"'{password}'")).password == password


def test_other_text_that_is_no_jinja_is_an_error_that_does_not_repeat_it(project: Project) -> None:
    with pytest.raises(ConfigError, match="`host`: cannot be rendered") as error:
        read(project, output(host="'{{ hidden }'"))
    assert "hidden" not in str(error.value)


def test_the_password_and_the_key_file_never_show(project: Project) -> None:
    connection = read(project, output(password="hush", sslkey="/k.pem"))
    assert "hush" not in f"{connection!r} {connection}"
    assert "k.pem" not in f"{connection!r}"


def test_numbers_may_be_text_and_passwords_may_look_like_numbers(project: Project) -> None:
    connection = read(project, output(port="'5433'", password="'0123'"))
    assert (connection.port, connection.password) == (5433, "0123")


def test_conninfo_holds_what_psycopg_needs_and_nothing_that_was_not_given(project: Project) -> None:
    assert read(project, output()).conninfo() == {
        "host": "h",
        "port": 5432,
        "user": "u",
        "password": "p",
        "dbname": "d",
        "connect_timeout": 10,
        "application_name": "synth",
    }


def test_conninfo_passes_tls_keepalives_and_the_search_path_on(project: Project) -> None:
    fields = {"sslmode": "verify-full", "sslrootcert": "/ca.pem", "keepalives_idle": "30"}
    info = read(project, output(**fields, search_path="'a, b'", role="owner")).conninfo()
    assert info["sslmode"] == "verify-full"
    assert info["keepalives_idle"] == 30
    assert info["options"] == "-c search_path=a,\\ b"
    assert "role" not in info


@pytest.mark.parametrize(
    ("profiles", "message"),
    [
        (output(type="snowflake"), "type is 'snowflake'; synth works on postgres only"),
        (output(port="70000"), "`port` must be a whole number from 1 to 65535"),
        (output(port="many"), "`port` must be a whole number"),
        (output(threads="0"), "`threads` must be a whole number of at least 1"),
        (output().replace("      schema: s\n", ""), "`schema` missing"),
        ("shop: {target: x}", "`outputs` is missing"),
        ("shop:\n  target: x\n  outputs: {a: {}, b: {}}", "no target 'x'; it has: a, b"),
        ("config: {}\nstore: {}\nbar: {}", "no profile 'shop'; it has: store, bar"),
        ("", "no profile 'shop'; it has: none"),
        ("- a", "must hold keys and values, not a list"),
    ],
)
def test_a_profile_that_cannot_be_used_says_what_is_wrong(
    project: Project, profiles: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message.replace("(", r"\(")):
        read(project, profiles)


def test_a_broken_profiles_file_is_named_by_line_and_never_quoted(project: Project) -> None:
    with pytest.raises(ConfigError, match="is not valid YAML near line 3") as error:
        read(project, "shop:\n  pass: 'hush\n")
    assert "hush" not in str(error.value)


def test_the_profiles_file_of_the_working_directory_comes_before_the_home(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, here = tmp_path / "home", tmp_path / "here"
    (home / ".dbt").mkdir(parents=True)
    here.mkdir()
    (home / ".dbt" / "profiles.yml").write_text(output(host="from_home"))
    monkeypatch.chdir(here)
    environ = {"HOME": str(home)}
    assert read_connection(project, ProfileOptions(), environ=environ, cli_vars={}).host == "from_home"
    (here / "profiles.yml").write_text(output(host="from_here"))
    assert read_connection(project, ProfileOptions(), environ=environ, cli_vars={}).host == "from_here"


def test_without_a_profiles_file_the_message_says_where_it_looked_and_what_to_type(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    with pytest.raises(ConfigError, match=r"No profiles\.yml in .*empty or .*\.dbt; run `dbt init`"):
        read_connection(project, ProfileOptions(), environ={"HOME": str(empty)}, cli_vars={})
    (project.directory / "profiles.yml.example").touch()
    with pytest.raises(ConfigError, match=r"`cp profiles\.yml\.example profiles\.yml`"):
        read_connection(project, ProfileOptions(profiles_dir=empty), environ={}, cli_vars={})


def test_a_project_without_a_profile_says_how_to_name_one(project: Project) -> None:
    nameless = Project(project.directory, "shop", None, project.target_path, {})
    with pytest.raises(ConfigError, match="`profile` is missing; add it, or pass --profile"):
        read(nameless)


@pytest.mark.parametrize(
    ("value", "value_of_template"),
    [("var('n') | as_native", 2), ("var('x') | as_native", "x"), ("var('t') | as_bool", True)],
)
def test_filters_turn_text_into_values_as_in_dbt(value: str, value_of_template: object) -> None:
    renderer = Renderer({}, {"n": "2", "x": "x", "t": "True"})
    assert renderer.render(f"{{{{ {value} }}}}", where="x") == value_of_template


@pytest.mark.parametrize("value", ["{{ 'hush' | as_bool }}", "{{ 'hush' | as_number }}", "{{ hush_hush }}"])
def test_a_value_that_does_not_fit_its_filter_is_an_error_that_names_the_key(value: str) -> None:
    with pytest.raises(ConfigError, match="`threads`: cannot be rendered"):
        Renderer({}, {}).render(value, where="`threads`")


def test_dates_and_text_without_jinja_are_left_alone() -> None:
    renderer = Renderer({}, {"who": "bo"})
    assert renderer.render(dt.date(2024, 1, 2), where="x") == "2024-01-02"
    assert renderer.render("12", where="x") == "12"
    assert renderer.render("{{ var('who') }}-{{ var('n', 1) }}", where="x") == "bo-1"
