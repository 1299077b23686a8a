"""What stores have in common: which keys are sound, and files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from synth.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".csv.gz": "application/gzip",
    ".parquet": "application/vnd.apache.parquet",
}
_MOST_BYTES = 900  # S3 takes 1,024, prefix included


def content_type(key: str) -> str:
    """Return what a browser is told that a file is, so that a report opens as one."""
    kinds = (kind for ending, kind in _TYPES.items() if key.endswith(ending))
    return next(kinds, "application/octet-stream")


def sound_key(key: str) -> str:
    """Return `key` itself, a relative path of plain names parted by slashes.

    Raises:
        StoreError: the key could lead out of the store, or not every store could hold it.
    """
    parts = key.split("/")
    strange = any(ord(character) < ord(" ") or character == "\\" for character in key)
    if strange or not {"", ".", ".."}.isdisjoint(parts) or len(key.encode()) > _MOST_BYTES:
        raise StoreError(
            f"{key!r} is not a key of a store; use names parted by single slashes, as in a/b.json."
        )
    return key


@contextmanager
def written_whole(target: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """Open a temporary file beside `target`, to be moved into its place; delete it afterwards."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".synth-{secrets.token_hex(8)}.part")
    try:
        with temporary.open("xb") as file:
            yield file, temporary
    finally:
        temporary.unlink(missing_ok=True)


def flush_to_disk(file: BinaryIO) -> None:
    """Return once the written bytes would outlive a power cut."""
    file.flush()
    os.fsync(file.fileno())
