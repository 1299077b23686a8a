"""Which references to public tables say when rows were: they are learned as times, and order histories."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from synth.columns.calendars import (
    CalendarForm,
    at_no_time,
    calendar_form,
    orders_rows,
    with_real_rows,
)
from synth.domain import MOMENTS, Role
from synth.graph.calendars import are_days_in_a_row
from synth.sampling.ordering import own_dates
from synth.sampling.renumbering import with_new_keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from synth.columns.roles import Treatment
    from synth.domain import ForeignKey
    from synth.sampling.context import RunContext, Samples
    from synth.sampling.source import SourceRows


def with_calendars(
    treatments: Sequence[Treatment], source: SourceRows, context: RunContext
) -> tuple[Treatment, ...]:
    """Return the columns; references that say when their row was are times.

    A key of a calendar does. So does one of events of ten people each, where no other column says when a row
    was, and real rows of an owner lie together in time. An event of few must not come back as the nearest.

    Args:
        treatments: of the columns.
        source: of the rows.
        context: of the run.

    Raises:
        WarehouseError: Postgres refused.
    """
    may_be_events = not own_dates(source, treatments)

    def form_of(key: ForeignKey) -> CalendarForm | None:
        values = source.real.column(key.column)
        for form in (at_no_time(one, values) for one in _forms(key, context)):
            if form is None:
                continue
            if _is_calendar(form):
                return form
            shared_form = with_real_rows(form, values, source.units) if may_be_events else form
            if shared_form.rows is not None and orders_rows(form, values, source.units):
                return shared_form
        return None

    result = []
    for one in treatments:
        key = one.parent if one.role is Role.CATEGORY else None
        form = form_of(key) if key is not None and key.public else None
        result.append(one if form is None else as_time(one, form))
    return tuple(result)


def as_time(treatment: Treatment, form: CalendarForm) -> Treatment:
    """Return a key as the time that it stands for."""
    origin = f"{treatment.origin}, as its {form.column}"
    return replace(treatment, role=Role.DATETIME, form=form, origin=origin)


def public_calendar(key: ForeignKey, context: RunContext) -> CalendarForm | None:
    """Return what times the keys of a public table stand for, without a look at rows that are not.

    Of other tables than calendars and events that are copied with other numbers, nobody can say that.

    Raises:
        WarehouseError: Postgres refused.
    """
    forms = (form for form in _forms(key, context) if form.nothing is None)  # rows would say who refers to it
    return next((form for form in forms if _is_calendar(form) or key.real_keys is not None), None)


def _is_calendar(form: CalendarForm) -> bool:
    return are_days_in_a_row(pa.chunked_array([form.times]))


def at_their_events(
    samples: Samples, treatments: Sequence[Treatment], keys: Sequence[Sequence[str]] = ()
) -> Samples:
    """Return rows at times that events have.

    Args:
        samples: that were drawn.
        treatments: of the columns.
        keys: the columns in which no two rows of an owner are equal; of one that is alone, none is twice.
    """
    synthetic, owner = samples.synthetic, samples.owner
    single = {names[0] for names in keys if len(names) == 1}
    columns = {}
    for one in treatments:
        name, form = one.column.name, one.form
        if isinstance(form, CalendarForm) and name in synthetic:
            columns[name] = _at_times(synthetic[name], form, samples.rows, owner if name in single else None)
    return replace(samples, synthetic=synthetic.assign(**columns)) if columns else samples


def _at_times(
    series: pd.Series[Any], form: CalendarForm, rows: int | None, owner: NDArray[np.int64] | None
) -> pd.Series[Any]:
    """Return rows at times that there are; spare rows behind the first ones are on their own."""
    first, spare = series.iloc[:rows], series.iloc[len(series) if rows is None else rows :]
    own = form.nearest(first, None if owner is None else owner[:rows])
    return pd.concat([own, form.nearest(spare)]) if len(spare) else own


def _forms(key: ForeignKey, context: RunContext) -> Iterator[CalendarForm]:
    """Yield what each date of the public table says of its keys, where all of them have one of their own."""
    relation = key.public_rows
    if relation is None or key.orphans:
        return
    columns = {one.name: one for one in context.warehouse.describe(relation)}
    if key.parent_column not in columns:
        return
    for column in columns.values():
        if column.kind in MOMENTS:
            pair = list(dict.fromkeys((columns[key.parent_column], column)))
            rows = context.snapshot.extract(relation, pair).rename_columns([one.name for one in pair])
            times = rows.column(column.name)
            keys = with_new_keys(rows, key, context.warehouse, context.snapshot).column(key.parent_column)
            form = calendar_form(keys, times, column.name)
            if form is not None:
                yield form
