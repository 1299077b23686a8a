"""A Postgres and an S3-compatible object store for the demo and the tests: no container, no account, no root.

Both listen on the loopback address only, keep everything below one directory, and go on after the program
that started them has ended, until `down`.
"""

from __future__ import annotations

import socket
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from synth.errors import ServiceError
from synth.services import processes, state
from synth.services.objects import BUCKET, REGION, Objects
from synth.services.postgres import DATABASE, USER, Postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from synth.services.state import ServiceSettings

__all__ = ["Endpoints", "down", "status", "up"]

_PATIENCE = 60.0  # seconds; recovery after an unclean stop of the machine takes its time
_LAUNCHES = 4


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the services of a root are, and how to be let in."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    endpoint_url: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)
    bucket: str

    @property
    def store(self) -> str:
        """The address of the store that the demo writes to."""
        return f"s3://{self.bucket}/dbt-synth"

    def environment(self) -> dict[str, str]:
        """Return the variables with which psql, dbt, the AWS tools and synth find the services."""
        return {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGDATABASE": self.database,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL_S3": self.endpoint_url,
            "SYNTH_STORE": self.store,
        }


def up(root: Path) -> Endpoints:
    """Start what does not run of the services below `root`, and return when both are ready for work.

    Ports and secrets are made the first time and kept; data is kept, too.

    Raises:
        ServiceError: a service is not installed or does not start; the message names its log.
    """
    root = root.absolute()
    with _filesystem_errors(root):
        if not root.exists():
            state.private_directory(root)
        with state.lock_root(root):
            settings = _with_ports(root, state.load(root) or state.create())
            state.save(root, settings)
            services = _services(root, settings)
            for service in services:
                if service.process() is None:
                    _launch(service)
            for service in services:
                _await(service)
    return _endpoints(root, settings)


def down(root: Path) -> None:
    """Stop the services below `root`, if they run, and keep their data.

    Raises:
        ServiceError: a service cannot be stopped.
    """
    root = root.absolute()
    with _filesystem_errors(root):
        settings = state.load(root)
        if settings is None:
            return
        with state.lock_root(root):
            for service in _services(root, settings):
                service.stop()


def status(root: Path) -> Endpoints | None:
    """Return where the services below `root` are if both run and listen, else None; nothing is started."""
    root = root.absolute()
    with _filesystem_errors(root):
        settings = state.load(root)
        if settings is None:
            return None
        running = all(service.process() and _listens(service.port) for service in _services(root, settings))
    return _endpoints(root, settings) if running else None


def _services(root: Path, settings: ServiceSettings) -> tuple[Postgres | Objects, ...]:
    return Objects(root / "objects", settings), Postgres(root / "postgres", settings)


def _endpoints(root: Path, settings: ServiceSettings) -> Endpoints:
    return Endpoints(
        host="127.0.0.1",
        port=settings.postgres_port,
        user=USER,
        password=settings.password,
        database=DATABASE,
        endpoint_url=Objects(root / "objects", settings).endpoint,
        region=REGION,
        access_key=settings.access_key,
        secret_key=settings.secret_key,
        bucket=BUCKET,
    )


def _with_ports(root: Path, settings: ServiceSettings) -> ServiceSettings:
    """Return the settings with a usable port for every service; one that runs keeps its own."""
    objects, postgres = _services(root, settings)
    if _needs_port(objects):
        settings = replace(settings, objects_port=processes.free_port(avoid=settings.postgres_port))
    if _needs_port(postgres):
        settings = replace(settings, postgres_port=processes.free_port(avoid=settings.objects_port))
    return settings


def _needs_port(service: Postgres | Objects) -> bool:
    if not service.port:
        return True
    if service.process() is not None:
        return False
    # A server that was killed a moment ago may hold its port a little longer than its process.
    return not processes.wait_until(lambda: processes.port_is_free(service.port), seconds=3)


def _launch(service: Postgres | Objects) -> None:
    if service.log.exists():  # one older log is kept, so that logs stay small
        service.log.replace(service.log.with_suffix(".log.1"))
    service.launch()


def _await(service: Postgres | Objects) -> None:
    """Wait until the service works; start it again when it ends.

    Right after a kill, Postgres' orphans hold its shared memory for a moment, and a new server gives up.
    """
    deadline = time.monotonic() + _PATIENCE
    launches = 1
    while not service.ready():
        has_ended = service.process() is None
        if time.monotonic() > deadline or (has_ended and launches == _LAUNCHES):
            what = "does not start" if has_ended else f"does not answer within {_PATIENCE:.0f} s"
            raise ServiceError(
                f"{service.title} {what}{_last_words(service.log)}; read {service.log}, "
                "then run `synth down` and `synth up`."
            )
        if has_ended:
            time.sleep(0.5)
            launches += 1
            service.launch()
        time.sleep(0.03)


def _last_words(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n") if log.exists() else []
    log_lines = [line.strip() for line in lines if line.strip()]
    return f" ({log_lines[-1][:200]})" if log_lines else ""


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


@contextmanager
def _filesystem_errors(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        raise ServiceError(
            f"The services below {root} cannot be managed:{where}: {error.strerror}; "
            "make it writable for you, or remove it, and run `synth up`."
        ) from error
