"""Every setting, decided once, from flags, environment and project. The only reader of the environment."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import yaml

from synth.backends import variables_of_backends
from synth.domain import (
    OPTIONS,
    Option,
    definitions,
    merge,
    parse_declared,
    parse_epsilon,
    parse_name,
    parse_names,
    parse_switch,
)
from synth.errors import ConfigError
from synth.project.dbt_project import Project, find_project, read_project
from synth.project.profiles import Connection, ProfileOptions, read_connection
from synth.project.rendering import Renderer
from synth.validation import Strict, layer_of, nearest, validate, with_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from synth.domain import Layer

STAGING_SUFFIX = "__staging"
MAX_IDENTIFIER = 63  # bytes; Postgres cuts longer names off without a word
RESERVED_PREFIXES = ("SYNTH_FAULT", "SYNTH_TEST_")
# What a shell may say of deferral is not meant for the dbt that we start.
NOT_FOR_OUR_DBT = frozenset({"DBT_DEFER_STATE", "DBT_ENGINE_DEFER_STATE"})


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What flags, the environment and the project may each decide about a run, all decided."""

    schema: Annotated[str, Option(parse_name, "Schema of the twins.", makes_twin=False)] = "synthetic"
    store: Annotated[
        str,
        Option(
            parse_name,
            "Where artifacts go: s3://bucket/prefix, or a directory.",
            usual="synth/store beside dbt's artifacts",
            makes_twin=False,  # `synth.runs.fingerprint` asks for its address
        ),
    ] = ""
    tests: Annotated[
        bool,
        Option(
            parse_switch,
            "Run the project's own dbt tests on the twins before they are published.",
            is_switch=True,
        ),
    ] = True
    analyst_role: Annotated[
        tuple[str, ...],
        Option(
            parse_names,
            "Role, or list of roles, that may use the schema and select from the twins, and nothing else.",
            usual="none",
            has_flag=False,
        ),
    ] = ()
    reference: Annotated[
        str | None,
        Option(
            parse_declared,
            "`declared`: copy only models with `reference: true`, whatever the evidence says.",
            usual="by all evidence",
            has_flag=False,
            makes_twin=False,  # the fingerprint asks whether a model is reference data
        ),
    ] = None
    budget: Annotated[
        float | None,
        Option(
            parse_epsilon,
            "Epsilon that all twins about one kind of entity may cost together.",
            usual="no limit",
            has_flag=False,
            makes_twin=False,
        ),
    ] = None


RUN_OPTIONS = definitions(RunOptions)
PROJECT_SCHEMA = with_options(Strict, (*OPTIONS, *RUN_OPTIONS))  # `vars: {synth: …}` in dbt_project.yml
ENVIRONMENT = {  # no keys: a secret must not be in files, and the log is configured before they are read
    "SYNTH_DEBUG": "1: print the way to an unexpected error, as `--debug` does.",
    "SYNTH_SALT": "A secret that decides, with entity and model, how entities are parted.",
}
VARIABLES = frozenset(ENVIRONMENT) | {one.variable for one in (*OPTIONS, *RUN_OPTIONS) if one.has_flag}


