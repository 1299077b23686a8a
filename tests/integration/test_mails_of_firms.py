"""People of a firm have their mail addresses at the domain of the firm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.handmade import Handmade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services import Database

# Of each firm five people, some of whom have no address.
FIRMS = """
create table analytics.firms as
select 3000 + 11 * n as firm_id, 'f' || n || '-' || substr(md5(n::text), 1, 5) || '.example' as domain,
    hashint4(n) & 7 as branches
from generate_series(1, 160) n;
create table analytics.staff as
select
    n as staff_id, firm_id, hashint4(n + 3) & 15 as years,
    (array['Anna', 'Berta', 'Carl', 'Dora', 'Emil'])[1 + n % 5] || ' '
        || (array['Huber', 'Maier', 'Koch'])[1 + (hashint4(n) & 65535) % 3] as full_name,
    case when hashint4(n + 9) & 7 > 0 then
        lower((array['Anna', 'Berta', 'Carl', 'Dora', 'Emil'])[1 + n % 5]) || '.'
        || lower((array['Huber', 'Maier', 'Koch'])[1 + (hashint4(n) & 65535) % 3]) || n || '@' || domain
    end as email
from generate_series(1, 800) n join analytics.firms on firm_id = 3000 + 11 * (1 + n % 160);
"""
ADDRESSES = """
select
    count(*) filter (where split_part(email, '@', 2) <> domain),
    count(email) - count(distinct lower(email)),
    count(*) filter (where email in (select email from analytics.staff)),
    avg((email is null)::int)
from synthetic.staff join synthetic.firms using (firm_id)
"""


@pytest.fixture
def handmade(database: Database, tmp_path: Path) -> Iterator[Handmade]:
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(FIRMS)
        nodes = project.reference("staff", "firm_id", "firms", "firm_id")
        for table, key in (("firms", "firm_id"), ("staff", "staff_id")):
            nodes |= project.model(table) | project.key(table, key)
        project.write(nodes | project.test("unique", "firms", "domain"))
        yield project


def test_people_of_a_firm_write_from_its_domain(handmade: Handmade) -> None:
    answer = handmade.synth("run")
    assert answer.code == 0, answer.text
    assert "staff.email is at firms.domain" in answer.text
    strangers, repeats, real, missing = handmade.rows(ADDRESSES)[0]
    assert (strangers, repeats, real) == (0, 0, 0)
    assert 0.08 < missing < 0.17
