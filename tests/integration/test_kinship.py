"""Rows that refer to rows of their own table: what they share with, copy and count of these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.handmade import Handmade

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services import Database

PATIENTS = """
create table analytics.homes as
select n as home, 'T' || (hashint4(n) & 3) as town, 1 + (hashint4(-n) & 7) as rooms
from generate_series(501, 900) n;
create table analytics.people as
select
    n * 3 + 2000 as patient, 501 + n % 400 as home,
    case when n > 700 then (n - 400) * 3 + 2000 end as guardian,
    (array['Anna', 'Bruno', 'Clara', 'Dario', 'Elena', 'Fabio'])[1 + (hashint4(n) & 65535) % 6] as given,
    (array['Abel', 'Bauer', 'Cohen', 'Egger', 'Fuchs'])[1 + (hashint4(n % 400) & 65535) % 5] as family,
    '+43 660 ' || lpad(((n % 400) * 7919 + 100003)::text, 7, '0') as phone,
    (array['public', 'private', 'none'])[1 + (hashint4(n % 400 + 7) & 65535) % 3] as insurance,
    1950 + (hashint4(-n) & 31) + case when n > 700 then 40 else 0 end as born_in
from generate_series(301, 800) n;
create table analytics.patients as
select
    p.patient, p.home, p.guardian, p.given, p.family, p.phone, p.insurance, p.born_in,
    (select count(*) from analytics.people as w where w.guardian = p.patient)::integer as wards
from analytics.people as p;
"""
WRONG = """
select
    count(*) filter (where c.home <> g.home) as homes, count(*) filter (where c.phone <> g.phone) as phones,
    count(*) filter (where c.insurance <> g.insurance) as insurances,
    count(*) filter (where g.guardian is not null) as chains, count(*) as pairs
from synthetic.patients as c join synthetic.patients as g on g.patient = c.guardian
"""
WRONG_COUNTS = """
select count(*) from synthetic.patients as g
where g.wards <> (select count(*) from synthetic.patients as c where c.guardian = g.patient)
"""


def test_children_live_with_their_guardians(database: Database, tmp_path: Path) -> None:
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(PATIENTS.encode())
        options: dict[str, Any] = {"materialized": "table", "meta": {"synthesize": True}}
        project.write(
            {
                **project.model("homes", config=options),
                **project.model("patients", config=options),
                **project.key("homes", "home"),
                **project.key("patients", "patient"),
                **project.reference("patients", "home", "homes", "home"),
                **project.reference("patients", "guardian", "patients", "patient"),
            }
        )
        answer = project.synth("run", "--on-inconclusive", "warn")
        assert answer.code == 0, answer.text
        assert "patients.wards is the count of its patients" in answer.text
        rows = project.session.execute(WRONG.encode()).fetchall()
        *wrong, pairs = (int(str(number)) for number in rows[0])
        assert wrong == [0] * 4, answer.text
        assert pairs > 50
        assert project.value(WRONG_COUNTS) == 0
