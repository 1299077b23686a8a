"""Every setting, decided once, from flags, environment and project. The only reader of the environment."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import yaml
from pydantic import Field

from synth.backends import variables_of_backends
from synth.domain import Options
from synth.errors import ConfigError
from synth.project.dbt_project import Project, find_project, read_project
from synth.project.profiles import Connection, ProfileOptions, read_connection
from synth.project.rendering import Renderer
from synth.validation import (
    CountField,
    DeltaField,
    EpsilonField,
    LimitField,
    NameField,
    PolicyField,
    PrivacyField,
    RowsField,
    SecondsField,
    SeedField,
    Strict,
    nearest,
    parse_policy,
    parse_rows,
    parse_seed,
    validate,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

DEFAULT_SCHEMA = "synthetic"
STAGING_SUFFIX = "__staging"
MAX_IDENTIFIER = 63  # bytes; Postgres cuts longer names off without a word
VARIABLES = frozenset(
    {
        "SYNTH_BACKEND",
        "SYNTH_DEBUG",
        "SYNTH_ON_INCONCLUSIVE",
        "SYNTH_ROWS",
        "SYNTH_SALT",
        "SYNTH_SCHEMA",
        "SYNTH_SEED",
        "SYNTH_STORE",
        "SYNTH_TESTS",
    }
)
RESERVED_PREFIXES = ("SYNTH_FAULT", "SYNTH_TEST_")
# What a shell may say of deferral is not meant for the dbt that we start.
NOT_FOR_OUR_DBT = frozenset({"DBT_DEFER_STATE", "DBT_ENGINE_DEFER_STATE"})
SWITCHES = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


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
    backend: str | None = None
    rows: str | None = None
    seed: int | None = None
    store: str | None = None
    schema: str | None = None
    on_inconclusive: str | None = None
    force_retry: str | None = None
    no_tests: bool = False
    no_wait: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a command needs to know beside the manifest.

    Attributes:
        schema: where twins are published; `staging_schema` is where they wait.
        store: what `synth.stores.open_store` takes; a directory is absolute.
        overrides: options that beat a model's own; `defaults` are those it beats.
        dbt: the dbt executable, None when there is none; `dbt_environment` is what it is started with.
        tests: whether the project's own tests decide about a twin, too.
        wait: for remote jobs.
        reference_inferred: whether a table is copied as reference data because all evidence says that it is
            about nobody; else only what is declared is.
        salt: a secret that the split of training and holdout depends on, for who has one.
        force_retry: why a model may be tried once more on rows that it failed on too often.
        private: whether the private engine is installed, which the extra `dp` brings.
        budget: the epsilon that all twins about one kind of entity may cost together; None is no limit.
        warnings: what a user should hear before the run.
    """

    project: Project
    connection: Connection
    flags: Flags
    schema: str
    staging_schema: str
    store: str
    analyst_role: tuple[str, ...]
    overrides: Options
    defaults: Options
    threads: int
    full_refresh: bool
    select: tuple[str, ...]
    exclude: tuple[str, ...]
    selector: str | None
    artifact_dir: Path
    dbt: Path | None
    dbt_environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    tests: bool = True
    wait: bool = True
    reference_inferred: bool = True
    salt: str = field(default="", repr=False)
    force_retry: str = ""
    private: bool = True
    budget: float | None = None
    warnings: tuple[str, ...] = ()
    services: Mapping[str, str] = field(default_factory=dict, repr=False)  # variables of the backends


