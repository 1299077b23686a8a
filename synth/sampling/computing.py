"""Columns that the project's SQL computes from others are computed in the twin, too, by Postgres."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from synth.columns.conform import columns_by_row, learnable
from synth.columns.encoding import as_in_files
from synth.columns.roles import REPLACED_ROLES
from synth.domain import Role, Scope
from synth.warehouse.rules import Candidates

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    import pandas as pd

    from synth.columns.roles import Treatment
    from synth.domain import Formula, Model, Rule
    from synth.sampling.context import Case, Samples, TwinTable
    from synth.warehouse.rules import Equation, Judgement

FORMULA_ROLES = frozenset({Role.NUMBER, Role.DATETIME, Role.BOOLEAN, Role.CATEGORY})
KEYS = frozenset({Role.KEY, Role.FOREIGN_KEY})


def judge(
    case: Case, table: pa.Table, rules: Sequence[Rule], equations: Sequence[Equation] = ()
) -> Judgement:
    """Return which rows of `table` break a rule, after columns were computed that equations demand."""
    return case.context.warehouse.judge_rows(candidates(case, table), rules, equations)


def candidates(case: Case, table: pa.Table) -> Candidates:
    """Return the rows of `table` as rows that may become the twin of the case."""
    columns = [column for column in case.source.columns if column.name in table.column_names]
    relation_columns = table.select([column.name for column in columns])
    return Candidates(
        case.task.model.relation, columns, relation_columns, case.context.settings.staging_schema
    )


def equations(formulas: Collection[Formula]) -> list[Equation]:
    """Return the formulas as equations, of which each decides its column."""
    return [(formula.rule, formula.column, formula.sql) for formula in formulas]


def early(case: Case) -> Mapping[Formula, frozenset[str]]:
    """Return the formulas of learned columns over others that are final as soon as they are drawn."""
    final = columns_by_row(case.treatments)
    learned_columns = {one.column.name for one in case.treatments if one.role in FORMULA_ROLES}
    return {
        formula: names
        for formula, names in own_formulas(case).items()
        if formula.scope is Scope.ROW and formula.column in learned_columns and names <= final
    }


def own_formulas(case: Case) -> Mapping[Formula, frozenset[str]]:
    """Return the formulas of columns that nobody has decided otherwise.

    New keys go their own way: what others refer to by them must be there, and be there once.
    """
    return wanted_formulas(case.task.model, case.treatments, case.enforceable.formulas)


def wanted_formulas(
    model: Model, treatments: Sequence[Treatment], formulas: Mapping[Formula, frozenset[str]]
) -> Mapping[Formula, frozenset[str]]:
    """Return those among `formulas`, with the columns that each mentions, that decide a column.

    New keys go their own way; keys of what is about nobody are values like others. What is learned does not
    follow from text that is lost: its length would be none.
    """
    roles = {one.column.name: one.role for one in treatments}
    fixed_columns = {*model.seed_columns, *model.balance}
    public = {one.column.name for one in treatments if one.parent is not None and one.parent.public}
    fixed_columns |= {name for name, role in roles.items() if role in KEYS and name not in public}
    fixed_columns |= {name for name, role in roles.items() if role in {Role.KEEP, Role.DROP}}
    texts = {name for name, role in roles.items() if role is Role.FREE_TEXT}
    learned_columns = {name for name, role in roles.items() if role in FORMULA_ROLES}
    return {
        formula: names
        for formula, names in formulas.items()
        if formula.column not in fixed_columns
        and not (formula.column in learned_columns and names & texts)
        and all(roles.get(name, Role.DROP) is not Role.DROP for name in names)
    }


def formulas_of_keys(case: Case) -> dict[Formula, frozenset[str]]:
    """Return the formulas of keys of the rows' own over others, as `C00012` of customer 12."""
    model = case.task.model
    roles = {one.column.name: one.role for one in case.treatments}
    fixed_columns = {*model.seed_columns, *model.balance}
    fixed_columns |= {key.parent_column for key in model.foreign_keys if key.parent == model.unique_id}
    own = {one.column.name for one in case.treatments if one.role is Role.KEY and one.shared is None}
    free = own - fixed_columns if model.history is None else set[str]()
    formulas = {
        formula: names
        for formula, names in case.enforceable.formulas.items()
        if formula.scope is Scope.ROW and formula.column in free and _may_tell_keys(formula, names, roles)
    }
    computed = {formula.column for formula in formulas}
    return {one: names for one, names in formulas.items() if not (names - {one.column}) & computed}


