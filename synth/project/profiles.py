"""`profiles.yml`: dbt's own connection, found and rendered as dbt finds and renders it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from synth.errors import ConfigError
from synth.project.dbt_project import load_yaml
from synth.project.rendering import Renderer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from synth.project.dbt_project import Project

PROFILES_FILE = "profiles.yml"
ALIASES = {"pass": "password", "dbname": "database"}
REQUIRED_KEYS = ("host", "port", "user", "password", "database", "schema")
MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class Connection:
    """How dbt reaches Postgres: the selected target of the selected profile."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    schema: str
    profiles_dir: Path
    profile: str
    target: str
    role: str | None = None
    search_path: str | None = None
    sslmode: str | None = None
    sslcert: str | None = None
    sslkey: str | None = field(default=None, repr=False)
    sslrootcert: str | None = None
    keepalives_idle: int = 0
    connect_timeout: int = 10
    threads: int | None = None
    targets: tuple[str, ...] = ()

    def conninfo(self) -> dict[str, str | int]:
        """Return keyword arguments for `psycopg.connect`; a `role` is left to the caller's `set role`."""
        parameters: dict[str, str | int] = {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "password": self.password,
            "dbname": self.database,
            "connect_timeout": self.connect_timeout,
            "application_name": "synth",
        }
        # libpq takes 0 and '' as values, dbt as "not given".
        optional: dict[str, str | int | None] = {
            "sslmode": self.sslmode,
            "sslcert": self.sslcert,
            "sslkey": self.sslkey,
            "sslrootcert": self.sslrootcert,
            "keepalives_idle": self.keepalives_idle,
            "options": _search_path_option(self.search_path) if self.search_path else None,
        }
        return parameters | {key: value for key, value in optional.items() if value}


def _search_path_option(search_path: str) -> str:
    path = search_path.replace("\\", "\\\\").replace(" ", "\\ ")
    return f"-c search_path={path}"


@dataclass(frozen=True, slots=True)
class ProfileOptions:
    """What the command line and the environment say about the profile; None is not said."""

    profiles_dir: Path | None = None
    profile: str | None = None
    target: str | None = None


def read_connection(
    project: Project, choice: ProfileOptions, *, environ: Mapping[str, str], cli_vars: Mapping[str, object]
) -> Connection:
    """Return the connection dbt would use for `project`.

    Raises:
        ConfigError: no profiles.yml, no such profile or target, a missing key or variable, or not Postgres.
    """
    file = _profiles_file(project, choice.profiles_dir, environ)
    profiles = load_yaml(file)
    name = choice.profile or project.profile
    if not name:
        raise ConfigError(f"{project.file}: `profile` is missing; add it, or pass --profile.")
    names = [key for key in profiles if key != "config"]
    profile = profiles.get(name)
    if not isinstance(profile, dict):
        raise ConfigError(f"{file}: no profile '{name}'; it has: {', '.join(names) or 'none'}.")
    renderer = Renderer(environ, cli_vars)
    where = f"{file}: profile '{name}'"
    target = choice.target or str(
        renderer.render(profile.get("target", "default"), where=f"{where}: `target`")
    )
    outputs = profile.get("outputs")
    if not isinstance(outputs, dict) or not outputs:
        raise ConfigError(f"{where}: `outputs` is missing.")
    if not isinstance(outputs.get(target), dict):
        raise ConfigError(f"{where}: no target '{target}'; it has: {', '.join(map(str, outputs))}.")
    where = f"{where}, target '{target}'"
    values = _render(outputs[target], renderer, where)
    place = _Place(file.parent, name, target, tuple(map(str, outputs)))
    return _connection(values, where, place)


def _profiles_file(project: Project, profiles_dir: Path | None, environ: Mapping[str, str]) -> Path:
    here = Path.cwd()
    home = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    places = [profiles_dir.expanduser()] if profiles_dir else [here, home / ".dbt"]
    for place in places:
        if (place / PROFILES_FILE).is_file():
            return (place / PROFILES_FILE).resolve()
    example = project.directory / f"{PROFILES_FILE}.example"
    step = f"cp {example.name} {PROFILES_FILE}" if example.is_file() else "dbt init"
    raise ConfigError(
        f"No {PROFILES_FILE} in {' or '.join(map(str, places))}; run `{step}` in {project.directory}, "
        "or pass --profiles-dir."
    )


def _render(output: Mapping[str, object], renderer: Renderer, where: str) -> dict[str, object]:
    values: dict[str, object] = {}
    for key, value in output.items():
        name = ALIASES.get(key, key)
        values[name] = renderer.render(value, where=f"{where}: `{key}`", literal=name == "password")
    return values


@dataclass(frozen=True, slots=True)
class _Place:
    profiles_dir: Path
    profile: str
    target: str
    targets: tuple[str, ...]


def _connection(values: Mapping[str, object], where: str, place: _Place) -> Connection:
    kind = values.get("type")
    if kind != "postgres":
        raise ConfigError(f"{where}: type is {kind!r}; synth works on postgres only.")
    missing_keys = [key for key in REQUIRED_KEYS if values.get(key) is None]
    if missing_keys:
        raise ConfigError(f"{where}: {', '.join(f'`{key}`' for key in missing_keys)} missing.")

    def text(key: str) -> str | None:
        value = values.get(key)
        return None if value is None or value == "" else str(value)

    return Connection(
        host=str(values["host"]),
        port=_number(values, "port", where, lowest=1, highest=MAX_PORT),
        user=str(values["user"]),
        password=str(values["password"]),
        database=str(values["database"]),
        schema=str(values["schema"]),
        profiles_dir=place.profiles_dir,
        profile=place.profile,
        target=place.target,
        role=text("role"),
        search_path=text("search_path"),
        sslmode=text("sslmode"),
        sslcert=text("sslcert"),
        sslkey=text("sslkey"),
        sslrootcert=text("sslrootcert"),
        keepalives_idle=_number(values, "keepalives_idle", where, default=0),
        connect_timeout=_number(values, "connect_timeout", where, default=10),
        threads=_number(values, "threads", where, lowest=1) if values.get("threads") is not None else None,
        targets=place.targets,
    )


def _number(
    values: Mapping[str, object],
    key: str,
    where: str,
    *,
    default: int = 0,
    lowest: int = 0,
    highest: int | None = None,
) -> int:
    value = values.get(key, default)
    value = default if value is None else value
    try:
        number = int(str(value)) if not isinstance(value, bool) else -1
    except ValueError:
        number = -1
    if number < lowest or (highest is not None and number > highest):
        span = f"from {lowest} to {highest}" if highest is not None else f"of at least {lowest}"
        raise ConfigError(f"{where}: `{key}` must be a whole number {span}, not {value!r}.")
    return number
