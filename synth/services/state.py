"""What the embedded services remember below their root: ports and secrets, and a lock around every change."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from synth.errors import ServiceError
from synth.services.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """Chosen once for a root, and kept. Only ports change, when another program has taken one."""

    postgres_port: int = 0
    objects_port: int = 0
    admin_password: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    access_key: str = ""
    secret_key: str = field(default="", repr=False)


def load(root: Path) -> ServiceSettings | None:
    """Return the settings of `root`, or None before the first `save`.

    Raises:
        ServiceError: the file cannot be read or understood.
    """
    path = root / "services.json"
    try:
        return ServiceSettings(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise ServiceError(
            f"{path} belongs to another user; run synth as the one who ran `synth up`."
        ) from error
    except (ValueError, TypeError) as error:
        raise ServiceError(f"{path} is damaged; remove {root} and start anew with `synth up`.") from error


def create() -> ServiceSettings:
    """Return settings with fresh secrets and no ports yet."""
    return ServiceSettings(
        admin_password=secrets.token_hex(20),
        password=secrets.token_hex(20),
        access_key="SYNTH" + secrets.token_hex(8).upper()[:15],
        secret_key=secrets.token_hex(20),
    )


def save(root: Path, settings: ServiceSettings) -> None:
    """Keep the settings, readable by their owner only."""
    write_private(root / "services.json", json.dumps(asdict(settings), indent=2))


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600, all or nothing."""
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def private_directory(path: Path) -> Path:
    """Return `path`, as a directory that only its owner can enter; parents are left as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    path.chmod(0o700)
    return path


@contextmanager
def lock_root(root: Path, *, seconds: float = 120) -> Iterator[None]:
    """Hold the lock of `root`: two callers never start or stop its services at once.

    Raises:
        ServiceError: another process has held it for `seconds`.
    """
    descriptor = os.open(root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not wait_until(lambda: _take(descriptor), seconds=seconds, pause=0.05):
            raise ServiceError(
                f"Another `synth up` or `synth down` holds {root / 'lock'}; try again when it is done."
            )
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
