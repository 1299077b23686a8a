"""What a run says while it works: dbt's cadence on a terminal, one JSON object a line elsewhere."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

import click

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

LOGGER = "synth"


def configure(*, form: str, quiet: bool, colors: bool | None, stream: TextIO | None = None) -> None:
    """Send the log of `synth` to standard output, as `text` or `json`; `quiet` keeps only errors."""
    stream = stream or sys.stdout
    handler = logging.StreamHandler(stream)
    use_colors = stream.isatty() if colors is None else colors
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter(colors=use_colors))
    logger = logging.getLogger(LOGGER)
    logger.handlers[:] = [handler]
    logger.setLevel(logging.ERROR if quiet else logging.INFO)
    logger.propagate = False


def event(logger: logging.Logger, level: int, message: str, data: Mapping[str, object]) -> None:
    """Log `message`, with `data` for those who read JSON."""
    logger.log(level, "%s", message, extra={"data": dict(data)})


class TextFormatter(logging.Formatter):
    """`14:02:11  message`, in local time as dbt prints it."""

    words: ClassVar[Mapping[str, str]] = {
        "OK ": "green",
        "ERROR ": "red",
        "REJECTED ": "red",
        "SKIP ": "yellow",
    }

    def __init__(self, *, colors: bool) -> None:
        super().__init__()
        self._colors = colors

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        text = record.getMessage()
        if self._colors:
            text = self._painted(text, record.levelno)
        return f"{datetime.fromtimestamp(record.created).astimezone():%H:%M:%S}  {text}"

    def _painted(self, text: str, level: int) -> str:
        for word, color in self.words.items():
            if f" {word}" in text:
                return text.replace(f" {word}", " " + click.style(word, fg=color), 1)
        if level >= logging.WARNING:
            return click.style(text, fg="yellow" if level == logging.WARNING else "red")
        return text


class JsonFormatter(logging.Formatter):
    """One object a line, with dbt's keys: `info` (level, msg, ts) and `data`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        info = {
            "level": record.levelname.lower().replace("warning", "warn"),
            "msg": record.getMessage(),
            "name": record.name,
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(),
        }
        return json.dumps({"data": getattr(record, "data", {}), "info": info}, ensure_ascii=False)
