"""What leaves the machine: every byte that a remote service receives, scanned for what must stay here."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from synth.domain import RARE
from tests.handmade import Handmade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.doubles.fixtures import Rental
    from tests.services import Database

# Three visits of each of 300 people; the last five spend more than anybody else, each time the same. Other
# amounts and all weights are different in every row, so that a row is known by either.
VISITS = """
create table analytics.visits (
    visit_id integer not null, person_id integer not null, email text, phone text, passport text, city text,
    amount numeric(14, 6), weight double precision, seen timestamptz
);
insert into analytics.visits
select
    700000 + n, 50000 + p * 37, 'person' || p || '@mail.example', '+49 30 ' || 1000000 + p * 7919,
    'X' || md5(p::text), case when p <= 4 then 'Sark' else (array['Oslo', 'Rome', 'Bern'])[1 + p % 3] end,
    case when p > 295 then 900000 + p else n * 7919 % 900 * 10 + (hashint4(n) & 1048575) / 1e6 end,
    n * 6007 % 900 + (hashint4(n + 5000) & 1048575) / 1048576.0,
    '2026-01-01Z'::timestamptz + (hashint4(n + 9000) & 1048575) * interval '1 second'
from (select n, 1 + n / 3 as p from generate_series(0, 899) n) rows;
"""
LEARNED_COLUMNS = ["city", "amount", "weight", "seen", "synth_entity"]


@pytest.fixture
def project(database: Database, tmp_path: Path, remote: Rental) -> Iterator[Handmade]:
    with Handmade.made(database, tmp_path) as handmade:
        handmade.session.execute(VISITS)
        options = {"backend": remote.kind, "entity": "person_id", "gretel": {"model": "navigator_ft"}}
        config = {"materialized": "table", "meta": {"synthesize": True, "synth": options}}
        handmade.write(handmade.model("visits", config=config) | handmade.key("visits", "visit_id"))
        handmade.environment |= remote.double.environment
        yield handmade


def test_no_key_no_identifier_no_extreme_and_no_held_out_row_leaves(
    project: Handmade, remote: Rental
) -> None:
    project.synth("run")  # what comes back are real rows, which the gate has an opinion on
    (content,) = remote.double.sheets
    upload = pd.read_csv(io.BytesIO(content))
    source = pd.DataFrame(
        project.rows("select person_id, email, phone, passport, amount, weight, seen from analytics.visits"),
        columns=["person_id", "email", "phone", "passport", "amount", "weight", "seen"],
    )
    assert list(upload.columns) == LEARNED_COLUMNS
    for name in ("email", "phone", "passport"):
        assert not any(
            value.encode() in body for value in source[name] for body in (content, *remote.double.bodies)
        )
    assert set(upload["synth_entity"]) == set(range(1, upload["synth_entity"].nunique() + 1))
    assert "Sark" not in set(upload["city"])  # of four people

    by_person = source.astype({"amount": float}).groupby("person_id")
    for name in ("amount", "weight", "seen"):
        values = pd.to_datetime(upload[name], utc=True) if name == "seen" else upload[name]
        assert values.max() <= by_person[name].max().nlargest(RARE).min()
        assert values.min() >= by_person[name].min().nsmallest(RARE).max()

    shown_rows = pd.DataFrame(
        {
            "amount": source["amount"].astype(float).isin(upload["amount"]),
            "weight": source["weight"].isin(upload["weight"]),
            "person_id": source["person_id"],
        }
    )
    people = shown_rows.groupby("person_id").any()
    assert 0.15 < 1 - people["weight"].mean() < 0.25  # a fifth is held out
    assert not (people["amount"] & ~people["weight"]).any()
    assert len(upload) == 3 * upload["synth_entity"].nunique()
