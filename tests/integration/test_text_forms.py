"""Dates, lengths of time and amounts that are written as text are learned, and written as they were."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from random import Random
from statistics import fmean
from typing import TYPE_CHECKING, Any

import pytest

from tests.handmade import Handmade

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services import Database

LAPS = """
create table analytics.laps (
    lap_id integer not null, day text not null, seen text, fastest text, paid text not null, share text,
    postcode text, version text, milliseconds integer
)
"""
NAMES = ("lap_id", "day", "seen", "fastest", "paid", "share", "postcode", "version", "milliseconds")
FORMS = {
    "day": "written DD.MM.YYYY",
    "seen": "written YYYY-MM-DDTHH:MM:SSZ",
    "fastest": "written M:SS.fff",
    "paid": "written 1.000,00 €",
    "share": "written 0.00%",
}
CHANCE = 0.02  # share of the twin's values that may be one that a single real row has


def laps() -> list[tuple[Any, ...]]:
    """600 laps on working days; in every seventh there is no time."""
    chance = Random(4)
    rows = []
    for n in range(600):
        day = datetime(2022, 1, 3, tzinfo=UTC) + timedelta(7 * chance.randrange(100) + chance.randrange(5))
        sight = day + timedelta(hours=9, seconds=chance.randrange(30_000))
        span = round(70_000 + chance.gammavariate(4, 4_000))
        amount = f"{chance.lognormvariate(6, 1):,.2f} €".translate(str.maketrans(",.", ".,"))
        share = f"{100 * chance.betavariate(2, 5):.2f}%"
        minutes, rest = divmod(span, 60_000)
        time = None if n % 7 == 0 else f"{minutes}:{rest // 1000:02d}.{rest % 1000:03d}"
        code, version = f"{chance.randrange(100_000):05d}", f"{chance.randrange(12)}.{chance.randrange(10)}"
        moment = f"{sight:%Y-%m-%dT%H:%M:%SZ}"
        rows.append((n + 1, f"{day:%d.%m.%Y}", moment, time, amount, share, code, version, time and span))
    return rows


def milliseconds(text: str) -> int:
    match = re.fullmatch(r"(\d):([0-5]\d)\.(\d{3})", text)
    assert match is not None, text
    return int(match[1]) * 60_000 + int(match[2]) * 1000 + int(match[3])


def amount(text: str) -> float:
    assert re.fullmatch(r"\d{1,3}(?:\.\d{3})*,\d\d €", text), text
    return float(text.removesuffix(" €").replace(".", "").replace(",", "."))


@pytest.mark.slow  # learns a model
def test_text_that_says_dates_times_and_amounts_is_learned(database: Database, tmp_path: Path) -> None:
    real = laps()
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(LAPS)
        with project.session.cursor() as cursor:
            cursor.executemany("insert into analytics.laps values (%s, %s, %s, %s, %s, %s, %s, %s, %s)", real)
        project.write({**project.model("laps"), **project.key("laps", "lap_id")})
        listing = project.synth("ls").text
        answer = project.synth("run", "--seed", "1")
        assert answer.code == 0, answer.text
        rows = project.rows("select * from synthetic.laps")

    for name, origin in FORMS.items():
        assert origin in next(line for line in listing.splitlines() if line.split()[:1] == [name]), listing
    assert "written" not in next(line for line in listing.splitlines() if line.split()[:1] == ["postcode"])
    assert "written" not in next(line for line in listing.splitlines() if line.split()[:1] == ["version"])
    twin, source = (dict(zip(NAMES, zip(*one, strict=True), strict=True)) for one in (rows, real))
    days = [datetime.strptime(text + "Z", "%d.%m.%Y%z") for text in twin["day"]]
    assert all(datetime(2022, 1, 1, tzinfo=UTC) < day < datetime(2024, 1, 1, tzinfo=UTC) for day in days)
    assert sum(day.weekday() >= 5 for day in days) < 0.01 * len(days)
    for text in twin["seen"]:
        assert 9 <= datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").hour <= 17
    spans = [milliseconds(text) for text in twin["fastest"] if text]
    assert 500 < len(spans) < 530
    assert min(spans) > 69_000
    assert fmean(spans) == pytest.approx(86_000, abs=2_000)
    amounts = [amount(text) for text in twin["paid"]]
    assert min(amounts) > 0
    assert fmean(amounts) == pytest.approx(fmean(map(amount, source["paid"])), rel=0.25)
    assert all(0 <= float(text.removesuffix("%")) <= 100 for text in twin["share"])
    for name in ("seen", "fastest", "paid"):
        single = {text for text in source[name] if text and source[name].count(text) == 1}
        assert sum(text in single for text in twin[name]) < CHANCE * len(rows), name
    assert all(
        milliseconds(text) == span
        for text, span in zip(twin["fastest"], twin["milliseconds"], strict=True)
        if text
    )
    assert not {*twin["postcode"]} & {*source["postcode"]} - {None}


# Trips of travellers, whose text the SQL of the model makes of dates and numbers; a code says the day.
TRIPS = """
create table analytics.travellers as
select
    n as id, to_char(date '2019-01-01' + (hashint4(n) & 511), 'DD.MM.YYYY') as since,
    (array['Oslo', 'Rome'])[1 + (hashint4(n + 9) & 1)] as city
from generate_series(1, 250) n;
create table analytics.raw_trips as
select
    n as trip, 1 + (hashint4(n) & 65535) % 250 as id,
    date '2020-07-01' + (hashint4(n + 1) & 1023) as out, hashint4(n + 2) & 511 as gap,
    (hashint4(n + 3) & 65535) + 100 as cents
from generate_series(1, 750) n;
create table analytics.trips as
"""
SQL = """
select
    trip, id, to_char(out, 'DD.MM.YYYY') as day,
    'V' || to_char(out, 'YYYYMMDD') || '-' || 10000 + trip as code,
    gap, (gap / 60)::text || ':' || lpad((gap % 60)::text, 2, '0') as waited, cents,
    to_char(cents / 100.0, 'FM999999990.00') || ' €' as paid
from "analytics"."raw_trips"
"""
HOLD = """
select
    bool_and(waited = (gap / 60)::text || ':' || lpad((gap % 60)::text, 2, '0')),
    bool_and(paid = to_char(cents / 100.0, 'FM999999990.00') || ' €'),
    bool_and(to_date(day, 'DD.MM.YYYY') > to_date(since, 'DD.MM.YYYY')),
    avg((substr(code, 2, 8) = to_char(to_date(day, 'DD.MM.YYYY'), 'YYYYMMDD'))::int) > 0.98
from synthetic.trips join synthetic.travellers using (id)
"""


@pytest.mark.slow  # learns two models
def test_formulas_owners_and_codes_go_with_dates_as_text(database: Database, tmp_path: Path) -> None:
    with Handmade.made(database, tmp_path) as project:
        project.session.execute((TRIPS + SQL).encode())
        raw = project.model("raw_trips", unique_id="seed.hand.raw_trips", resource_type="seed")
        raw = {"seed.hand.raw_trips": {**raw["model.hand.raw_trips"], "config": {"materialized": "seed"}}}
        trips = project.model("trips", compiled_code=SQL, depends_on={"nodes": ["seed.hand.raw_trips"]})
        keys = {**project.key("trips", "trip"), **project.key("travellers", "id")}
        reference = project.reference("trips", "id", "travellers", "id")
        project.write({**raw, **trips, **project.model("travellers"), **keys, **reference})
        answer = project.synth("run", "--seed", "1")
        assert answer.code == 0, answer.text
        assert project.rows(HOLD) == [(True, True, True, True)], answer.text