class ProjectOptions(Strict):
    """`vars: {synth: …}` in dbt_project.yml."""

    schema_name: NameField | None = Field(default=None, alias="schema")  # pydantic owns the name `schema`
    store: NameField | None = None
    backend: NameField | None = None
    rows: RowsField | None = None
    seed: SeedField | None = None
    analyst_role: NameField | list[NameField] | None = None
    on_inconclusive: PolicyField | None = None
    evaluation_timeout: SecondsField | None = None
    limits: dict[NameField, LimitField] = Field(default_factory=dict)
    tests: bool | None = None
    reference: Literal["declared"] | None = None
    privacy: PrivacyField | None = None
    epsilon: EpsilonField | None = None
    delta: DeltaField | None = None
    max_rows_per_entity: CountField | None = None
    discover: bool | None = None
    budget: EpsilonField | None = None


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
    options = _project_options(project, environ, cli_vars)
    schema = flags.schema or environ.get("SYNTH_SCHEMA") or options.schema_name or DEFAULT_SCHEMA
    artifact_dir = project.target_path / "synth"
    roles = options.analyst_role or ()
    return Settings(
        project=project,
        connection=connection,
        flags=flags,
        schema=_schema_name(schema),
        staging_schema=schema + STAGING_SUFFIX,
        store=_store(flags, environ, options, project, artifact_dir / "store"),
        analyst_role=(roles,) if isinstance(roles, str) else tuple(roles),
        overrides=_from_flags(flags).over(_from_environment(environ)),
        defaults=_default_options(options),
        threads=_threads(flags, connection),
        full_refresh=flags.full_refresh,
        select=flags.select,
        exclude=flags.exclude,
        selector=flags.selector,
        artifact_dir=artifact_dir,
        dbt=_find_dbt(environ),
        dbt_environment=_for_dbt(environ),
        tests=_tests(flags, environ, options),
        wait=not flags.no_wait,
        reference_inferred=options.reference is None,
        salt=environ.get("SYNTH_SALT", ""),
        force_retry=(flags.force_retry or "").strip(),
        private=find_spec("opendp") is not None,
        budget=options.budget,
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


def _project_options(
    project: Project, environ: Mapping[str, str], cli_vars: Mapping[str, object]
) -> ProjectOptions:
    values = project.vars.get("synth")
    if isinstance(values, dict):
        renderer = Renderer(environ, cli_vars)
        values = {
            key: renderer.render(value, where=f"{project.file}: `vars.synth.{key}`")
            for key, value in values.items()
        }
    return validate(
        ProjectOptions, {} if values is None else values, where=str(project.file), key="vars.synth"
    )


def _from_flags(flags: Flags) -> Options:
    return Options(
        backend=flags.backend,
        rows=None if flags.rows is None else _parse_flag(parse_rows, flags.rows, "--rows"),
        seed=None if flags.seed is None else _parse_flag(parse_seed, flags.seed, "--seed"),
        on_inconclusive=(
            None
            if flags.on_inconclusive is None
            else _parse_flag(parse_policy, flags.on_inconclusive, "--on-inconclusive")
        ),
    )


def _from_environment(environ: Mapping[str, str]) -> Options:
    rows, seed = environ.get("SYNTH_ROWS"), environ.get("SYNTH_SEED")
    policy = environ.get("SYNTH_ON_INCONCLUSIVE")
    return Options(
        backend=environ.get("SYNTH_BACKEND") or None,
        rows=_parse_flag(parse_rows, rows, "SYNTH_ROWS") if rows else None,
        seed=_parse_flag(parse_seed, seed, "SYNTH_SEED") if seed else None,
        on_inconclusive=_parse_flag(parse_policy, policy, "SYNTH_ON_INCONCLUSIVE") if policy else None,
    )


def _default_options(options: ProjectOptions) -> Options:
    return Options(
        backend=options.backend,
        rows=options.rows,
        seed=options.seed,
        on_inconclusive=options.on_inconclusive,
        evaluation_timeout=options.evaluation_timeout,
        limits=options.limits,
        privacy=options.privacy,
        epsilon=options.epsilon,
        delta=options.delta,
        max_rows_per_entity=options.max_rows_per_entity,
        discover=options.discover,
    )


def _parse_flag(parse: Callable[[object], T], value: object, name: str) -> T:
    try:
        return parse(value)
    except ValueError as error:
        raise ConfigError(f"{name}: {error}, not {value!r}.") from None


def _schema_name(schema: str) -> str:
    """Return `schema`, when Postgres keeps it and the staging schema's name whole."""
    size = len((schema + STAGING_SUFFIX).encode())
    if not schema.strip() or "\x00" in schema or schema.startswith("pg_"):
        raise ConfigError(f"schema {schema!r}: give a name that is not empty and does not start with pg_.")
    if size > MAX_IDENTIFIER:
        room = MAX_IDENTIFIER - len(STAGING_SUFFIX)
        raise ConfigError(f"schema '{schema}' is too long: with {STAGING_SUFFIX}, at most {room} bytes fit.")
    return schema


def _store(
    flags: Flags, environ: Mapping[str, str], options: ProjectOptions, project: Project, default: Path
) -> str:
    """Return the store; a path from a shell is relative to here, one from the project to the project."""
    location = flags.store or environ.get("SYNTH_STORE")
    address = location or options.store
    if not address:
        return str(default)
    if "://" in address:
        return address
    base = Path.cwd() if location else project.directory
    return str((base / Path(address).expanduser()).resolve())


def _threads(flags: Flags, connection: Connection) -> int:
    if flags.threads is not None and flags.threads < 1:
        raise ConfigError(f"--threads must be at least 1, not {flags.threads}.")
    return flags.threads or connection.threads or 1


def _tests(flags: Flags, environ: Mapping[str, str], options: ProjectOptions) -> bool:
    """Return whether dbt's tests are run before publishing."""
    value = environ.get("SYNTH_TESTS")
    if flags.no_tests:
        return False
    if value:
        if value.lower() not in SWITCHES:
            raise ConfigError(f"SYNTH_TESTS: give true or false, not {value!r}.")
        return SWITCHES[value.lower()]
    return options.tests is not False


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
