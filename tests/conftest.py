"""What holds for every test: a clean environment, no sockets in unit tests, real services on demand."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_socket
from hypothesis import settings as hypothesis_settings

import tests.threads  # noqa: F401 - for what it does, and before all that import numpy
from tests.doubles.fixtures import gretel, nemo, remote
from tests.services import PREFIXES, bucket, database, moto, services

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["bucket", "database", "gretel", "moto", "nemo", "remote", "services"]

# A loaded machine is no fault of a test; what never ends runs into the timeout of pytest.
hypothesis_settings.register_profile("without deadlines", deadline=None)
hypothesis_settings.load_profile("without deadlines")

UNIT = Path(__file__).parent / "unit"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on how this machine is set up for Postgres, AWS or dbt."""
    for name in os.environ:
        if name.startswith(PREFIXES):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("GRETEL_CONFIG_FILE", "/nonexistent/gretel.json")


@pytest.fixture(autouse=True)
def _nobody_listens_longer_than_a_test() -> Iterator[None]:
    """A command that ran in this process logs to a stream that is closed when it is over."""
    _unheard()
    yield
    _unheard()


def _unheard() -> None:
    logger = logging.getLogger("synth")
    logger.handlers[:] = [logging.NullHandler()]
    logger.propagate = True
    logger.setLevel(logging.NOTSET)


@pytest.fixture(autouse=True)
def _no_sockets_in_unit_tests(request: pytest.FixtureRequest) -> Iterator[None]:
    if UNIT not in request.path.parents:
        yield
        return
    pytest_socket.disable_socket(allow_unix_socket=True)  # multiprocessing talks to itself through one
    yield
    pytest_socket.enable_socket()
