"""A store in a directory: of this machine, or of a network file system."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from synth.errors import StoreError
from synth.stores.keys import flush_to_disk, sound_key, written_whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}


@dataclass(frozen=True, slots=True)
class DirectoryStore:
    """Holds each file under `root`, at the path that its key names."""

    root: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", self.root.expanduser().absolute())

    def check(self) -> None:
        """Raise `StoreError` unless a file could be written and read back right now; leave nothing behind.

        No folder is made and removed for it: another run may be about to use it.
        """
        nearest = next(folder for folder in (self.root, *self.root.parents) if folder.exists())
        probe = b"synth debug"
        with self._errors("written"), written_whole(nearest / ".synth-probe") as (file, path):
            file.write(probe)
            flush_to_disk(file)
            if path.read_bytes() != probe:
                raise StoreError(f"{self.root} does not give back what is written to it; use another store.")

    def put(self, source: Path, key: str) -> str:
        """Store the file under `key`, replacing what is there, all or nothing; return its URI."""
        target = self._path(key)
        with self._copy(source, target) as temporary:
            temporary.replace(target)
        return target.as_uri()

    def create(self, source: Path, key: str) -> str:
        """Return like `put`, but raise `FileExistsError` when `key` exists already."""
        target = self._path(key)
        with self._copy(source, target) as temporary:
            is_placed = self._placed_where_free(temporary, target)
        if not is_placed:
            raise FileExistsError(f"There is a {key} in {self.root} already.")
        return target.as_uri()

    def get(self, key: str, target: Path) -> None:
        """Write the file under `key` to `target`; raise `FileNotFoundError` when there is none."""
        source = self._path(key)
        if not source.is_file():
            raise FileNotFoundError(f"There is no {key} in {self.root}.")
        with self._errors("read"), source.open("rb") as original, written_whole(target) as (copy, temporary):
            shutil.copyfileobj(original, copy)
            copy.flush()
            temporary.replace(target)

    def exists(self, key: str) -> bool:
        """Return whether there is a file under `key`."""
        return self._path(key).is_file()

    def _path(self, key: str) -> Path:
        return self.root / sound_key(key)

    @contextmanager
    def _copy(self, source: Path, target: Path) -> Iterator[Path]:
        with (
            source.open("rb") as original,
            self._errors("written"),
            written_whole(target) as (copy, temporary),
        ):
            shutil.copyfileobj(original, copy)
            flush_to_disk(copy)
            yield temporary
            self._flush_names(target.parent)

    def _placed_where_free(self, temporary: Path, target: Path) -> bool:
        try:
            os.link(temporary, target)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            return self._placed_where_reserved(temporary, target)
        return True

    def _placed_where_reserved(self, temporary: Path, target: Path) -> bool:
        """Return for file systems without hard links; a reader may see an empty file for a moment."""
        try:
            target.touch(exist_ok=False)
        except FileExistsError:
            return False
        temporary.replace(target)
        return True

    def _flush_names(self, folder: Path) -> None:
        """Make the new name durable, as `flush_to_disk` did with the content."""
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @contextmanager
    def _errors(self, action: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"The store {self.root} cannot be {action}: {error.strerror}; see to its disk and rights, "
                "then run `synth debug`."
            ) from error