@dataclass(frozen=True, slots=True)
class Flags:
    """What the command line gave; None, empty and False are not given."""

    project_dir: Path | None = None
    profiles_dir: Path | None = None
    profile: str | None = None
    target: str | None = None
    target_path: Path | None = None
    select: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    selector: str | None = None
    vars: str | None = field(default=None, repr=False)  # people pass secrets in it
    threads: int | None = None
    full_refresh: bool = False
    force_retry: str | None = None
    no_wait: bool = False
    options: Layer = field(default_factory=dict)  # as they were typed, by the names of options

    @classmethod
    def of_command(cls, values: Mapping[str, Any]) -> Flags:
        """Return the flags of a command, by the names that click gives them."""
        names = {one.name for one in (*OPTIONS, *RUN_OPTIONS)}
        options = {name: value for name, value in values.items() if name in names and value is not None}
        return cls(**{name: value for name, value in values.items() if name not in names}, options=options)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a command needs to know beside the manifest.

    Attributes:
        options: of the run, as they were decided; `schema` and `store` are theirs, made ready to use.
        schema: where twins are published; `staging_schema` is where they wait.
        store: what `synth.stores.open_store` takes; a directory is absolute.
        overrides: options that beat a model's own; `defaults` are those it beats.
        dbt: the dbt executable, None when there is none; `dbt_environment` is what it is started with.
        wait: for remote jobs.
        salt: a secret that the split of training and holdout depends on, for who has one.
        force_retry: why a model may be tried once more on rows that it failed on too often.
        private: whether the private engine is installed, which the extra `dp` brings.
        warnings: what a user should hear before the run.
    """

    project: Project
    connection: Connection
    flags: Flags
    options: RunOptions
    schema: str
    staging_schema: str
    store: str
    overrides: Layer
    defaults: Layer
    threads: int
    full_refresh: bool
    select: tuple[str, ...]
    exclude: tuple[str, ...]
    selector: str | None
    artifact_dir: Path
    dbt: Path | None
    dbt_environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    wait: bool = True
    salt: str = field(default="", repr=False)
    force_retry: str = ""
    private: bool = True
    warnings: tuple[str, ...] = ()
    services: Mapping[str, str] = field(default_factory=dict, repr=False)  # variables of the backends


def resolve(flags: Flags, environ: Mapping[str, str] | None = None) -> Settings:
    """Return every setting of a command, from its flags, the environment and the files of the dbt project.

    Raises:
        ConfigError: a file, key, variable or flag is missing, unknown or wrong.
    """
    environ = os.environ if environ is None else environ
    cli_vars = _cli_vars(flags.vars)
    project = read_project(
        _project_dir(flags, environ),
        environ=environ,
        cli_vars=cli_vars,
        target_path=flags.target_path or _dbt_variable(environ, "TARGET_PATH"),
    )
    connection = read_connection(project, _choice(flags, environ), environ=environ, cli_vars=cli_vars)
    section = _project_section(project, environ, cli_vars)
    shell = _shell_layer(flags, environ, RUN_OPTIONS)
    options = RunOptions(**merge(shell, layer_of(section, RUN_OPTIONS)))
    artifact_dir = project.target_path / "synth"
    return Settings(
        project=project,
        connection=connection,
        flags=flags,
        options=options,
        schema=_schema_name(options.schema),
        staging_schema=options.schema + STAGING_SUFFIX,
        store=_store(
            options.store, Path.cwd() if "store" in shell else project.directory, artifact_dir / "store"
        ),
        overrides=_shell_layer(flags, environ, OPTIONS),
        defaults=layer_of(section, OPTIONS),
        threads=_threads(flags, connection),
        full_refresh=flags.full_refresh,
        select=flags.select,
        exclude=flags.exclude,
        selector=flags.selector,
        artifact_dir=artifact_dir,
        dbt=_find_dbt(environ),
        dbt_environment=_for_dbt(environ),
        wait=not flags.no_wait,
        salt=environ.get("SYNTH_SALT", ""),
        force_retry=(flags.force_retry or "").strip(),
        private=find_spec("opendp") is not None,
        warnings=_unknown_variables(environ),
        services=variables_of_backends(environ),
    )


def find_artifacts(project_dir: Path | None = None, environ: Mapping[str, str] | None = None) -> Path:
    """Return where the artifacts of a project are, for commands that need neither profile nor warehouse.

    Raises:
        ConfigError: there is no project, or its file is not usable.
    """
    environ = os.environ if environ is None else environ
    directory = _project_dir(Flags(project_dir=project_dir), environ)
    target_path = _dbt_variable(environ, "TARGET_PATH")
    project = read_project(directory, environ=environ, cli_vars={}, target_path=target_path)
    return project.target_path / "synth"


def _dbt_variable(environ: Mapping[str, str], name: str) -> str | None:
    # dbt 1.12 prefers the longer name.
    return environ.get(f"DBT_ENGINE_{name}") or environ.get(f"DBT_{name}") or None


def _project_dir(flags: Flags, environ: Mapping[str, str]) -> Path:
    project_dir = flags.project_dir or _dbt_variable(environ, "PROJECT_DIR")
    return Path(project_dir).expanduser().resolve() if project_dir else find_project(Path.cwd())


def _choice(flags: Flags, environ: Mapping[str, str]) -> ProfileOptions:
    directory = flags.profiles_dir or _dbt_variable(environ, "PROFILES_DIR")
    return ProfileOptions(
        profiles_dir=Path(directory) if directory else None,
        profile=flags.profile or _dbt_variable(environ, "PROFILE"),
        target=flags.target or _dbt_variable(environ, "TARGET"),
    )


def _cli_vars(text: str | None) -> Mapping[str, object]:
    try:
        values = yaml.safe_load(text or "{}")
    except yaml.YAMLError:
        values = None
    if not isinstance(values, dict):
        raise ConfigError("--vars must be a YAML mapping, such as '{start: 2024-01-01}'.")
    return values


def _project_section(project: Project, environ: Mapping[str, str], cli_vars: Mapping[str, object]) -> Strict:
    values = project.vars.get("synth")
    if isinstance(values, dict):
        renderer = Renderer(environ, cli_vars)
        values = {
            key: renderer.render(value, where=f"{project.file}: `vars.synth.{key}`")
            for key, value in values.items()
        }
    return validate(
        PROJECT_SCHEMA, {} if values is None else values, where=str(project.file), key="vars.synth"
    )


def _shell_layer(flags: Flags, environ: Mapping[str, str], options: Iterable[Option]) -> Layer:
    """Return what flags decide, and the environment where they are silent; an empty variable is silent."""
    by_flag: dict[str, Any] = {}
    by_variable: dict[str, Any] = {}
    for one in options:
        if one.name in flags.options:
            by_flag[one.name] = _read(one, flags.options[one.name], one.flag)
        if one.has_flag and environ.get(one.variable):
            by_variable[one.name] = _read(one, environ[one.variable], one.variable)
    return merge(by_flag, by_variable)


def _read(one: Option, text: object, place: str) -> Any:
    try:
        return one.read(text)
    except ValueError as error:
        raise ConfigError(f"{place}: {error}, not {text!r}.") from None


def _schema_name(schema: str) -> str:
    """Return `schema`, when Postgres keeps it and the staging schema's name whole."""
    size = len((schema + STAGING_SUFFIX).encode())
    if not schema.strip() or "\x00" in schema or schema.startswith("pg_"):
        raise ConfigError(f"schema {schema!r}: give a name that is not empty and does not start with pg_.")
    if size > MAX_IDENTIFIER:
        room = MAX_IDENTIFIER - len(STAGING_SUFFIX)
        raise ConfigError(f"schema '{schema}' is too long: with {STAGING_SUFFIX}, at most {room} bytes fit.")
    return schema


