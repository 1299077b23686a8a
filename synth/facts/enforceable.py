"""Which of the facts that tests and constraints state hold in the real data; a twin is held to no other."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from synth.domain import Role, Scope
from synth.facts.arguments import equation
from synth.warehouse.rules import RuleOutcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pyarrow as pa

    from synth.domain import Formula, Model, RowCount, Rule, Task
    from synth.warehouse import Snapshot, Warehouse


@dataclass(frozen=True, slots=True)
class EnforceableFacts:
    """The rules that a twin must keep.

    Attributes:
        of_rows: about each row on its own.
        mentioned_columns: the columns that each of these mentions.
        of_tables: about all rows together.
        formulas: of columns that are what others say, and the columns that each of them mentions.
    """

    of_rows: tuple[Rule, ...] = ()
    mentioned_columns: tuple[frozenset[str], ...] = ()
    of_tables: tuple[Rule, ...] = ()
    formulas: Mapping[Formula, frozenset[str]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All of them."""
        return (*self.of_rows, *self.of_tables)


def read_enforceable(
    model: Model, warehouse: Warehouse, snapshot: Snapshot, staging_schema: str
) -> EnforceableFacts:
    """Return the rules of a model and of its relation that Postgres understands and the real data keep.

    Raises:
        WarehouseError: Postgres refused.
    """
    return _read_rules(
        model,
        warehouse,
        staging_schema,
        lambda rules: snapshot.count_violations(model.relation, rules),
        looks=True,
    )


def read_stated(model: Model, warehouse: Warehouse, staging_schema: str) -> EnforceableFacts:
    """Return all rules that Postgres understands, whether the real data keep them or not: nobody looks.

    Of windows only those count of which the SQL shows that no row was left out after them.

    Raises:
        WarehouseError: Postgres refused.
    """
    complete = tuple(formula for formula in model.formulas if formula.is_complete)
    model = replace(model, formulas=complete)
    return _read_rules(
        model, warehouse, staging_schema, lambda rules: tuple(RuleOutcome() for _ in rules), looks=False
    )


def _read_rules(
    model: Model,
    warehouse: Warehouse,
    staging_schema: str,
    count_violations: Callable[[Sequence[Rule]], tuple[RuleOutcome, ...]],
    *,
    looks: bool,
) -> EnforceableFacts:
    own = (
        replace(rule, sets=equation(rule.holds[1:-1]))  # Postgres puts each of them in brackets
        for rule in warehouse.constraints(model.relation)
    )
    left_out = [
        f"the twin of {model.name} goes without {what}" for what in warehouse.left_out(model, looks=looks)
    ]
    stated_rules = (*model.rules, *own)
    if not stated_rules and not model.formulas:
        return EnforceableFacts(warnings=tuple(left_out))
    rules_to_parse = (*stated_rules, *(formula.rule for formula in model.formulas))
    parsed_rules = warehouse.understand(model.relation, rules_to_parse, staging_schema)
    every = tuple(replace(one.rule, holds=one.holds or one.rule.holds) for one in parsed_rules)
    columns_by_rule = dict(zip(every, (one.columns for one in parsed_rules), strict=True))
    computing = dict(zip(every[len(stated_rules) :], model.formulas, strict=True))
    failures = (one.failure or _why_missing(one.columns, model) for one in parsed_rules)
    reasons = dict(zip(every, failures, strict=True))
    usable = [rule for rule in every if not reasons.get(rule)]
    outcomes = dict(zip(usable, count_violations(usable), strict=True))
    reasons |= {rule: outcome.failure for rule, outcome in outcomes.items() if outcome.failure}
    warnings = [
        f"{rule.source} of {model.name} is not used: {why}"
        for rule, why in reasons.items()
        if why and rule not in computing  # nobody has stated those
    ]
    broken_rules = [rule for rule, outcome in outcomes.items() if outcome.violations]
    true = [rule for rule in usable if not reasons.get(rule) and rule not in broken_rules]
    kept_rules = [rule for rule in true if rule not in computing]
    rows = tuple(rule for rule in kept_rules if rule.scope is Scope.ROW)
    return EnforceableFacts(
        rows,
        tuple(columns_by_rule[rule] for rule in rows),
        tuple(rule for rule in kept_rules if rule.scope is not Scope.ROW),
        {computing[rule]: columns_by_rule[rule] for rule in true if rule in computing},
        (
            *left_out,
            *warnings,
            *(_violation_warning(rule.source, model) for rule in broken_rules if rule not in computing),
        ),
    )


