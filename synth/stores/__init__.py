"""Where artifacts go: the `Store` protocol, and `open_store`, which picks one by its address."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from synth.errors import ConfigError


class Store(Protocol):
    """Holds files under keys such as `twins/<run_id>/<model>/data.parquet`."""

    def check(self) -> None:
        """Raise `StoreError` unless a file could be written and read back right now; leave nothing behind."""

    def put(self, source: Path, key: str) -> str:
        """Store the file under `key`, replacing what is there, all or nothing; return its URI."""

    def create(self, source: Path, key: str) -> str:
        """Return like `put`, but raise `FileExistsError` when `key` exists already."""

    def get(self, key: str, target: Path) -> None:
        """Write the file under `key` to `target`; raise `FileNotFoundError` when there is none."""

    def exists(self, key: str) -> bool:
        """Return whether there is a file under `key`."""


def open_store(address: str) -> Store:
    """Return the store at `address`: `s3://bucket/prefix`, or a directory (a path or `file://` URI).

    Raises:
        ConfigError: the address is of no known form.
    """
    if address.startswith("s3://"):
        from synth.stores.s3 import S3Store  # noqa: PLC0415 - boto3 costs half a second that a directory does not need

        return S3Store.at(address)
    if "://" in address and not address.startswith("file://"):
        raise ConfigError(f"Unknown store '{address}'; give s3://bucket/prefix or a directory.")
    from synth.stores.directory import DirectoryStore  # noqa: PLC0415 - beside its sibling

    return DirectoryStore(Path(address.removeprefix("file://")))
