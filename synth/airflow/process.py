"""A program that says what it does in JSON, one object a line, as dbt and synth do."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Tell = Callable[[int, str], None]

LEVELS = {"debug": logging.DEBUG, "warn": logging.WARNING, "error": logging.ERROR}
LONGEST = 1 << 24  # letters of a line; a list of many columns is one line


@dataclass
class Output:
    """What a program has said.

    Attributes:
        tell: called with the level and the text of each line that is to be read.
        events: the data of lines that have some, such as what became of a model.
        listings: lines that are objects and no log lines: the answer of a command.
        errors: what it called errors.
    """

    tell: Tell
    code: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)
    listings: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def hear(self, line: str) -> None:
        """Take one line to heart."""
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict):
            if line.strip():
                self.tell(logging.INFO, line.rstrip())
        elif "info" not in record:
            self.listings.append(record)
        else:
            self._hear_log(record)

    def _hear_log(self, record: Mapping[str, Any]) -> None:
        level, text = (
            LEVELS.get(record["info"].get("level"), logging.INFO),
            str(record["info"].get("msg", "")),
        )
        if text.strip() and level > logging.DEBUG:
            self.tell(level, text)
        if level >= logging.ERROR:
            self.errors.append(text)
        if record.get("data"):
            self.events.append(record["data"])


def start(command: Sequence[str], environment: Mapping[str, str], folder: str) -> subprocess.Popen[str]:
    """Start a program that `listen` listens to."""
    return subprocess.Popen(
        command,
        env=dict(environment),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )


def listen(process: subprocess.Popen[str], tell: Tell) -> Output:
    """Return everything that the program says until it ends, and its exit code."""
    output = Output(tell)
    with process:
        for line in process.stdout or ():
            output.hear(line)
    output.code = process.returncode
    return output


def leave(command: Sequence[str], environment: Mapping[str, str], folder: str) -> None:
    """Start a program that nobody listens to, and that outlives this one."""
    subprocess.Popen(
        command,
        env=dict(environment),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


async def call_synth(
    command: Sequence[str], environment: Mapping[str, str], folder: str, *, tell: Tell
) -> Output:
    """Start and listen to a short program in an event loop; end it if nobody waits any more."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=dict(environment),
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=LONGEST,
    )
    try:
        content, _ = await process.communicate()
    except asyncio.CancelledError:
        process.terminate()
        await process.wait()
        raise
    output = Output(tell)
    for line in content.decode("utf-8", "replace").splitlines():
        output.hear(line)
    output.code = process.returncode or 0
    return output
