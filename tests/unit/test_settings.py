"""Flags beat the environment, which beats the model, which beats the project."""

from __future__ import annotations

from pathlib import Path

import pytest

from synth.domain import Policy, Rows, merge
from synth.errors import ConfigError
from synth.settings import Flags, Settings, resolve

PROFILES = """
shop:
  target: dev
  outputs:
    dev: {type: postgres, host: h, port: 5432, user: u, password: p, dbname: w, schema: dev, threads: 4}
    prod: {type: postgres, host: h, port: 5432, user: u, password: p, dbname: w, schema: prod}
other:
  outputs:
    default: {type: postgres, host: h, port: 5432, user: u, password: p, dbname: w, schema: other}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write(tmp_path)
    (tmp_path / "profiles.yml").write_text(PROFILES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, text: str = "", *, name: str = "shop") -> None:
    (folder / "dbt_project.yml").write_text(f"name: {name}\nprofile: shop\n{text}\n")


def settings_of(folder: Path, synth: str, **environ: str) -> Settings:
    write(folder, f"vars: {{synth: {synth}}}")
    return resolve(Flags(), environ)


def test_a_plain_project_gets_every_default(folder: Path) -> None:
    settings = resolve(Flags(), {})
    assert (settings.schema, settings.staging_schema) == ("synthetic", "synthetic__staging")
    assert settings.artifact_dir == folder / "target" / "synth"
    assert settings.store == str(folder / "target" / "synth" / "store")
    assert settings.project.manifest_path == folder / "target" / "manifest.json"
    assert (settings.threads, settings.connection.target, settings.options.analyst_role) == (4, "dev", ())
    assert settings.overrides == settings.defaults == {}
    assert settings.warnings == ()


def test_the_project_is_found_from_a_folder_inside_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = folder / "models" / "marts"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    assert resolve(Flags(profiles_dir=folder), {}).project.directory == folder


def test_without_a_project_the_message_names_the_flag(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"No dbt_project\.yml in .*; run synth in a dbt project, or pass"):
        resolve(Flags(project_dir=tmp_path), {})


def test_a_project_without_a_name_is_refused(folder: Path) -> None:
    (folder / "dbt_project.yml").write_text("profile: shop\n")
    with pytest.raises(ConfigError, match="`name` is missing"):
        resolve(Flags(), {})


def test_the_target_path_comes_from_flag_then_environment_then_project(folder: Path) -> None:
    write(folder, "target-path: \"{{ env_var('OUT', 'out') }}\"")
    environ = {"DBT_TARGET_PATH": "from_env"}
    assert resolve(Flags(), {}).project.target_path == folder / "out"
    assert resolve(Flags(), environ).project.target_path == folder / "from_env"
    assert resolve(Flags(target_path=Path("flag")), environ).project.target_path == folder / "flag"


def test_profile_and_target_come_from_flag_then_environment_then_files(folder: Path) -> None:
    environ = {"DBT_PROFILE": "other", "DBT_ENGINE_TARGET": "default"}
    assert resolve(Flags(), environ).connection.schema == "other"
    assert resolve(Flags(profile="shop", target="prod"), environ).connection.schema == "prod"


def test_vars_of_the_command_line_beat_scoped_ones_which_beat_global_ones(folder: Path) -> None:
    write(folder, "vars: {a: 1, b: 1, c: 1, shop: {b: 2, c: 2}}")
    variables = resolve(Flags(vars="{c: 3}"), {}).project.vars
    assert (variables["a"], variables["b"], variables["c"]) == (1, 2, 3)


def test_a_project_file_that_cannot_be_read_or_understood_is_named(folder: Path) -> None:
    write(folder, "vars: 3")
    with pytest.raises(ConfigError, match=r"dbt_project\.yml: `vars` must be a mapping"):
        resolve(Flags(), {})
    (folder / "dbt_project.yml").write_bytes(b"name: \xff")
    with pytest.raises(ConfigError, match=r"dbt_project\.yml cannot be read: it is not UTF-8"):
        resolve(Flags(), {})


def test_variables_never_show_because_people_pass_secrets_in_them(folder: Path) -> None:
    assert "hush" not in repr(resolve(Flags(vars="{api_key: hush}"), {}))


@pytest.mark.parametrize("text", ["[1]", "{a: ", "word"])
def test_vars_that_are_no_mapping_are_refused(folder: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="--vars must be a YAML mapping"):
        resolve(Flags(vars=text), {})


@pytest.mark.parametrize("block", ["{synth: {rows: 7}}", "{synth: {synth: {rows: 7}, start: 1}}"])
def test_a_project_that_is_itself_called_synth_may_write_its_settings_either_way(
    folder: Path, block: str
) -> None:
    write(folder, f"vars: {block}", name="synth")
    assert resolve(Flags(), {}).defaults["rows"] == Rows(count=7)


def test_flags_beat_the_environment_and_both_stay_apart_from_the_projects_defaults(folder: Path) -> None:
    write(folder, "vars: {synth: {backend: nemo, rows: 10, seed: 1}}")
    environ = {"SYNTH_BACKEND": "gretel", "SYNTH_ROWS": "2x", "SYNTH_SEED": "5"}
    settings = resolve(Flags(options={"backend": "local", "rows": "99"}), environ)
    assert settings.overrides == {"backend": "local", "rows": Rows(count=99), "seed": 5}
    assert settings.defaults == {"backend": "nemo", "rows": Rows(count=10), "seed": 1}


def test_the_schema_comes_from_flag_then_environment_then_project(folder: Path) -> None:
    assert settings_of(folder, "{schema: a}").schema == "a"
    assert settings_of(folder, "{schema: a}", SYNTH_SCHEMA="b").schema == "b"
    assert resolve(Flags(options={"schema": "c"}), {"SYNTH_SCHEMA": "b"}).staging_schema == "c__staging"


def test_project_settings_may_use_the_environment_by_jinja(folder: Path) -> None:
    settings = settings_of(folder, "{store: \"{{ env_var('BUCKET') }}\"}", BUCKET="s3://b/p")
    assert settings.store == "s3://b/p"


def test_a_store_is_relative_to_whoever_names_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    write(folder, "vars: {synth: {store: artifacts}}")
    monkeypatch.chdir(elsewhere)
    flags = Flags(project_dir=folder, profiles_dir=folder)
    assert resolve(flags, {}).store == str(folder / "artifacts")
    assert resolve(flags, {"SYNTH_STORE": "mine"}).store == str(elsewhere / "mine")
    assert (
        resolve(Flags(project_dir=folder, profiles_dir=folder, options={"store": "s3://b"}), {}).store
        == "s3://b"
    )


def test_one_analyst_role_or_several_may_be_named(folder: Path) -> None:
    assert settings_of(folder, "{analyst_role: analysts}").options.analyst_role == ("analysts",)
    assert settings_of(folder, "{analyst_role: [a, b]}").options.analyst_role == ("a", "b")


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("{shema: x}", r"dbt_project\.yml: unknown key `vars\.synth\.shema`; did you mean `schema`\?"),
        (
            "{zzz: 1}",
            r"unknown key `vars\.synth\.zzz`; Known: analyst_role, backend, budget, delta, ",
        ),
        ("{rows: 0}", r"`vars\.synth\.rows`: give a whole number of at least 1, or a multiple"),
        ("{seed: -1}", r"`vars\.synth\.seed`: give a whole number from 0"),
        ("{seed: true}", r"`vars\.synth\.seed`: give a whole number from 0"),
        ("{on_inconclusive: maybe}", r"`vars\.synth\.on_inconclusive`: give block, warn or protect"),
        ("{evaluation_timeout: 0}", r"`vars\.synth\.evaluation_timeout`: give a number of seconds above 0"),
        ("{limits: {near_copies: -2}}", r"`vars\.synth\.limits\.near_copies`: give a number of at least 0"),
        ("{backend: 1}", r"`vars\.synth\.backend`: give a name"),
        ("[1]", r"`vars\.synth` must be a mapping"),
    ],
)
def test_a_wrong_project_setting_names_the_file_and_the_key(folder: Path, block: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        settings_of(folder, block)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("1", Rows(count=1)),
        ("5000", Rows(count=5000)),
        ("2x", Rows(factor=2.0)),
        ("0.5X", Rows(factor=0.5)),
    ],
)
def test_rows_are_a_number_or_a_multiple(folder: Path, text: str, rows: Rows) -> None:
    assert resolve(Flags(options={"rows": text}), {}).overrides["rows"] == rows


@pytest.mark.parametrize("text", ["0", "-1", "0x", "x", "1e3", "1.5", "", "٣"])
def test_rows_that_are_neither_are_refused(folder: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="--rows: give a whole number"):
        resolve(Flags(options={"rows": text}), {})


def test_a_wrong_variable_is_named(folder: Path) -> None:
    with pytest.raises(ConfigError, match="SYNTH_SEED: give a whole number from 0 to 4294967295, not 'x'"):
        resolve(Flags(), {"SYNTH_SEED": "x"})


def test_an_unknown_variable_of_ours_is_a_warning_and_a_reserved_one_is_not(folder: Path) -> None:
    environ = {"SYNTH_SEDE": "1", "SYNTH_FAULT": "x", "SYNTH_TEST_DSN": "y", "OTHER": "z"}
    (warning,) = resolve(Flags(), environ).warnings
    assert "SYNTH_SEDE" in warning
    assert "did you mean `SYNTH_SEED`" in warning


@pytest.mark.parametrize("name", [" ", "pg_mine", "x" * 55, "é" * 28])
def test_a_schema_name_that_postgres_would_not_keep_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="schema"):
        resolve(Flags(options={"schema": name}), {})


def test_threads_come_from_the_flag_then_the_profile_then_are_one(folder: Path) -> None:
    assert resolve(Flags(threads=2), {}).threads == 2
    assert resolve(Flags(target="prod"), {}).threads == 1
    with pytest.raises(ConfigError, match="--threads must be at least 1"):
        resolve(Flags(threads=0), {})


def test_what_becomes_of_undecided_twins_comes_from_flag_then_environment_then_project(folder: Path) -> None:
    settings = settings_of(
        folder, "{on_inconclusive: warn, evaluation_timeout: 60, limits: {near_copies: 0.1}}"
    )
    assert settings.defaults == {
        "on_inconclusive": Policy.WARN,
        "evaluation_timeout": 60.0,
        "limits": {"near_copies": 0.1},
    }
    environ = {"SYNTH_ON_INCONCLUSIVE": "block"}
    assert resolve(Flags(), environ).overrides["on_inconclusive"] is Policy.BLOCK
    assert (
        resolve(Flags(options={"on_inconclusive": "warn"}), environ).overrides["on_inconclusive"]
        is Policy.WARN
    )


def test_limits_are_given_one_by_one(folder: Path) -> None:
    ours, theirs = {"limits": {"a": 0.1, "b": 0.1}}, {"limits": {"b": 0.2, "c": 0.2}}
    assert merge(ours, theirs)["limits"] == {"a": 0.1, "b": 0.1, "c": 0.2}


def test_the_salt_is_read_from_the_environment_and_never_shown(folder: Path) -> None:
    settings = resolve(Flags(), {"SYNTH_SALT": "hush-7f3a"})
    assert settings.salt == "hush-7f3a"
    assert "hush-7f3a" not in repr(settings)


def test_dbts_tests_are_left_out_by_flag_then_environment_then_project(folder: Path) -> None:
    assert resolve(Flags(), {}).options.tests
    assert not settings_of(folder, "{tests: false}").options.tests
    assert settings_of(folder, "{tests: false}", SYNTH_TESTS="yes").options.tests
    assert not resolve(Flags(options={"tests": False}), {"SYNTH_TESTS": "true"}).options.tests
    with pytest.raises(ConfigError, match="SYNTH_TESTS: give true or false, not 'perhaps'"):
        resolve(Flags(), {"SYNTH_TESTS": "perhaps"})


def test_a_deferral_of_the_shell_is_not_that_of_the_dbt_we_start(folder: Path) -> None:
    settings = resolve(Flags(), {"DBT_DEFER_STATE": "elsewhere", "PGHOST": "h"})
    assert settings.dbt_environment == {"PGHOST": "h", "DO_NOT_TRACK": "1"}
    assert "PGHOST" not in repr(settings)