def _why_missing(columns: Iterable[str], model: Model) -> str:
    """Return why a rule about columns that the twin does not have is of no use."""
    dropped_columns = sorted(name for name in columns if model.roles.get(name) is Role.DROP)
    return f"{', '.join(dropped_columns)} is left out of the twin" if dropped_columns else ""


def _violation_warning(source: str, model: Model) -> str:
    return f"{source} does not hold in {model.relation}, so the twin is not held to it"


def keep_true_facts(model: Model, real: pa.Table) -> tuple[Model, tuple[str, ...]]:
    """Return the model without the keys and not-null columns that real rows contradict; warnings."""
    keys = [fact for fact in model.facts if fact.unique and not _is_key(fact.unique, real)]
    empty = [fact for fact in model.facts if _has_null(fact.not_null, real)]
    if not keys and not empty:
        return model, ()
    false_keys = {fact.unique for fact in keys}
    nullable = {fact.not_null for fact in empty}
    false_facts = {
        fact: replace(fact, effect="not used: the real rows break it", is_used=False)
        for fact in (*keys, *empty)
    }
    true_model = replace(
        model,
        facts=tuple(false_facts.get(fact, fact) for fact in model.facts),
        unique=tuple(columns for columns in model.unique if columns not in false_keys),
        not_null=model.not_null - nullable,
        primary_key=()
        if model.primary_key in false_keys or nullable & {*model.primary_key}
        else model.primary_key,
    )
    return true_model, tuple(_violation_warning(fact.source, model) for fact in false_facts)


def _is_key(columns: tuple[str, ...], real: pa.Table) -> bool:
    """Return whether the rows differ in these columns; NULL is no value of a single one, as in dbt's test."""
    if not set(columns) <= set(real.column_names):
        return True  # not known, and not for us to say
    if len(columns) == 1:
        values = real.column(columns[0]).drop_null()
        return len(values) == len(values.unique())
    return bool(real.group_by(list(columns)).aggregate([]).num_rows == real.num_rows)


def _has_null(column: str, real: pa.Table) -> bool:
    return column in real.column_names and real.column(column).null_count > 0


def check_row_counts(tasks: Sequence[Task], warehouse: Warehouse) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the row counts that a test forbids, by `unique_id`, where real tables keep it; warnings.

    Raises:
        WarehouseError: Postgres refused.
    """
    if not any(task.model.counts for task in tasks):
        return {}, ()
    tasks_by_model = {task.model.unique_id: task for task in tasks}
    warnings, reasons = [], {}
    with warehouse.snapshot() as snapshot:
        rows = {name: snapshot.count(task.model.relation) for name, task in tasks_by_model.items()}
    for task in tasks:
        for count in task.model.counts:
            if count.other and count.other not in tasks_by_model:
                continue  # the other twin is not made now; `synth test` compares them
            own, other = task.model.unique_id, tasks_by_model.get(count.other)
            if not _is_allowed(count, rows[own], rows[other.model.unique_id] if other else 1):
                warnings.append(_violation_warning(count.source, task.model))
                continue
            planned_rows = task.rows.of(rows[own])
            if not _is_allowed(
                count, planned_rows, other.rows.of(rows[other.model.unique_id]) if other else 1
            ):
                reasons[own] = _refusal(task, count, planned_rows)
    return reasons, tuple(warnings)


def _is_allowed(count: RowCount, rows: int, unit: int) -> bool:
    low, high = count.low * unit, count.high * unit
    return low < rows < high if count.strictly else low <= rows <= high


def _refusal(task: Task, count: RowCount, row_count: int) -> str:
    return (
        f"{task.model.path}: the twin of {task.model.name} would have {row_count:,} rows "
        f"(rows: {task.rows}), which {count.source} forbids. "
        "Next: set other `rows`, in `meta: {synth: …}` or by --rows."
    )
