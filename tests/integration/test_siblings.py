"""Rows that refer to rows of a sibling table are drawn given how many of these their owner has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.handmade import Handmade

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services import Database

# Three in five people have a card or two; who has one pays by card, who has none in cash or by bill.
PAYMENTS = """
create table analytics.people as
select n + 400 as person_id, 'p' || n || '@example.org' as email, 20 + (hashint4(n) & 31) as age
from generate_series(1, 500) n;
create table analytics.cards as
select (row_number() over (order by person_id, place) * 3 + 7000)::integer as card_id, person_id,
    date '2020-01-01' + ((hashint4(person_id + place) & 65535) % 900) as issued_on
from analytics.people cross join generate_series(1, 2) place
where (hashint4(person_id + 17) & 65535) % 5 > case place when 1 then 1 else 3 end;
create table analytics.payments as
select row_number() over () as payment_id, person_id, card_id,
    case when card_id is not null then 'card' when n % 3 = 0 then 'bill' else 'cash' end as way,
    date '2023-01-01' + ((hashint4(person_id * 7 + n) & 65535) % 700) as paid_on
from analytics.people cross join generate_series(1, 5) n left join lateral (
    select card_id from analytics.cards where cards.person_id = people.person_id
    order by hashint4(card_id + n) limit 1
) as card on true;
"""
ODD = """
select avg(((way = 'card') <> (card_id is not null))::int), avg((way = 'card')::int),
    avg((card_id is not null and not exists (
        select from synthetic.cards c where c.card_id = p.card_id and c.person_id = p.person_id))::int)
from synthetic.payments as p
"""


def test_who_has_no_card_pays_in_another_way(database: Database, tmp_path: Path) -> None:
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(PAYMENTS)
        keys = {"people": "person_id", "cards": "card_id", "payments": "payment_id"}
        nodes = {name: one for table in keys for name, one in project.model(table).items()}
        nodes |= {name: one for pair in keys.items() for name, one in project.key(*pair).items()}
        for table, parent in (("cards", "people"), ("payments", "people"), ("payments", "cards")):
            nodes |= project.reference(table, keys[parent], parent, keys[parent])
        project.write(nodes)
        answer = project.synth("run")
        assert answer.code == 0, answer.text
        odd, by_card, of_others = project.rows(ODD)[0]
        assert odd < 0.03
        assert 0.5 < by_card < 0.7
        assert of_others == 0