def _may_tell_keys(formula: Formula, names: frozenset[str], roles: Mapping[str, Role]) -> bool:
    """Return whether a key follows from another one of its row, and from nothing that the twin lacks."""
    sources = {roles.get(name, Role.DROP) for name in names if name != formula.column}
    return bool(sources & KEYS) and not sources & {Role.DROP, Role.FREE_TEXT}


def with_keys_of_keys(case: Case, table: pa.Table) -> pa.Table:
    """Return the twin with those keys that are computed from others, if that gives new ones, each once."""
    formulas = formulas_of_keys(case)
    if not formulas or not table.num_rows:
        return table
    names = frozenset().union(*formulas.values(), (one.column for one in formulas))
    rows = table.select([name for name in table.column_names if name in names])
    columns = judge(case, rows, (), equations([*formulas])).computed_columns
    for name in columns.column_names:
        real = case.source.real.column(name)
        values = as_in_files(columns.column(name), real.type)
        is_new = not pc.any(pc.is_in(values, real.combine_chunks())).as_py()
        if values.null_count or not is_new or len(values.unique()) < len(values):
            columns = columns.drop_columns([name])
    return with_new_columns(table, columns)


def with_formulas(case: Case, twin_table: TwinTable, computed_columns: Collection[str]) -> TwinTable:
    """Return the twin with every column as its formula says, where that was not so before keys were made.

    Args:
        case: of the twin.
        twin_table: the twin.
        computed_columns: columns that are what their formulas say already.
    """
    twin_table = replace(twin_table, table=with_keys_of_keys(case, twin_table.table))
    formulas = own_formulas(case)
    again = case.task.model.history is not None  # versions are put in order after rows were judged
    own = [formula for formula in formulas if formula.scope is Scope.ROW]  # for the others see `windows`
    late = [formula for formula in own if again or formula.column not in computed_columns]
    if not late or not twin_table.table.num_rows:
        return twin_table
    names = frozenset().union(*(formulas[formula] for formula in late))
    table = twin_table.table.select([name for name in twin_table.table.column_names if name in names])
    columns = judge(case, table, (), equations(late)).computed_columns
    return replace(twin_table, table=with_new_columns(twin_table.table, columns))


def without_new_breaks(case: Case, table: pa.Table, columns: pa.Table) -> tuple[pa.Table, int]:
    """Return columns for a twin, as they were in rows that would break a rule with them; how many these are.

    What constraints demand of a row comes before what rows of other tables say of it: else no row could be
    staged.

    Args:
        case: of the twin.
        table: the twin, which keeps its rules.
        columns: new ones, in the order of its rows.
    """
    names, new_table = {*columns.column_names}, with_new_columns(table, columns)
    rules_concerned = [
        (rule, mentions)
        for rule, mentions in zip(case.enforceable.of_rows, case.enforceable.mentioned_columns, strict=True)
        if mentions & names
    ]
    if not rules_concerned or not table.num_rows:
        return columns, 0
    needed_columns = frozenset().union(*(mentions for _, mentions in rules_concerned))
    rows_to_judge = new_table.select([name for name in new_table.column_names if name in needed_columns])
    violations = judge(case, rows_to_judge, [rule for rule, _ in rules_concerned]).violations
    if not violations:
        return columns, 0
    is_broken = np.zeros(table.num_rows, bool)
    is_broken[list(violations)] = True
    mask = pa.array(is_broken)
    values = {name: pc.if_else(mask, table.column(name), new_table.column(name)) for name in sorted(names)}
    return pa.table(values), len(violations)


