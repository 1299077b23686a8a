"""What a user may decide about a twin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, TypeAlias

Shares: TypeAlias = Literal["uniform"] | Mapping[Any, float]


@dataclass(frozen=True, slots=True)
class Rows:
    """How many rows a twin has: a number, or a multiple of the source's."""

    count: int | None = None
    factor: float = 1.0

    def of(self, source_rows: int) -> int:
        """Return the twin's row count for a source of `source_rows` rows."""
        return self.count if self.count is not None else round(source_rows * self.factor)

    def __str__(self) -> str:
        return str(self.count) if self.count is not None else f"{self.factor:g}x"


class Policy(StrEnum):
    """What becomes of a twin whose checks could not be decided."""

    BLOCK = "block"
    WARN = "warn"
    PROTECT = "protect"  # it is made again by the private engine


PAID_SOURCE = "paid for"  # what is said of values that nothing public states


class Privacy(StrEnum):
    """By what a twin is published: by checks that it passes, or by a guarantee that asks no check."""

    CHECKED = "checked"
    GUARANTEED = "guaranteed"


@dataclass(frozen=True, slots=True)
class Guarantee:
    """What the private engine promises of a twin.

    Attributes:
        epsilon: how much the twin may depend on one entity, with `delta`.
        max_rows_per_entity: rows of an entity that are learned from; the others are left out.
        discover: whether domains that nothing public states are learned with a share of epsilon; else the
            model is refused.
    """

    epsilon: float
    delta: float
    max_rows_per_entity: int
    discover: bool

    def __str__(self) -> str:
        return f"epsilon {self.epsilon:g}, delta {self.delta:g}"


@dataclass(frozen=True, slots=True)
class BackendOptions:
    """What a model asks of its backend that not every backend can do.

    Attributes:
        epsilon: the privacy budget of learning, with `delta`; None is no differential privacy.
        keep_remote: leave rows and jobs where they are, when a remote service has done its work.
        sections: settings in a backend's own words, by its name.
    """

    epsilon: float | None = None
    delta: float | None = None
    keep_remote: bool = False
    sections: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    def section(self, backend: str) -> Mapping[str, object]:
        """Return the options that a model has for `backend`."""
        return self.sections.get(backend, {})
