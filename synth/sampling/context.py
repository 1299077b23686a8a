"""What the steps of a run hand to each other."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from synth.facts.across import AcrossFacts
from synth.facts.enforceable import EnforceableFacts
from synth.progress import Lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

    from synth.backends import Backends
    from synth.columns.roles import Treatment
    from synth.domain import Relation, Shares, Task, Uniqueness
    from synth.progress import Bars
    from synth.runs.artifacts import RunFolder
    from synth.runs.attempts import Attempt
    from synth.sampling.families import Family
    from synth.sampling.source import SourceRows
    from synth.settings import Settings
    from synth.stores import Store
    from synth.warehouse import Snapshot, Warehouse


@dataclass(frozen=True, slots=True)
class RunContext:
    """What all models of a run share.

    Attributes:
        twins: every model that has a twin or asks for one, by `unique_id`.
        invocation_id: of this command; others may work for the same run.
        keep: whether stages stay for a later `synth publish`.
        inputs: what each twin is made from, by `unique_id` and `synth.runs.fingerprint`.
        stage_relations: where the twins wait that others have made for this run, by `unique_id`.
        facts: what is true across the tables of the run.
        sql_facts: what the project's SQL says across them, whatever the rows hold.
        sources: rows that were read and wait for their turn, by `unique_id`; who takes some takes them away.
    """

    run_id: str
    warehouse: Warehouse
    snapshot: Snapshot
    store: Store
    folder: RunFolder
    settings: Settings
    twins: Mapping[str, Relation]
    backends: Backends
    progress: Lines | Bars = field(default_factory=Lines)
    invocation_id: str = ""
    keep: bool = False
    inputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    stage_relations: Mapping[str, Relation] = field(default_factory=dict)
    facts: AcrossFacts = field(default_factory=AcrossFacts)
    sql_facts: AcrossFacts = field(default_factory=AcrossFacts)
    sources: dict[str, SourceRows] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DrawnAgain:
    """The rows of a case that were drawn by other halves of its entities, by the number of the split."""

    by_number: dict[int, tuple[Case, Samples | None]] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)


@dataclass(frozen=True, slots=True)
class Case:
    """One model on its way: its rows, and what is to become of each column; `rows` are those of the twin.

    `unique` is what only its relation knows to be unique, beside `task.model.unique`.
    `family` says whose the rows are, where they are drawn as histories of their owners.
    `again` holds what was drawn of it by other halves.
    """

    task: Task
    context: RunContext
    source: SourceRows
    treatments: tuple[Treatment, ...]
    attempt: Attempt
    rows: int
    enforceable: EnforceableFacts = field(default_factory=EnforceableFacts)
    unique: tuple[Uniqueness, ...] = ()
    family: Family | None = None
    again: DrawnAgain = field(default_factory=DrawnAgain, compare=False)

    @property
    def owner(self) -> str:
        """The column that says whose each row is: of the nearest, where rows are histories; "" for none."""
        whose = self.task.model.ownership
        nearest = None if self.family is None else self.family.key
        return nearest or ("" if whose is None else whose.column)


@dataclass(frozen=True, slots=True)
class Samples:
    """The learned columns of training, holdout and synthetic rows, as a backend sees them.

    Attributes:
        synthetic: every row that the backend returned; those beyond the rows of the twin are spare.
        categories: columns whose values are labels.
        public: columns whose values are no secret.
        balance: columns that are distributed as the user wanted.
        scores: what a remote service thinks of the rows it returned.
        second: which synthetic rows an engine drew that learned `holdout`, the second half; None: there is
            one engine, which learned `training`.
        owner: of each synthetic row, the position of its owner's twin; None: rows have no owner.
        group: of each synthetic row, the number of its group within the rows of its owner, if there are such.
        rows: how many rows the histories of all owners have; those beyond are spare. None: as many as asked.
        has_agreed: whether columns of the twin's rows are what other twins say; those of spare rows are not.
    """

    training: pd.DataFrame
    holdout: pd.DataFrame
    synthetic: pd.DataFrame
    categories: frozenset[str]
    public: frozenset[str]
    balance: Mapping[str, Shares]
    warnings: tuple[str, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    second: NDArray[np.bool_] | None = None
    owner: NDArray[np.int64] | None = None
    rows: int | None = None
    group: NDArray[np.int64] | None = None
    has_agreed: bool = False

    def of_rows(self, places: NDArray[np.intp]) -> Samples:
        """Return these synthetic rows alone, numbered anew."""
        second = None if self.second is None else self.second[places]
        owner = None if self.owner is None else self.owner[places]
        group = None if self.group is None else self.group[places]
        synthetic = self.synthetic.iloc[places].reset_index(drop=True)
        return replace(self, synthetic=synthetic, second=second, owner=owner, group=group)


@dataclass(frozen=True, slots=True)
class TwinTable:
    """The twin as it would be published.

    Attributes:
        entities: of the rows before some were left out, to be evaluated; None where each row is one.
        duplicate_rows: how many rows were left out, because they repeated a composite key.
        broken_rules: how many were left out for each rule that they broke by keys or identifiers.
        places: of each row of `table` among the rows drawn.
    """

    table: pa.Table
    entities: pa.ChunkedArray | None
    duplicate_rows: int
    broken_rules: Mapping[str, int] = field(default_factory=dict)
    places: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
