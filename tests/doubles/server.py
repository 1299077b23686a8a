"""A stand-in for a remote service: a real HTTP server that knows its routes, and can be told to fail.

What it does not know it answers with 404 and remembers in `strangers`, so that a test notices.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import RLock, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

SECRET = b"only this process knows it"
LIFE = 60  # seconds that a signed link lives
DENIAL = (
    b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>'
)


@dataclass(frozen=True)
class Call:
    """A request as a route sees it."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    parts: tuple[str, ...]
    headers: Mapping[str, str] = field(repr=False)

    def json(self) -> Any:
        return json.loads(self.body or b"null")


@dataclass(frozen=True)
class Answer:
    """What is sent back; a dict is sent as JSON."""

    body: object = field(default_factory=dict)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Fault:
    """An operation that goes wrong `times` times, from the `after`-th successful one on."""

    operation: str
    answer: Answer | None  # None: the connection is closed without an answer
    times: int
    done_all_the_same: bool
    skip: int


Route = tuple[str, re.Pattern[str], str, "Callable[[Call], Answer]"]


class Double:
    """The server, its routes, and what happened."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.log: list[tuple[str, str, int]] = []  # operation, path, status
        self.strangers: list[str] = []
        self.bodies: list[bytes] = []  # of all calls
        self._routes: list[Route] = []
        self._faults: list[Fault] = []
        self._blobs: dict[str, bytes] = {}
        self.dead_links = 0  # how many of the next links have expired when they are given
        self.url = ""

    def route(self, method: str, pattern: str, operation: str, handler: Callable[[Call], Answer]) -> None:
        """Answer `method` on paths that match; `{}` is one part."""
        expression = re.escape(pattern).replace(r"\{\}", "([^/]+)")
        self._routes.append((method, re.compile(expression), operation, handler))

    def fail(
        self,
        operation: str,
        status: int | None,
        *,
        times: int = 1,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        is_sent: bool = False,
        skip: int = 0,
    ) -> None:
        """Let an operation go wrong; with `done` the work is done and only the answer is lost."""
        answer = None if status is None else Answer(body or {"message": "no"}, status, headers or {})
        self._faults.append(Fault(operation, answer, times, is_sent, skip))

    def calls(self, operation: str) -> int:
        """How often an operation was answered or refused."""
        return sum(name == operation for name, _, _ in self.log)

    def link(self, method: str, path: str) -> str:
        """A signed link to a blob, for one method and for a while."""
        life = LIFE
        if self.dead_links and method == "GET":
            self.dead_links -= 1
            life = -1
        expires = int(time.time()) + life
        query = urlencode({"X-Expires": expires, "X-Signature": _signature(method, path, expires)})
        return f"{self.url}{path}?{query}"

    def store(self, path: str, content: bytes) -> None:
        self._blobs[path] = content

    def blob(self, path: str) -> bytes:
        return self._blobs[path]

    def drop(self, path: str) -> None:
        self._blobs.pop(path, None)

    def denial_of(self, call: Call) -> Answer | None:
        """What to answer to a call without the right credentials; None if they are right."""
        raise NotImplementedError

    def answer(self, call: Call) -> Answer | None:
        with self.lock:
            self.bodies.append(call.body)
            if call.path.startswith("/_blob/"):
                return self._with_record("blob", call, self._through(call, "blob", self._on_blob))
            for method, pattern, operation, handler in self._routes:
                match = pattern.fullmatch(call.path)
                if match and method == call.method:
                    record = Call(call.method, call.path, call.query, call.body, match.groups(), call.headers)
                    denial = self.denial_of(record)
                    answer = denial or self._through(record, operation, handler)
                    return self._with_record(operation, call, answer)
            self.strangers.append(f"{call.method} {call.path}")
            return Answer({"message": "no route"}, 404)

    def _through(self, call: Call, operation: str, handler: Callable[[Call], Answer]) -> Answer | None:
        fault = next((one for one in self._faults if one.operation == operation and one.times), None)
        if fault and fault.skip:
            fault.skip -= 1
            fault = None
        if fault is None:
            return handler(call)
        fault.times -= 1
        if fault.done_all_the_same:
            handler(call)
        return fault.answer

    def _with_record(self, operation: str, call: Call, answer: Answer | None) -> Answer | None:
        self.log.append((operation, f"{call.method} {call.path}", answer.status if answer else 0))
        return answer

    def _on_blob(self, call: Call) -> Answer:
        expires = int(call.query.get("X-Expires", "0"))
        signature = _signature(call.method, call.path, expires)
        if (
            expires < time.time()
            or call.query.get("X-Signature") != signature
            or "Authorization" in call.headers
        ):
            return Answer(DENIAL, 403)
        if call.method == "PUT":
            self._blobs[call.path] = call.body
            return Answer(b"")
        return Answer(self._blobs[call.path]) if call.path in self._blobs else Answer(b"", 404)


def _signature(method: str, path: str, expires: int) -> str:
    return hmac.new(SECRET, f"{method} {path} {expires}".encode(), hashlib.sha256).hexdigest()


@contextmanager
def running(double: Double) -> Iterator[None]:
    """Serve the double on the loopback address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            query = dict(parse_qsl(parts.query))
            headers = {name.title(): value for name, value in self.headers.items()}
            answer = double.answer(Call(self.command, parts.path, query, body, (), headers))
            if answer is None:
                self.close_connection = True
                return
            content = answer.content()
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(content)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = handle_any  # noqa: N815 - the base's names

        def log_message(self, *_: object) -> None:
            """The double keeps its own log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    double.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
