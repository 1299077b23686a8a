"""The stand-ins as fixtures. Each must have known every call by the end of the test."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeVar

import pytest

from synth.backends.gretel import GretelBackend
from synth.backends.nemo import NemoBackend
from synth.backends.patience import Patience
from tests.doubles.gretel import GretelDouble
from tests.doubles.nemo import NemoDouble
from tests.doubles.server import Double, running
from tests.doubles.work import repeat

if TYPE_CHECKING:
    from collections.abc import Iterator

D = TypeVar("D", bound=Double)
QUICK = Patience(first=0.01, factor=1.0, tries=4)

# `make` installs it on every Python that it can be installed on.
needs_client = pytest.mark.skipif(find_spec("gretel_client") is None, reason="gretel-client is not installed")


@pytest.fixture
def gretel() -> Iterator[GretelDouble]:
    double = GretelDouble()
    yield from _serve(double)


@pytest.fixture(params=["v2", "v1beta1"])
def nemo(request: pytest.FixtureRequest) -> Iterator[NemoDouble]:
    double = NemoDouble(request.param)
    yield from _serve(double)


@dataclass
class Rental:
    """A backend of a service that runs on this machine, and the service."""

    double: GretelDouble | NemoDouble
    backend: GretelBackend | NemoBackend
    kind: str


@pytest.fixture(params=[pytest.param("gretel", marks=needs_client), "v2", "v1beta1"])
def remote(request: pytest.FixtureRequest) -> Iterator[Rental]:
    """Each remote backend in turn; it waits a hundredth of a second between two looks."""
    kind = request.param
    double = GretelDouble() if kind == "gretel" else NemoDouble(kind)
    double.make = repeat  # no gate is asked, and learning takes its time
    for server in _serve(double):
        yield Rental(server, backend_of(server), "gretel" if kind == "gretel" else "nemo")


def backend_of(double: GretelDouble | NemoDouble, patience: Patience = QUICK) -> GretelBackend | NemoBackend:
    """The backend that the double's variables lead to."""
    if isinstance(double, GretelDouble):
        return GretelBackend.connect(double.environment, patience)
    return NemoBackend.connect(double.environment, patience)


def _serve(double: D) -> Iterator[D]:
    with running(double):
        yield double
    assert double.strangers == []
