"""One call to Gretel: the client it needs, the time it may take, and its errors in our words.

The client is imported when it is first needed: its import reads `~/.gretel/config.json` and may fail.
It sets no time limits, so each call has one here.
"""

from __future__ import annotations

import logging
import re
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

from synth.backends.gretel_config import MODELS
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
    from collections.abc import Callable, Iterator

T = TypeVar("T")

TOO_LARGE, CONFLICT, TOO_MANY_REQUESTS, SERVER_ERROR = 413, 409, 429, 500
INSTALL = "pip install 'dbt-synth[gretel]'"


@dataclass(frozen=True)
class Access:
    """How Gretel is reached."""

    key: str = field(repr=False)
    endpoint: str
    project: str
    runner: str = "cloud"  # or hybrid
    artifacts: str = "cloud"  # or s3://bucket of hybrid runs


def within(seconds: float, call: Callable[[], T]) -> T:
    """Return the call's result; the thread of a call that never ends is left to itself.

    Raises:
        TransientError: it took longer.
    """
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - whatever it is, the caller gets it
            future.set_exception(error)

    Thread(target=work, name="gretel", daemon=True).start()
    try:
        return future.result(seconds)
    except TimeoutError:
        if future.done():
            raise
        raise TransientError(f"Gretel gave no answer within {seconds:.0f} seconds.") from None


def client() -> tuple[Any, Any]:
    """Return the client's modules `config` and `projects`.

    Raises:
        BackendError: it is not installed, or refuses to be imported.
    """
    for name in ("gretel_client", "smart_open", "urllib3"):  # they would print, wherever that ends up
        logging.getLogger(name).addHandler(logging.NullHandler())
    try:
        from gretel_client import config, projects  # noqa: PLC0415 - see above
    except ImportError as error:
        raise BackendError(f"The backend gretel needs {error.name}. Next: {INSTALL}") from None
    except Exception as error:  # noqa: BLE001 - it reads a file of the user's, and dies of it in many ways
        raise BackendError(
            f"gretel-client cannot be imported ({type(error).__name__}): ~/.gretel/config.json, or the file "
            "that GRETEL_CONFIG_FILE names, is not as it expects. Next: mend or remove that file; synth uses "
            "nothing in it"
        ) from None
    return config, projects


@contextmanager
def our_errors(access: Access) -> Iterator[None]:
    """Translate the errors of the client and its libraries into ours."""
    try:
        yield
    except BackendError:
        raise
    except Exception as error:  # noqa: BLE001 - it raises from five packages
        raise (_of_client(error, access) or _of_transport(error, access)) from None


def _of_client(error: Exception, access: Access) -> BackendError | None:
    from gretel_client.projects import exceptions as projects  # noqa: PLC0415 - see above
    from gretel_client.rest import exceptions as rest  # noqa: PLC0415 - see above

    place = access.endpoint
    backend_error: BackendError | None = None
    match error:
        case projects.GretelResourceNotFound() | rest.NotFoundException():
            backend_error = GoneError(f"What was asked for is not at {place}.")
        case projects.MaxConcurrentJobsException():
            backend_error = BusyError(f"Gretel takes no more jobs at {place} for now.")
        case projects.CreditExhaustException():
            backend_error = BackendError(f"The credits of this account at {place} are used up.")
        case projects.DiscontinuedModelException():
            backend_error = BackendError(
                f"{place} has withdrawn this model. Next: choose one of {', '.join(MODELS)}"
            )
        case projects.GretelProjectError():
            backend_error = DeniedError(
                f"{place} has no project {access.project} for this key. Next: check GRETEL_API_KEY and "
                "GRETEL_PROJECT (5 to 63 letters, digits and dashes), or create the project"
            )
        case rest.UnauthorizedException() | rest.ForbiddenException():
            backend_error = _access_error(access)
        case rest.ApiException():
            backend_error = _request_error(error, place)
        case _:
            pass  # not of the client's own
    return backend_error


def _of_transport(error: Exception, access: Access) -> BackendError:
    import requests  # noqa: PLC0415 - comes with the client
    import urllib3  # noqa: PLC0415 - as above

    place, name = access.endpoint, type(error).__name__
    if isinstance(error, urllib3.exceptions.MaxRetryError):
        if error.reason is None:  # the client's way to say 403
            return _access_error(access)
        name = type(error.reason).__name__
    if name == "ProxyError":
        return TransientError(
            f"{place} cannot be reached by the proxy in all_proxy, https_proxy or http_proxy, which "
            "gretel-client takes whatever no_proxy says. Next: unset these variables for this command"
        )
    if isinstance(error, urllib3.exceptions.HTTPError | requests.RequestException | OSError):
        return TransientError(f"{place} cannot be reached ({name}).")
    return BackendError(f"{place} gave an answer that cannot be read ({name}). Next: synth debug")


def _access_error(access: Access) -> DeniedError:
    return DeniedError(f"{access.endpoint} refuses GRETEL_API_KEY. Next: export a key that is valid for it.")


def _request_error(error: Any, place: str) -> BackendError:
    status = error.status or 0
    if status == CONFLICT:
        return ConflictError(f"What was asked for is in no state for it at {place} (HTTP 409).")
    if status == TOO_MANY_REQUESTS or status >= SERVER_ERROR or not status:
        return TransientError(f"{place} could not answer (HTTP {status}).")
    reason = "the data are too large" if status == TOO_LARGE else redact(_body(error)) or "no reason given"
    return RefusedError(f"{place} refused the request with HTTP {status}: {reason}.")


def _body(error: Any) -> str:
    body = error.body
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body or "")
    match = re.search(r'"(?:message|detail|error)"\s*:\s*"([^"]*)"', text)
    return match[1] if match else ""
