"""Stands between synth and the server: hands calls on, and spoils or announces the first ones of a kind."""

from __future__ import annotations

import re
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import TYPE_CHECKING

import urllib3

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

# Every kind of call that a run makes, in the order of a run.
KINDS = {
    "list jobs": ("GET", r"/apis/safe-synthesizer/.*/jobs\?.*"),
    "create fileset": ("POST", r"/apis/files/.*/filesets"),
    "upload": ("PUT", r"/apis/files/.*/filesets/[^/]+/-/.*"),
    "submit": ("POST", r"/apis/safe-synthesizer/.*/jobs"),
    "status": ("GET", r"/apis/jobs/.*/jobs/[^/]+/status"),
    "rows": ("GET", r"/apis/safe-synthesizer/.*/results/synthetic-data/download"),
    "summary": ("GET", r"/apis/safe-synthesizer/.*/results/summary/download"),
    "cancel": ("POST", r"/apis/safe-synthesizer/.*/jobs/[^/]+/cancel"),
    "delete rows": ("DELETE", r"/apis/files/.*/filesets/(?!job-fileset-)[^/]+"),
    "delete job": ("DELETE", r"/apis/safe-synthesizer/.*/jobs/[^/]+"),
    "delete results": ("DELETE", r"/apis/files/.*/filesets/job-fileset-[^/]+"),
}


class Proxy:
    """What came by, and what happens at it.

    Attributes:
        url: where it listens.
        calls: the kind of each call, in order.
        before: called with the kind of each call; what it returns is answered instead, if anything.
    """

    def __init__(self, target: str, before: Callable[[str], int | None]) -> None:
        self.target, self.before = target, before
        self.calls: list[str] = []
        self.url = ""
        self._lock = Lock()
        self._pool = urllib3.PoolManager(maxsize=8, retries=False)

    def answer(self, method: str, path: str, body: bytes, kind: str) -> tuple[int, bytes, str]:
        """The status, content and type of the answer to a call."""
        name = next(
            (name for name, method_and_path in KINDS.items() if _matches(method_and_path, method, path)),
            "other",
        )
        with self._lock:
            self.calls.append(name)
            status = self.before(name)
        if status is not None:
            return status, b'{"detail": "not now"}', "application/json"
        headers = {"Content-Type": kind} if kind else {}
        answer = self._pool.request(method, self.target + path, body=body or None, headers=headers)
        return answer.status, answer.data, answer.headers.get("Content-Type", "")


def _matches(method_and_path: tuple[str, str], method: str, path: str) -> bool:
    return method == method_and_path[0] and re.fullmatch(method_and_path[1], path) is not None


def first_of(kinds: Collection[str], happens: Callable[[], int | None]) -> Callable[[str], int | None]:
    """Let something happen at the first call of each of the kinds."""
    remaining_kinds = set(kinds)

    def before(name: str) -> int | None:
        if name not in remaining_kinds:
            return None
        remaining_kinds.discard(name)
        return happens()

    return before


@contextmanager
def between(target: str, before: Callable[[str], int | None]) -> Iterator[Proxy]:
    """A proxy in front of `target`."""
    proxy = Proxy(target, before)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kind = self.headers.get("Content-Type", "")
            status, content, kind = proxy.answer(self.command, self.path, body, kind)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            if status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815 - the base's names

        def log_message(self, *_: object) -> None:
            """The proxy keeps its own log."""

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    proxy.url = f"http://127.0.0.1:{listener.server_address[1]}"
    thread = Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()