def _store(address: str, base: Path, default: Path) -> str:
    """Return the store; a path from a shell is relative to here, one from the project to the project.

    Raises:
        ConfigError: it can be no path.
    """
    if "\x00" in address:
        raise ConfigError(f"store {address!r}: give the address of a bucket or a folder.")
    if "://" in address:
        return address
    return str((base / Path(address).expanduser()).resolve() if address else default)


def _threads(flags: Flags, connection: Connection) -> int:
    if flags.threads is not None and flags.threads < 1:
        raise ConfigError(f"--threads must be at least 1, not {flags.threads}.")
    return flags.threads or connection.threads or 1


def _for_dbt(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return the environment, and the wish that nobody is told of our runs."""
    return {**{name: environ[name] for name in environ if name not in NOT_FOR_OUR_DBT}, "DO_NOT_TRACK": "1"}


def _find_dbt(environ: Mapping[str, str]) -> Path | None:
    """Return the dbt that was installed beside this Python, else the first on the path."""
    places = (str(Path(sys.executable).parent), environ.get("PATH", ""))
    executable = next((hit for place in places if (hit := shutil.which("dbt", path=place))), None)
    return Path(executable) if executable else None


def _unknown_variables(environ: Mapping[str, str]) -> tuple[str, ...]:
    unknown_names = (
        name
        for name in sorted(environ)
        if name.startswith("SYNTH_") and name not in VARIABLES and not name.startswith(RESERVED_PREFIXES)
    )
    return tuple(
        f"environment variable {name} is not one of ours; {nearest(name, VARIABLES)}"
        for name in unknown_names
    )