def with_formulas_and_rules(
    case: Case, tables: tuple[TwinTable, TwinTable], samples: Samples, computed_columns: Collection[str]
) -> tuple[TwinTable, Samples, tuple[str, ...]]:
    """Return the twin with its formulas; rows that break a rule, since they were put right, as they were.

    Args:
        case: of the twin.
        tables: the twin whose rows kept the rules when they were judged, and with rows put right.
        samples: the rows that it was made of.
        computed_columns: columns that were what their formulas say when rows were judged.

    Returns:
        The twin, the rows that it is judged by, and warnings.
    """
    before = with_formulas(case, tables[0], computed_columns)
    if tables[1] is tables[0]:
        return before, samples, ()
    after = with_formulas(case, tables[1], ())
    if not np.array_equal(before.places, after.places):
        return after, samples, ()
    pairs = zip(before.table.column_names, before.table.columns, after.table.columns, strict=True)
    changes = after.table.select([name for name, one, other in pairs if not one.equals(other)])
    columns, number = without_new_breaks(case, before.table, changes)
    if not number:
        return after, samples, ()
    twin_table, samples = with_columns(after, samples, case.treatments, columns)
    warning = f"{number:,} rows of the twin do not follow from its other rows: that would break its rules"
    return twin_table, samples, (warning,)


def null_where_broken(case: Case, table: pa.Table) -> pa.Table:
    """Return the twin with NULL in place of made-up values that a rule does not allow, where NULL may be.

    Of what cannot be read in a rule, such as a look-ahead in a pattern, nothing made up can know.
    """
    made_up = REPLACED_ROLES | {Role.NATURAL_KEY, Role.FREE_TEXT}
    names = {one.column.name for one in case.treatments if one.role in made_up and not one.is_required}
    rules = zip(case.enforceable.of_rows, case.enforceable.mentioned_columns, strict=True)
    for rule, mentions in rules:
        free = sorted(mentions & names & {*table.column_names})
        if not free or not table.num_rows:
            continue
        rows_to_judge = table.select([name for name in table.column_names if name in mentions])
        is_broken = np.zeros(table.num_rows, bool)
        is_broken[list(judge(case, rows_to_judge, [rule]).violations)] = True
        for name in free if is_broken.any() else ():
            place, values = table.column_names.index(name), table.column(name)
            nothing = pa.scalar(None, values.type)
            table = table.set_column(place, name, pc.if_else(pa.array(is_broken), nothing, values))
    return table


def with_new_columns(table: pa.Table, columns: pa.Table) -> pa.Table:
    """Return the table with these columns in place of its own."""
    for name in columns.column_names:
        place = table.column_names.index(name)
        table = table.set_column(
            place, name, as_in_files(columns.column(name), table.schema.field(place).type)
        )
    return table


def with_columns(
    twin_table: TwinTable, samples: Samples, treatments: Iterable[Treatment], columns: pa.Table
) -> tuple[TwinTable, Samples]:
    """Return the twin with other columns, and the rows that it is judged by with them.

    Args:
        twin_table: the twin.
        samples: the rows that it was made of.
        treatments: of its columns.
        columns: of each row of the twin.
    """
    table = twin_table.table
    for name in columns.column_names:
        place = table.column_names.index(name)
        table = table.set_column(
            place, name, as_in_files(columns.column(name), table.schema.field(place).type)
        )
    names = set(columns.column_names)
    learned_columns = learnable(table, [one for one in treatments if one.column.name in names])
    now = samples.synthetic.copy()
    for name in set(learned_columns.columns) & set(now.columns):
        others = learned_columns[name]
        values = _with_room(now[name].copy(), others)
        values.iloc[twin_table.places] = others.astype(values.dtype).array
        now[name] = values
    has_agreed = samples.has_agreed or not now.equals(samples.synthetic)
    return replace(twin_table, table=table), replace(samples, synthetic=now, has_agreed=has_agreed)


def _with_room(values: pd.Series[Any], others: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column that has no NULL as one that can hold those of others."""
    kind = values.dtype.kind if others.isna().any() and isinstance(values.dtype, np.dtype) else ""
    return values.astype("Int64" if kind in "iu" else object) if kind and kind in "iub" else values
