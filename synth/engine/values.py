"""Python values and dtypes as JSON, and back as exactly what they were."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

Writer = Callable[[Any], Any]

# Each type by the name it has in a file, how it is written, and how it is read. The order matters:
# a Timestamp is a datetime, which is a date, and a bool is an int.
FORMS: tuple[tuple[str, type[Any], Writer, Writer], ...] = (
    ("null", type(None), lambda _: None, lambda _: None),
    ("NA", type(pd.NA), lambda _: None, lambda _: pd.NA),
    ("NaT", type(pd.NaT), lambda _: None, lambda _: pd.NaT),
    ("bool", bool, bool, bool),
    ("bool", np.bool_, bool, bool),
    ("int", int, str, int),
    ("int", np.integer, str, int),
    ("float", float, lambda v: float(v).hex(), float.fromhex),
    ("float", np.floating, lambda v: float(v).hex(), float.fromhex),
    ("text", str, lambda v: v, lambda v: v),
    ("bytes", bytes, bytes.hex, bytes.fromhex),
    ("decimal", Decimal, str, Decimal),
    ("uuid", uuid.UUID, str, uuid.UUID),
    ("timestamp", pd.Timestamp, lambda v: [v.isoformat(), str(v.tz or ""), v.unit], lambda v: _timestamp(*v)),
    ("datetime", dt.datetime, dt.datetime.isoformat, dt.datetime.fromisoformat),
    ("date", dt.date, dt.date.isoformat, dt.date.fromisoformat),
    ("time", dt.time, dt.time.isoformat, dt.time.fromisoformat),
    (
        "duration",
        pd.Timedelta,
        lambda v: [int(v.asm8.view(np.int64)), v.unit],
        lambda v: pd.Timedelta(np.timedelta64(*v)),
    ),
    ("interval", dt.timedelta, lambda v: [v.days, v.seconds, v.microseconds], lambda v: dt.timedelta(*v)),
    ("list", list, lambda v: [value_to(each) for each in v], lambda v: [value_from(each) for each in v]),
    (
        "tuple",
        tuple,
        lambda v: [value_to(each) for each in v],
        lambda v: tuple(value_from(each) for each in v),
    ),
    (
        "mapping",
        dict,
        lambda v: [[value_to(key), value_to(each)] for key, each in v.items()],
        lambda v: {value_from(key): value_from(each) for key, each in v},
    ),
)


def value_to(value: Any) -> list[Any]:
    """The value's type and its form.

    Raises:
        ValueError: it is of a type that has none.
    """
    for name, kind, form, _ in FORMS:
        if isinstance(value, kind):
            return [name, form(value)]
    raise ValueError(f"values of type {type(value).__name__} have no form in a file")


def value_from(saved: list[Any]) -> Any:
    """The value that `value_to` would write so."""
    name, form = saved
    return next(parse for each, _, _, parse in FORMS if each == name)(form)


def _timestamp(text: str, zone: str, unit: Any) -> pd.Timestamp:
    stamp = pd.Timestamp(text)
    return (stamp.tz_convert(zone) if zone else stamp).as_unit(unit)


def dtype_to(dtype: Any) -> list[Any]:
    """A dtype's name, or a category's parts.

    Raises:
        ValueError: it cannot be made again from its name.
    """
    if isinstance(dtype, pd.CategoricalDtype):
        categories: Any = dtype.categories  # None before they are known
        if categories is None:
            return ["category", None, None, bool(dtype.ordered)]
        labels = [value_to(each) for each in categories.astype(object)]
        return ["category", labels, dtype_to(categories.dtype), bool(dtype.ordered)]
    name = str(dtype)
    if isinstance(dtype, pd.StringDtype) and name != "str":
        name = f"string[{dtype.storage}]"
    if pd.api.types.pandas_dtype(name) != dtype:
        raise ValueError(f"the dtype {dtype} has no form in a file")
    return ["dtype", name]


def dtype_from(saved: list[Any]) -> Any:
    """The dtype that `dtype_to` would write so."""
    if saved[0] == "category":
        _, labels, inner, ordered = saved
        if labels is None:
            return pd.CategoricalDtype(ordered=ordered)
        categories = pd.Index([value_from(each) for each in labels], dtype=object)
        return pd.CategoricalDtype(categories.astype(dtype_from(inner)), ordered=ordered)
    return pd.api.types.pandas_dtype(saved[1])
