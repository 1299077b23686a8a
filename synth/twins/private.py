"""The rows of a model as the private engine learns them: all that a twin by guarantee ever knows of them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from synth.columns.unseen import PRESENT, private_columns
from synth.errors import ModelError
from synth.guarantee import OTHER, ColumnDomain, PrivateSynthesizer
from synth.runs.costs import domain_of, rows_per_entity
from synth.sampling.renumbering import with_new_numbers
from synth.sampling.source import MOST, codes_of_owners
from synth.twins.links import count_parents, link_column
from synth.twins.offsets import as_distances, as_moments
from synth.twins.quotients import as_numbers, as_shares
from synth.warehouse.ledger import ROWS
from synth.warehouse.spending import Cost

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from synth.columns.roles import Treatment
    from synth.domain import Column, Model, Task
    from synth.sampling.context import Case, RunContext, TwinTable
    from synth.twins.offsets import Offset
    from synth.twins.publicly import Publicly
    from synth.twins.quotients import Quotient

KEY_BYTES = 32
# Stands for a row of a table of which no column is counted.
NOTHING = "synth row"


@dataclass(frozen=True, slots=True)
class PrivateModel:
    """What the private engine has learned of a model.

    Attributes:
        engine: draws rows; what it learned is all that is known of the real ones.
        domain: whom the rows are about, by the name under which costs add up.
        real: what it counted, for figures that the owner alone sees.
        entities: whose each of these rows is; None where each is its own.
        rows_per_entity: of how many rows of an entity it may know.
        offsets: moments that it counted as distances; `moments` are their domains.
        quotients: numbers that it counted as shares of those of public tables.
        link: the key that says whose each row is, where it was counted how many rows parents have.
    """

    engine: PrivateSynthesizer
    domain: str
    rows_per_entity: int
    real: pd.DataFrame
    entities: NDArray[np.int64] | None = None
    link: Treatment | None = None
    offsets: tuple[Offset, ...] = ()
    moments: Mapping[str, ColumnDomain] = field(default_factory=dict)
    quotients: tuple[Quotient, ...] = ()

    def sample(self, rows: int) -> pd.DataFrame:
        """Return rows of which labels that stand for others are commoner ones, where there are any."""
        if list(self.engine.domains) == [NOTHING]:
            return pd.DataFrame(index=pd.RangeIndex(rows))
        rows_of_engine = as_moments(self.engine.sample(rows), self.offsets, self.moments)
        rows_of_engine = as_numbers(rows_of_engine, self.quotients)
        names = [name for name in self.engine.domains if _has_others(rows_of_engine[name])]
        return rows_of_engine.assign(**{name: _commoner(rows_of_engine[name]) for name in names})

    @property
    def without_labels(self) -> frozenset[str]:
        """The categories of which no label may be told."""
        names = [
            name
            for name, domain in self.engine.domains.items()
            if domain.kind == "category" and domain.labels != (PRESENT,)
        ]
        sample = self.sample(1_000)
        return frozenset(
            name
            for name in names
            if name in sample and sample[name].isin([OTHER]).eq(sample[name].notna()).all()
        )


@dataclass(frozen=True, slots=True)
class PrivateDraft:
    """A twin by guarantee that is not staged yet, or is staged and could be again with other columns.

    Attributes:
        warnings: what the owner should know of its making.
        because: why no checks decide.
        parents: columns of the twins made before, by `unique_id`.
        referenced_columns: columns that its children reference.
    """

    case: Case
    private: PrivateModel
    twin_table: TwinTable
    warnings: tuple[str, ...]
    because: str
    parents: Mapping[str, Mapping[str, pa.ChunkedArray]]
    referenced_columns: frozenset[str]


def learn_privately(
    task: Task, context: RunContext, public: Publicly, columns: Sequence[Column]
) -> PrivateModel:
    """Pay for the twin of a model, and learn its rows once.

    Raises:
        ModelError: the budget does not reach, or the rows are too many.
        WarehouseError: Postgres refused.
    """
    model, guarantee = task.model, task.guarantee
    cost = Cost(
        domain_of(model),
        model.unique_id,
        context.run_id,
        context.invocation_id,
        guarantee.epsilon,
        guarantee.delta,
        rows_per_entity(task),
        context.inputs.get(model.unique_id, {}).get(ROWS, ""),
    )
    context.warehouse.spend(context.settings.schema, cost, context.settings.options.budget)
    real, owners = _rows(model, columns, context)
    frame = private_columns(real, public.treatments)[list(public.domains)]
    domains = dict(public.domains)
    if not domains:
        domains = {NOTHING: ColumnDomain("boolean", nullable=False)}
        frame = pd.DataFrame({NOTHING: np.zeros(real.num_rows, bool)})
    engine = PrivateSynthesizer(
        domains,
        guarantee.epsilon,
        guarantee.delta,
        rows_per_entity=cost.rows_per_entity,
        discover=guarantee.discover,
        seed=task.seed,
    )
    secret, link = secrets.token_bytes(KEY_BYTES), link_column(model, public.treatments)
    parents = (
        link if link is None else count_parents(model, link, real, cost.rows_per_entity, context, secret)
    )
    rows = as_shares(as_distances(frame, public.offsets), public.quotients)
    engine.fit(rows, owners, secret, parents=parents)
    context.warehouse.explain_cost(
        context.settings.schema,
        cost,
        [{"what": one.what, "rho": one.rho, "delta": one.delta} for one in engine.releases],
    )
    link = link if engine.children is not None else None
    model_of_rows = PrivateModel(engine, cost.domain, cost.rows_per_entity, frame, owners, link)
    return replace(model_of_rows, offsets=public.offsets, moments=public.moments, quotients=public.quotients)


def _rows(
    model: Model, columns: Sequence[Column], context: RunContext
) -> tuple[pa.Table, NDArray[np.int64] | None]:
    """Return the rows, and whose each is, as numbers; None where each is its own."""
    number = context.snapshot.count(model.relation)
    if number > MOST:
        raise ModelError(
            f"{model.name} has more than {MOST:,} rows, which the private engine does not read. Next: "
            "publish it by checks (`privacy: checked`), which can decide about as many"
        )
    real = context.snapshot.extract(model.relation, columns)
    real = real.rename_columns([column.name for column in columns])
    real = with_new_numbers(real, model, context.warehouse, context.snapshot)
    return real, codes_of_owners(model, real, context.warehouse, context.snapshot)


def _has_others(values: pd.Series[Any]) -> bool:
    return values.dtype == object and bool((values == OTHER).any())


def _commoner(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return the labels, in place of that of all others one of those that may be told, if there are any."""
    others = (values == OTHER).to_numpy(bool)
    common_labels = values[~others & values.notna()].to_numpy(object)
    result = values.copy()
    if not len(common_labels):
        return result
    rng = np.random.default_rng(len(values))
    result[others] = common_labels[rng.integers(0, len(common_labels), int(others.sum()))]
    return result
