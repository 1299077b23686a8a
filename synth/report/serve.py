"""The reports over HTTP, to this machine only."""

from __future__ import annotations

import re
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from synth.errors import ServiceError

if TYPE_CHECKING:
    from io import BytesIO
    from pathlib import Path
    from typing import BinaryIO

HOST = "127.0.0.1"
# Twins, logs and what backends keep are in the same folder, and nobody's business.
PUBLIC_PATHS = re.compile(r"/(index\.html)?|/runs/[^/]+/[^/]+/(report\.html|evaluation\.json)")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Handler(SimpleHTTPRequestHandler):
    """Serves the index, the reports and their figures, and nothing else."""

    def send_head(self) -> BytesIO | BinaryIO | None:
        """Refuse what is not a report, and whoever reached this machine by another name."""
        name = self.headers.get("Host", "").rpartition(":")[0]
        path = unquote(urlsplit(self.path).path)
        if name not in {HOST, "localhost"} or not PUBLIC_PATHS.fullmatch(path) or "/../" in path:
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        return super().send_head()

    def end_headers(self) -> None:
        """Forbid the pages to load anything."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Stay silent: standard error is not the library's."""


def listen(folder: Path, port: int) -> ThreadingHTTPServer:
    """Return a server of the reports in `folder`, not yet serving; port 0 is any that is free.

    Raises:
        ServiceError: the port is taken.
    """
    try:
        return ThreadingHTTPServer((HOST, port), partial(Handler, directory=str(folder)))
    except OSError as error:
        raise ServiceError(
            f"Could not listen on {HOST}:{port}: {error.strerror}. Next: synth report --serve --port 0"
        ) from error
