"""Which of the facts that tests and constraints state hold in the real data; a twin is held to no other."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from synth.domain import Role, Scope
from synth.facts.given import equation
from synth.warehouse.rules import RuleOutcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pyarrow as pa

    from synth.domain import Formula, Model, RowCount, Rule, Task
    from synth.warehouse import Snapshot, Warehouse


@dataclass(frozen=True, slots=True)
class Standing:
    """The rules that a twin must keep.

    Attributes:
        of_rows: about each row on its own.
        mentioned: the columns that each of these mentions.
        of_tables: about all rows together.
        formulas: of columns that are what others say, and the columns that each of them mentions.
    """

    of_rows: tuple[Rule, ...] = ()
    mentioned: tuple[frozenset[str], ...] = ()
    of_tables: tuple[Rule, ...] = ()
    formulas: Mapping[Formula, frozenset[str]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All of them."""
        return (*self.of_rows, *self.of_tables)


def read_standing(model: Model, warehouse: Warehouse, snapshot: Snapshot, staging_schema: str) -> Standing:
    """The rules of a model and of its relation that Postgres understands and the real data keep.

    Raises:
        WarehouseError: Postgres refused.
    """
    return _standing(
        model, warehouse, staging_schema, lambda rules: snapshot.count_violations(model.relation, rules)
    )


def read_stated(model: Model, warehouse: Warehouse, staging_schema: str) -> Standing:
    """All rules that Postgres understands, whether the real data keep them or not: nobody looks.

    Raises:
        WarehouseError: Postgres refused.
    """
    return _standing(model, warehouse, staging_schema, lambda rules: tuple(RuleOutcome() for _ in rules))


def _standing(
    model: Model,
    warehouse: Warehouse,
    staging_schema: str,
    judged: Callable[[Sequence[Rule]], tuple[RuleOutcome, ...]],
) -> Standing:
    own = (
        replace(rule, sets=equation(rule.holds[1:-1]))  # Postgres puts each of them in brackets
        for rule in warehouse.constraints(model.relation)
    )
    left_out = [
        f"the twin of {model.name} goes without {what}" for what in warehouse.left_out(model.relation)
    ]
    stated = (*model.rules, *own)
    if not stated and not model.formulas:
        return Standing(warnings=tuple(left_out))
    asked = (*stated, *(formula.rule for formula in model.formulas))
    understood = warehouse.understand(model.relation, asked, staging_schema)
    every = tuple(replace(one.rule, holds=one.holds or one.rule.holds) for one in understood)
    mentioned = dict(zip(every, (one.columns for one in understood), strict=True))
    computing = dict(zip(every[len(stated) :], model.formulas, strict=True))
    reasons = dict(zip(every, (one.failure or _lost(one.columns, model) for one in understood), strict=True))
    usable = [rule for rule in every if not reasons.get(rule)]
    outcomes = dict(zip(usable, judged(usable), strict=True))
    reasons |= {rule: outcome.failure for rule, outcome in outcomes.items() if outcome.failure}
    warnings = [
        f"{rule.source} of {model.name} is not used: {why}"
        for rule, why in reasons.items()
        if why and rule not in computing  # nobody has stated those
    ]
    broken = [rule for rule, outcome in outcomes.items() if outcome.violations]
    true = [rule for rule in usable if not reasons.get(rule) and rule not in broken]
    kept = [rule for rule in true if rule not in computing]
    rows = tuple(rule for rule in kept if rule.scope is Scope.ROW)
    return Standing(
        rows,
        tuple(mentioned[rule] for rule in rows),
        tuple(rule for rule in kept if rule.scope is not Scope.ROW),
        {computing[rule]: mentioned[rule] for rule in true if rule in computing},
        (*left_out, *warnings, *(_broken(rule.source, model) for rule in broken if rule not in computing)),
    )


def _lost(columns: Iterable[str], model: Model) -> str:
    """Why a rule about columns that the twin does not have is of no use."""
    lost = sorted(name for name in columns if model.roles.get(name) is Role.DROP)
    return f"{', '.join(lost)} is left out of the twin" if lost else ""


def _broken(source: str, model: Model) -> str:
    return f"{source} does not hold in {model.relation}, so the twin is not held to it"


def held(model: Model, real: pa.Table) -> tuple[Model, tuple[str, ...]]:
    """The model without keys and not-null columns that its real rows contradict, and what to tell of that."""
    keys = [fact for fact in model.facts if fact.unique and not _is_key(fact.unique, real)]
    empty = [fact for fact in model.facts if _has_null(fact.not_null, real)]
    if not keys and not empty:
        return model, ()
    lost = {fact.unique for fact in keys}
    nullable = {fact.not_null for fact in empty}
    broken = {
        fact: replace(fact, effect="not used: the real rows break it", used=False) for fact in (*keys, *empty)
    }
    kept = replace(
        model,
        facts=tuple(broken.get(fact, fact) for fact in model.facts),
        unique=tuple(columns for columns in model.unique if columns not in lost),
        not_null=model.not_null - nullable,
        primary_key=() if model.primary_key in lost or nullable & {*model.primary_key} else model.primary_key,
    )
    return kept, tuple(_broken(fact.source, model) for fact in broken)


def _is_key(columns: tuple[str, ...], real: pa.Table) -> bool:
    """Whether the rows differ in these columns; NULL is no value of a single one, as in dbt's test."""
    if not set(columns) <= set(real.column_names):
        return True  # not known, and not for us to say
    if len(columns) == 1:
        values = real.column(columns[0]).drop_null()
        return len(values) == len(values.unique())
    return bool(real.group_by(list(columns)).aggregate([]).num_rows == real.num_rows)


def _has_null(column: str, real: pa.Table) -> bool:
    return column in real.column_names and real.column(column).null_count > 0


def check_row_counts(tasks: Sequence[Task], warehouse: Warehouse) -> tuple[dict[str, str], tuple[str, ...]]:
    """Numbers of rows that a test forbids, as far as the real tables keep to it, by `unique_id`; warnings.

    Raises:
        WarehouseError: Postgres refused.
    """
    if not any(task.model.counts for task in tasks):
        return {}, ()
    named = {task.model.unique_id: task for task in tasks}
    warnings, reasons = [], {}
    with warehouse.snapshot() as snapshot:
        rows = {name: snapshot.count(task.model.relation) for name, task in named.items()}
    for task in tasks:
        for count in task.model.counts:
            if count.other and count.other not in named:
                continue  # the other twin is not made now; `synth test` compares them
            own, other = task.model.unique_id, named.get(count.other)
            if not _allowed(count, rows[own], rows[other.model.unique_id] if other else 1):
                warnings.append(_broken(count.source, task.model))
                continue
            wanted = task.rows.of(rows[own])
            if not _allowed(count, wanted, other.rows.of(rows[other.model.unique_id]) if other else 1):
                reasons[own] = _forbidden(task, count, wanted)
    return reasons, tuple(warnings)


def _allowed(count: RowCount, rows: int, unit: int) -> bool:
    low, high = count.low * unit, count.high * unit
    return low < rows < high if count.strictly else low <= rows <= high


def _forbidden(task: Task, count: RowCount, wanted: int) -> str:
    return (
        f"{task.model.path}: the twin of {task.model.name} would have {wanted:,} rows (rows: {task.rows}), "
        f"which {count.source} forbids. Next: set other `rows`, in `meta: {{synth: …}}` or by --rows."
    )
