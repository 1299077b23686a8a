"""What is public of a model's columns: roles by name and type, domains by tests, types and declarations."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from synth.columns.conform import as_plain
from synth.columns.pii import IdentifierKind, names_firm, read_name
from synth.columns.placeholders import has_placeholder
from synth.columns.roles import LEARNED_ROLES, assign_unseen
from synth.columns.suggest import PLACES
from synth.columns.unseen import PRESENT, may_be_absent
from synth.domain import MOMENTS, PAID_SOURCE, Kind, Role, Scope, is_numbering
from synth.errors import ModelError
from synth.guarantee import ColumnDomain
from synth.sampling.calendars import as_time
from synth.sampling.computing import wanted_formulas
from synth.twins.claims import claims_of, with_patterns
from synth.twins.offsets import with_offsets
from synth.twins.usual import usual_range

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from synth.columns.calendars import CalendarForm
    from synth.columns.roles import Treatment
    from synth.domain import Column, ForeignKey, Model, PublicValues, Rule
    from synth.facts.enforceable import EnforceableFacts
    from synth.twins.offsets import Offset
    from synth.twins.quotients import Quotient

DAY = 86_400_000_000  # microseconds
SECONDS = -6  # decimal places of times of the day, in microseconds
OLDEST = 1900  # year of birth of anybody
MOST_LABELS = (
    1_000  # keys of a public table that are learned as labels; of more, each is as likely as any other
)
NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT})


@dataclass(frozen=True, slots=True)
class PublicParents:
    """What the tables about nobody say that a model refers to.

    Attributes:
        pool: returns the keys of such a table; None where it is none.
        calendar: returns which times these keys stand for; None where they stand for none.
    """

    pool: Callable[[ForeignKey], pa.Array | None]
    calendar: Callable[[ForeignKey], CalendarForm | None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Publicly:
    """What may be known of a model without looking at its rows.

    Attributes:
        treatments: of every column.
        domains: of the columns that are counted.
        sources: what says so, by column; of what nothing does, that it is paid for.
        offsets: moments that are counted as distances; `moments` are the domains of these and the others.
        quotients: numbers that are counted as shares of those of public tables.
    """

    treatments: tuple[Treatment, ...]
    domains: Mapping[str, ColumnDomain]
    sources: Mapping[str, str] = field(default_factory=dict)
    offsets: tuple[Offset, ...] = ()
    moments: Mapping[str, ColumnDomain] = field(default_factory=dict)
    quotients: tuple[Quotient, ...] = ()

    @property
    def incomplete(self) -> tuple[str, ...]:
        """The columns whose domains have to be paid for."""
        return tuple(name for name, domain in self.domains.items() if not domain.complete)


def publicly(
    model: Model,
    columns: Sequence[Column],
    *,
    twins: Collection[str],
    enums: Mapping[str, tuple[str, ...]],
    enforceable: EnforceableFacts,
    parents: PublicParents,
    computed_elsewhere: Collection[str] = (),
) -> Publicly:
    """Return what is public of the columns of a model.

    Args:
        model: whose columns.
        columns: of its relation.
        twins: every model that has a twin or asks for one, by `unique_id`.
        enums: the labels of columns whose type lists them.
        enforceable: the facts that are stated; nothing has to be learned of columns that formulas compute.
        parents: what tables about nobody say.
        computed_elsewhere: columns that twins of other models say; nothing has to be learned of them.

    Raises:
        ModelError: with some column nothing can be done.
    """
    treatments = assign_unseen(model, columns, twins=twins)
    fixed_by_rules = frozenset().union(
        *enforceable.mentioned_columns
    )  # rows that would break one keep theirs
    formula_columns = {
        formula.column
        for formula in wanted_formulas(model, treatments, enforceable.formulas)
        if formula.scope is Scope.ROW or formula.column not in fixed_by_rules
    }
    model = replace(model, public=(*model.public, *claims_of(enforceable.of_rows, columns)))
    treatments = with_patterns(treatments, model.public)
    domains: dict[str, ColumnDomain] = {}
    sources: dict[str, str] = {}
    final_treatments = []
    for treatment in treatments:
        one, domain, source = _column_domain(treatment, model, enums, parents)
        final_treatments.append(one)
        if domain is not None and treatment.column.name not in {*formula_columns, *computed_elsewhere}:
            domains[treatment.column.name] = domain
            sources[treatment.column.name] = source or PAID_SOURCE
    return Publicly(tuple(final_treatments), domains, sources, moments=domains)


def with_calendar(public: Publicly, calendar: tuple[datetime, datetime] | None) -> Publicly:
    """Return it with moments between the first and the last day of a public table of days."""
    domains, sources = dict(public.domains), dict(public.sources)
    for name, domain in public.domains.items():
        if calendar is None or domain.kind != "datetime" or domain.complete:
            continue
        zone = getattr(domain.low or domain.high, "tzinfo", None)
        low, high = (pd.Timestamp(day).tz_localize(zone) for day in calendar)
        domains[name] = replace(domain, low=domain.low or low, high=domain.high or high)
        sources[name] = "the calendar"
    return replace(public, domains=domains, sources=sources, moments=domains)


def completed(
    public: Publicly,
    calendar: tuple[datetime, datetime] | None,
    rules: Iterable[Rule],
    passing: Collection[str],
) -> Publicly:
    """Return it with moments within a public calendar, and all but one counted as distances from others.

    Hardly anything is to be spent on `passing` columns, which other twins decide in the end.
    """
    public = with_calendar(public, calendar)
    domains, offsets = with_offsets(public.domains, rules)
    domains = {name: replace(one, passing=name in passing) for name, one in domains.items()}
    return replace(public, domains=domains, offsets=offsets)


def refuse_unknown(model: Model, public: Publicly) -> None:
    """Refuse a model whose owner wants nothing to be learned of domains, with the lines that state them.

    Raises:
        ModelError: names the columns and what to write.
    """
    if not public.incomplete:
        return
    lines = [f"{name}: {_line(public.domains[name])}" for name in public.incomplete]
    raise ModelError(
        f"Nothing public says what values some columns of {model.name} have, and `discover: false` lets "
        f"nothing be learned of that. Next: in {model.path}, under `config: {{meta: {{synth: …}}}}` of each "
        f"column, add {'; '.join(lines)}; or a test that says so; or `role: free_text` or `drop`"
    )


def _line(domain: ColumnDomain) -> str:
    match domain.kind:
        case "category":
            return "`labels: [a, b, …]`"
        case "datetime":
            return "`low: 2020-01-01, high: 2029-12-31` (its own)"
        case _:
            return "`low: 0, high: 100` (its own)"


def _column_domain(
    treatment: Treatment, model: Model, enums: Mapping[str, tuple[str, ...]], parents: PublicParents
) -> tuple[Treatment, ColumnDomain | None, str]:
    """Return the treatment, the domain of what is counted of the column, and what says so."""
    column, nullable = treatment.column, not treatment.is_required
    if treatment.role is Role.DATE_OF_BIRTH:
        today = datetime.now(UTC).year
        years = ColumnDomain("number", low=OLDEST, high=today, decimals=0, nullable=nullable)
        return treatment, years, "years of birth"
    if treatment.role not in LEARNED_ROLES:
        null_domain = ColumnDomain("category", (PRESENT,)) if may_be_absent(treatment) else None
        return treatment, null_domain, "whether it is NULL"
    public_values = [one for one in model.public if one.column == column.name]
    if treatment.role is Role.CATEGORY and treatment.parent is not None and treatment.parent.public:
        calendar = parents.calendar(treatment.parent)
        if calendar is not None:
            return _as_times(treatment, calendar)
    labels, source = _labels(treatment, public_values, enums, parents)
    if labels is not None and len(labels) > MOST_LABELS and treatment.parent is not None:
        return replace(treatment, role=Role.FOREIGN_KEY), None, ""
    if labels is not None or treatment.role in {Role.CATEGORY, Role.KEEP}:
        return treatment, ColumnDomain("category", labels, nullable=nullable), source
    return treatment, *_bounds(column, public_values, nullable=nullable)


def _as_times(treatment: Treatment, calendar: CalendarForm) -> tuple[Treatment, ColumnDomain, str]:
    """Return the treatment of keys as times, and their domain, which is public."""
    low, high = (pd.Timestamp(time) for time in calendar.times[[0, -1]])
    unit = "D" if calendar.is_of_days else "s"
    domain = ColumnDomain("datetime", low=low, high=high, unit=unit, nullable=not treatment.is_required)
    return as_time(treatment, calendar), domain, treatment.origin


def _labels(
    treatment: Treatment,
    public_values: Sequence[PublicValues],
    enums: Mapping[str, tuple[str, ...]],
    parents: PublicParents,
) -> tuple[tuple[Any, ...] | None, str]:
    """Return the labels that a column may have, and what says so."""
    column = treatment.column
    for one in public_values:
        if one.labels:
            return tuple(_as_type(label, column) for label in one.labels), one.source
    if column.name in enums:
        return enums[column.name], f"type {column.data_type}"
    if treatment.parent is not None and treatment.parent.public:
        pool = parents.pool(treatment.parent)
        if pool is not None:
            keys = as_plain(pa.chunked_array([pool.unique().drop_null()]))
            return tuple(keys.tolist()), treatment.origin
    return None, ""


def _as_type(label: str, column: Column) -> Any:
    """Return a label as rows hold it."""
    if column.kind in NUMBERS:
        try:
            number = float(label)
        except ValueError:
            return label  # which no row has
        return int(number) if number.is_integer() else number
    if column.kind in MOMENTS:
        return pd.Timestamp(label)
    return label


def _bounds(
    column: Column, public_values: Sequence[PublicValues], *, nullable: bool
) -> tuple[ColumnDomain, str]:
    """Return the domain of a number, a moment or a boolean, as far as anything says it."""
    if column.kind is Kind.BOOLEAN:
        return ColumnDomain("boolean", nullable=nullable), "type"
    if column.kind is Kind.TIME:
        return ColumnDomain("number", low=0, high=DAY - 1, decimals=SECONDS, nullable=nullable), "type"
    is_moment = column.kind in MOMENTS
    kind = datetime if is_moment else float
    lows = [(one.low, one.source) for one in public_values if isinstance(one.low, kind)]
    highs = [(one.high, one.source) for one in public_values if isinstance(one.high, kind)]
    low, high = (ends[0][0] if ends else None for ends in (lows, highs))
    if low is not None and high is not None and low > high:  # type: ignore[operator] # of one type
        low = high = None
        lows, highs = [], []
    source = ", ".join(dict.fromkeys(name for _, name in (*lows[:1], *highs[:1])))
    source = source if lows and highs else f"{source}, the other end {PAID_SOURCE}" if source else ""
    if is_moment:
        zone = UTC if column.kind is Kind.TIMESTAMPTZ else None
        ends = [None if end is None else pd.Timestamp(end).tz_convert(zone) for end in (low, high)]
        unit = "D" if column.kind is Kind.DATE else "s"
        return ColumnDomain("datetime", low=ends[0], high=ends[1], nullable=nullable, unit=unit), source
    decimals = 0 if column.kind in {Kind.INTEGER, Kind.INTERVAL} else column.scale
    domain = ColumnDomain("number", low=low, high=high, decimals=decimals, nullable=nullable)
    return replace(domain, largest=_largest(column), usual=usual_range(column)), source


def _largest(column: Column) -> float | None:
    """Return how far from zero a number is that the type of the column holds, at most."""
    if column.precision is not None:
        return float(10.0 ** (column.precision - (column.scale or 0)))
    return float(2.0 ** (column.bits - 1) - 1) if column.kind is Kind.INTEGER and column.bits else None


def without_labels(treatment: Treatment) -> Treatment:
    """Return the treatment of a category of which no label may be told: text that says nothing, or NULL.

    Towns, postcodes, firms and numbers of something (`policy_no`), which their names show, are made up.

    Raises:
        ModelError: it may not be NULL, and nothing can stand in for its labels.
    """
    if treatment.pattern is not None and not treatment.pattern.is_loose:
        return replace(treatment, role=Role.NATURAL_KEY, origin="a pattern", unique=False)
    what = read_name(treatment.column.name).what
    if what in PLACES and treatment.column.kind is Kind.TEXT:
        return replace(treatment, role=Role.ADDRESS, what=what, origin="name", unique=False)
    if names_firm(treatment.column.name) and treatment.column.kind is Kind.TEXT:
        return replace(treatment, role=Role.NAME, what=IdentifierKind.FIRM, origin="name", unique=False)
    if is_numbering(treatment.column.name) and treatment.column.kind is Kind.TEXT:
        return replace(treatment, role=Role.NATURAL_KEY, origin="name", unique=False)
    if treatment.is_required and not has_placeholder(treatment.column, unique=False):
        raise ModelError(
            f"{treatment.column.name} ({treatment.column.data_type}) may not be NULL, and no label of it is "
            "held by enough entities to be told. Next: declare `labels` in `meta: {synth: …}` of the column"
        )
    return replace(treatment, role=Role.FREE_TEXT, origin="no label that enough entities hold", unique=False)
