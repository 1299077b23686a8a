"""What the steps of a run hand to each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from synth.progress import Lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from synth.artifacts import RunFolder
    from synth.attempts import Attempt
    from synth.backends import Backends
    from synth.domain import Relation, Task
    from synth.progress import Bars
    from synth.roles import Treatment
    from synth.settings import Settings
    from synth.source import Source
    from synth.stores import Store
    from synth.warehouse import Snapshot, Warehouse


@dataclass(frozen=True, slots=True)
class Workshop:
    """What all models of a run share."""

    run_id: str
    warehouse: Warehouse
    snapshot: Snapshot
    store: Store
    folder: RunFolder
    settings: Settings
    twins: Mapping[str, Relation]  # every model that has a twin or asks for one, by unique_id
    backends: Backends
    progress: Lines | Bars = field(default_factory=Lines)


@dataclass(frozen=True, slots=True)
class Case:
    """One model on its way: its rows, and what is to become of each column; `rows` are those of the twin."""

    task: Task
    shop: Workshop
    source: Source
    treatments: tuple[Treatment, ...]
    attempt: Attempt
    rows: int


@dataclass(frozen=True, slots=True)
class Made:
    """The twin as it would be published.

    Attributes:
        entities: of the rows before some were left out, to be evaluated; None where each row is one.
        dropped: how many rows were left out, because they repeated a composite key.
    """

    table: pa.Table
    entities: pa.ChunkedArray | None
    dropped: int
