"""What users say of columns in `meta.synth`: their roles, and what of their values is public."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from pydantic import Field

from synth.domain import PublicValues, Role
from synth.errors import ConfigError
from synth.validation import NameField, Strict, nearest, validate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from synth.project.manifest import DeclaredColumn, Node

OPTIONS = "synth"


class ColumnOptions(Strict):
    """`meta.synth` of a column."""

    role: NameField | None = Field(None, description="What the column is, which decides what becomes of it.")
    sensitive: bool = Field(default=False, description="The checks try to infer its values.")
    labels: list[str | int | float | bool] = Field(
        default_factory=list, description="Public values, which a twin may have however few rows hold them."
    )
    low: int | float | date | datetime | None = Field(
        None, description="Public lower bound: a number or a date."
    )
    high: int | float | date | datetime | None = Field(
        None, description="Public upper bound: a number or a date."
    )


def roles(node: Node, place: str) -> Mapping[str, Role]:
    """Return roles by column, from each column's own `config.meta` only."""
    column_roles = {}
    for column in node.columns.values():
        where = f"{place}, column '{column.name}'"
        options = _options(column.meta, where)
        _refuse_misplaced(column, where)
        if options.role is None:
            continue
        try:
            column_roles[column.name] = Role(options.role)
        except ValueError:
            raise ConfigError(
                f"{where}: unknown `meta.{OPTIONS}.role` '{options.role}'; {nearest(options.role, Role)}"
            ) from None
    return column_roles


def _refuse_misplaced(column: DeclaredColumn, where: str) -> None:
    """Refuse `meta.synth` where older dbt has it: overlooked, it would leave the column as it is."""
    merged_meta, read = column.shown_meta.get(OPTIONS), column.meta.get(OPTIONS)
    for key in ColumnOptions.model_fields:
        if (
            isinstance(merged_meta, dict)
            and key in merged_meta
            and not (isinstance(read, dict) and key in read)
        ):
            raise ConfigError(
                f"{where}: `meta.{OPTIONS}.{key}` is read from the column's `config` only (dbt 1.10+); write "
                f"`config: {{meta: {{{OPTIONS}: {{{key}: {merged_meta[key]}}}}}}}`."
            )


def sensitive(node: Node, place: str) -> frozenset[str]:
    """Return the columns whose values an attacker would like to infer."""
    return frozenset(
        column.name
        for column in node.columns.values()
        if _options(column.meta, f"{place}, column '{column.name}'").sensitive
    )


def public_values(node: Node, place: str) -> Iterator[PublicValues]:
    """Yield what the owner declares to be public of columns' values."""
    for column in node.columns.values():
        where = f"{place}, column '{column.name}'"
        options = _options(column.meta, where)
        labels = tuple(map(_text, options.labels))
        if options.low is None and options.high is None and not labels:
            continue
        low, high = (_bound_value(value) for value in (options.low, options.high))
        if low is not None and high is not None and _is_out_of_order(low, high):
            raise ConfigError(
                f"{where}: `meta.{OPTIONS}` must have two numbers or two dates as `low` and `high`, in order."
            )
        yield PublicValues(column.name, labels, low, high, "declared")


def _is_out_of_order(low: float | datetime, high: float | datetime) -> bool:
    return type(low) is not type(high) or low > high  # type: ignore[operator] # of one type by now


def _text(label: str | float | bool) -> str:
    return str(label).lower() if isinstance(label, bool) else str(label)


def _bound_value(value: float | date | None) -> float | datetime | None:
    """Return a number, or the moment that a date begins with."""
    if isinstance(value, date):
        moment = (
            value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, tzinfo=UTC)
        )
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None if value is None else float(value)


def _options(meta: Mapping[str, object], where: str) -> ColumnOptions:
    value = meta.get(OPTIONS)
    return validate(ColumnOptions, {} if value is None else value, where=where, key=f"meta.{OPTIONS}")
