"""One HTTP call to NeMo, with its errors in our words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from synth.backends.redaction import redact
from synth.backends.service import (
    BusyError,
    ConflictError,
    DeniedError,
    GoneError,
    RefusedError,
    TransientError,
)
from synth.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    import urllib3

T = TypeVar("T")

CONNECT, READ = 15, 120  # seconds
OK, ACCESS_DENIED, NOT_FOUND, CONFLICT, TOO_LARGE, TOO_MANY_REQUESTS, SERVER_ERROR = (
    299,
    (401, 403),
    404,
    409,
    413,
    429,
    500,
)


class Http:
    """A server, and the token that it wants; the token is sent nowhere else."""

    def __init__(self, endpoint: str, token: str = "") -> None:
        import urllib3  # noqa: PLC0415 - costs what other backends need not pay

        self.endpoint = endpoint
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        timeout = urllib3.Timeout(connect=CONNECT, read=READ)
        once = urllib3.Retry(total=None, connect=0, read=0, status=0, other=0, redirect=3)
        self._pool = urllib3.PoolManager(timeout=timeout, retries=once, maxsize=8)

    def json(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        allow: Collection[int] = (),
        kind: str = "application/json",
    ) -> dict[str, Any] | None:
        """Return the JSON object that is the answer; None where the answer is one of the codes in `allow`."""
        content = None if body is None else json.dumps(body).encode()
        response = self._send(method, path, content, {"Content-Type": kind, "Accept": kind})
        if response.status in allow:
            return None
        self._check(response)
        if not response.data:
            return {}
        document = self.read(lambda: json.loads(response.data))
        return document if isinstance(document, dict) else {"data": document}

    def send(
        self, method: str, path: str, content: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> bytes:
        """Return the answer as it is."""
        kind = {} if content is None else {"Content-Type": "application/octet-stream"}
        response = self._send(method, path, content, {**kind, **(headers or {})})
        self._check(response)
        return bytes(response.data)

    def read(self, part: Callable[[], T]) -> T:
        """Return a part of an answer, if the answer has the shape that we know."""
        try:
            return part()
        except (LookupError, TypeError, ValueError, AttributeError):
            raise BackendError(
                f"{self.endpoint} gave an answer of a shape that is not known. Next: synth debug"
            ) from None

    def _send(
        self, method: str, path: str, content: bytes | None, headers: Mapping[str, str]
    ) -> urllib3.BaseHTTPResponse:
        import urllib3  # noqa: PLC0415 - as above

        address, own = self.endpoint + path, self._headers
        if "://" in path:  # a link that the server gave; elsewhere it is signed, and the token is not for it
            address, own = path, (own if path.startswith(f"{self.endpoint}/") else {})
        try:
            return self._pool.request(method, address, body=content, headers={**own, **headers})
        except (urllib3.exceptions.HTTPError, OSError) as error:
            cause = getattr(error, "reason", None) or error
            raise TransientError(f"{self.endpoint} cannot be reached ({type(cause).__name__}).") from None

    def _check(self, response: urllib3.BaseHTTPResponse) -> None:
        status = response.status
        if status <= OK:
            return
        if status in ACCESS_DENIED:
            raise DeniedError(
                f"{self.endpoint} refuses NEMO_TOKEN. Next: export a token that is valid for it."
            )
        if status == NOT_FOUND:
            raise GoneError(f"What was asked for is not at {self.endpoint}.")
        if status == CONFLICT:
            raise ConflictError(f"What was asked for is in no state for it at {self.endpoint} (HTTP 409).")
        if status == TOO_MANY_REQUESTS:
            raise BusyError(f"{self.endpoint} takes no more requests for now.")
        if status >= SERVER_ERROR:
            raise TransientError(f"{self.endpoint} could not answer (HTTP {status}).")
        reason = "the data are too large" if status == TOO_LARGE else _reason(response.data)
        raise RefusedError(f"{self.endpoint} refused the request with HTTP {status}: {reason}.")


def _reason(body: bytes) -> str:
    """Return the reason of an error; of a validation error only the fields, since it may hold values."""
    try:
        detail = json.loads(body)["detail"]
        if isinstance(detail, list):
            return "; ".join(redact(".".join(map(str, item["loc"]))) for item in detail) or "no reason given"
        return redact(detail) or "no reason given"
    except (LookupError, TypeError, ValueError):
        return "no reason given"
