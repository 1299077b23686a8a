"""What a backend says of itself, so that no backend is asked for by its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend can do, and what it may be shown. The defaults suit a stranger.

    Attributes:
        options: the schema of `meta.synth.<name of the backend>`; None where it has no options.
        conditions: it keeps to `request.conditioning` and `request.balance`.
        privacy_budget: it keeps to `epsilon` and `delta`.
        guarantee: the private engine may stand in for it, which keeps to them on this machine.
        protects_rare_values: it runs on this machine and lets no value through that fewer than k rows hold,
            so it may be shown such values where every row is an entity of its own.
        paid: each training costs money or hours, so that it learns once.
        histories: it has `histories(training, request, owners)`, which draws rows that belong to owners.
    """

    options: type[BaseModel] | None = None
    conditions: bool = False
    privacy_budget: bool = False
    guarantee: bool = False
    protects_rare_values: bool = False
    paid: bool = True
    histories: bool = False
