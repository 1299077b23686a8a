"""How often the same source rows were asked for a twin, because every answer of the gate tells about them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from synth._version import __version__
from synth.domain import values_that_decide
from synth.errors import UndecidableError

if TYPE_CHECKING:
    from synth.domain import Task
    from synth.settings import Settings
    from synth.warehouse import Warehouse

MOST = 3  # questions without a pass; a fourth needs a reason


@dataclass(frozen=True, slots=True)
class Attempt:
    """One question to the gate about the rows of a model.

    Attributes:
        fingerprint: of the rows.
        request: names the question: the same settings and version ask the same.
        number: 1 for the first question that has no pass, and so on.
        reason: why it may be asked although there were too many.
    """

    fingerprint: str
    request: str
    number: int = 1
    reason: str = ""


def attempt(task: Task, fingerprint: str, settings: Settings, warehouse: Warehouse) -> Attempt:
    """Return the question that a run is about to ask.

    Raises:
        UndecidableError: too many others about these rows had no pass, and no reason is given for one more.
    """
    model = task.model
    request = sha256(
        json.dumps(requested_options(task, settings), default=str, sort_keys=True).encode()
    ).hexdigest()[:16]
    before = warehouse.undecided_requests(settings.schema, model.unique_id, fingerprint)
    others = len(before - {request})
    if request not in before and others >= MOST and not settings.force_retry:
        raise UndecidableError(
            f"{model.name} was tried {others} times on these very rows without a pass. Each try tells "
            "something about them, and trying until chance agrees proves nothing. Next: change the model, or "
            f"run: synth run --select {model.name} --force-retry 'why one more is justified'"
        )
    return Attempt(fingerprint, request, others + 1, settings.force_retry if others >= MOST else "")


def requested_options(task: Task, settings: Settings) -> dict[str, object]:
    """Return everything that decides what the gate will find, the rows apart."""
    model = task.model
    return {
        "version": __version__,
        **values_that_decide(task.options, "asks_gate"),
        # Two digits tell that the salt changed, and are of no use to whoever would guess it.
        "salt": sha256(settings.salt.encode()).hexdigest()[:2],
        "entity": model.entity,
        "ownership": model.ownership and [model.ownership.root, model.ownership.column],
        "roles": dict(sorted(model.roles.items())),
        "seed_columns": model.seed_columns,
        "balance": model.balance,
        "sensitive": sorted(model.sensitive),
        "target": model.target_column,
    }
