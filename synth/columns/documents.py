"""JSON objects are learned by their members, and written as Postgres writes them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from synth.columns.pii import detect
from synth.domain import RARE, Column, Kind, is_identifier

TYPES = frozenset({"json", "jsonb"})
MOST_MEMBERS = 20
MOST_LABELS = 200  # different values of a member that is learned as labels
LARGEST = 2**53  # beyond, whole numbers are no figures, and floats do not tell them apart
BETWEEN = " → "  # stands between the name of a column and that of a member


@dataclass(frozen=True, slots=True)
class DocumentForm:
    """The members that are learned of the objects of a column.

    Attributes:
        numbers: by name, whether they are whole.
        labels: their names; what they hold is learned as it is written.
    """

    numbers: tuple[tuple[str, bool], ...]
    labels: tuple[str, ...]

    @property
    def is_date(self) -> bool:
        """Whether it lies between two moments, as some ranges do."""
        return False

    @property
    def members(self) -> tuple[str, ...]:
        """All names."""
        return (*(name for name, _ in self.numbers), *self.labels)


def document_form(column: Column, values: pa.ChunkedArray) -> DocumentForm | None:
    """Return how the objects of a column are learned; None where one is no object, or no member is left.

    Left out are members that few have, those that lead to somebody, and texts that rows do not share.
    """
    if column.data_type not in TYPES or values.null_count == len(values):
        return None
    try:
        documents = [json.loads(text) for text in values.drop_null().to_pylist()]
    except ValueError:  # Postgres reads numbers and characters that Python does not
        return None
    if not all(isinstance(document, dict) for document in documents):
        return None
    members: dict[str, list[Any]] = {}
    for document in documents:
        for name, value in document.items():
            members.setdefault(name, []).append(value)
    usual_members = {
        name: values
        for name, values in members.items()
        if len(values) >= RARE and not is_identifier(name) and not _leads_to_people(name, values)
    }
    numbers = tuple(
        (name, all(isinstance(value, int) for value in values))
        for name, values in usual_members.items()
        if all(_is_number(value) for value in values)
    )
    others = {name: values for name, values in usual_members.items() if name not in dict(numbers)}
    labels = tuple(name for name, values in others.items() if _are_shared(values))
    if not (numbers or labels) or len(numbers) + len(labels) > MOST_MEMBERS:
        return None
    return DocumentForm(numbers, labels)


def _leads_to_people(name: str, values: list[Any]) -> bool:
    """Return whether a member is called or looks like what leads to somebody."""
    texts = pa.chunked_array([pa.array([str(value) for value in values])])
    detection = detect(Column(name, "text", Kind.TEXT, not_null=False), texts)
    return detection is not None and bool(detection.what or detection.doubt)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST


def _are_shared(values: list[Any]) -> bool:
    """Return whether most rows hold a value that at least `RARE` rows hold."""
    counts = pd.Series([json.dumps(value, sort_keys=True) for value in values]).value_counts()
    return len(counts) <= MOST_LABELS and int(counts[counts >= RARE].sum()) * 2 > len(values)


def as_members(values: pa.ChunkedArray, form: DocumentForm, name: str) -> dict[str, pd.Series[Any]]:
    """Return which of the members each document has, and each of them; NULL where there is none."""
    documents = [None if text is None else json.loads(text) for text in values.to_pylist()]
    order = {member: place for place, member in enumerate(form.members)}
    series = {
        name: pd.Series(
            [
                None if one is None else json.dumps(sorted(set(one) & set(order), key=order.__getitem__))
                for one in documents
            ],
            dtype=object,
        )
    }
    for member, whole in form.numbers:
        held_values = [None if one is None else one.get(member) for one in documents]
        series[name + BETWEEN + member] = pd.Series(held_values, dtype="Int64" if whole else "float64")
    for member in form.labels:
        held_values = [
            None if one is None or member not in one else json.dumps(one[member], ensure_ascii=False)
            for one in documents
        ]
        series[name + BETWEEN + member] = pd.Series(held_values, dtype=object)
    return series


def member_labels(form: DocumentForm, name: str) -> frozenset[str]:
    """Return the learned columns whose values are labels."""
    return frozenset({name, *(name + BETWEEN + member for member in form.labels)})


def as_documents(rows: pd.DataFrame, form: DocumentForm, name: str) -> pd.Series[Any]:
    """Return learned members as text that Postgres reads."""
    whole = dict(form.numbers)
    columns = {member: rows[name + BETWEEN + member].to_numpy(object) for member in form.members}

    def text(place: int, shape: Any) -> str | None:
        if not isinstance(shape, str):
            return None
        parts = []
        for member in json.loads(shape):
            value = columns[member][place]
            if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
                continue
            if member in whole:
                value = str(round(value)) if whole[member] else repr(float(value))
            parts.append(f"{json.dumps(member, ensure_ascii=False)}: {value}")
        return "{" + ", ".join(parts) + "}"

    texts = [text(place, shape) for place, shape in enumerate(rows[name])]
    return pd.Series(texts, index=rows.index, dtype=object)
