"""JSON objects are learned by their members."""

from __future__ import annotations

import json

import pandas as pd
import pyarrow as pa

from synth.columns.documents import DocumentForm, as_documents, as_members, document_form
from synth.domain import Column, Kind

PAYLOAD = Column("payload", "jsonb", Kind.OPAQUE, not_null=False)


def texts(*documents: object) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array([None if one is None else json.dumps(one) for one in documents])])


def events() -> list[object]:
    """100 documents: a page each, a number for half, and what leads to people or is somebody's own."""
    return [
        {"page": f"/{n % 3}", "ok": n % 7 > 0, "user_id": n, "mail": f"p{n}@example.org", "memo": f"memo {n}"}
        | ({"took": 100 + n * n, "share": n / 8} if n % 2 else {})
        | ({"rare": 1} if n < 9 else {})
        for n in range(100)
    ]


def test_members_are_numbers_or_labels_and_what_leads_to_people_is_left_out() -> None:
    form = document_form(PAYLOAD, texts(None, *events()))
    assert form == DocumentForm((("took", True), ("share", False)), ("page", "ok"))


def test_documents_come_back_with_the_members_that_are_learned() -> None:
    rows = [None, *events(), {}]
    form = DocumentForm((("took", True), ("share", False)), ("page", "ok"))
    learned = as_members(texts(*rows), form, "payload")
    frame = pa.table({name: pa.array(values) for name, values in learned.items()}).to_pandas()
    frame["payload → took"] += 0.2  # an engine may draw between whole numbers
    again = [None if one is None else json.loads(one) for one in as_documents(frame, form, "payload")]
    names = {"took", "share", "page", "ok"}
    assert again == [
        None if one is None else {name: one[name] for name in names & one.keys()}  # type: ignore[index, attr-defined]
        for one in rows
    ]


def test_what_is_no_object_or_has_no_member_to_learn_is_no_document() -> None:
    assert document_form(PAYLOAD, texts(*events(), [1, 2])) is None
    assert document_form(PAYLOAD, texts(*({"memo": f"memo {n}"} for n in range(50)))) is None
    assert document_form(Column("payload", "text", Kind.TEXT, not_null=False), texts(*events())) is None


def test_a_number_beyond_all_figures_is_no_number() -> None:
    values = texts(*({"ms": n, "trace": 10**19 + n, "level": 10**20 + n % 2} for n in range(60)))
    form = document_form(PAYLOAD, values)
    assert form == DocumentForm(numbers=(("ms", True),), labels=("level",))
    rows = pd.DataFrame(as_members(values, form, "payload"))
    assert "trace" not in as_documents(rows, form, "payload")[0]
    assert f'"level": {10**20}' in as_documents(rows, form, "payload")[0]
