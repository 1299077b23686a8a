"""Pieces of made-up numbers may be those of somebody by chance, and are no reason against a twin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.handmade import Handmade

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services import Database

PAYERS = """
create table analytics.payers as
select
    n * 5 + 700 as payer, account, right(account, 4) as last_four, (hashint4(n) & 7) * 10 + 5 as limit_in_k,
    (array['card', 'cash', 'debit'])[1 + (hashint4(-n) & 65535) % 3] as method
from (
    select n, 'XK' || lpad(((hashint4(n)::bigint & 2147483647) * 9973 + n)::text, 18, '0') as account
    from generate_series(1, 1200) n
) as accounts;
"""
QUERY = """
select p.payer, p.account, right(p.account, 4) as last_four, p.limit_in_k, p.method
from "{0}".landing.payers as p
"""
WRONG = "select count(*) from synthetic.payers where last_four <> right(account, 4)"
REAL = "select count(*) from synthetic.payers where {0} in (select {0} from analytics.payers)"


def test_the_last_digits_are_those_of_the_new_number(database: Database, tmp_path: Path) -> None:
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(PAYERS.encode())
        options: dict[str, Any] = {"materialized": "table", "meta": {"synthesize": True}}
        query = QUERY.format(database.name)
        project.write(
            {
                **project.model("payers", config=options, compiled_code=query),
                **project.key("payers", "payer"),
            }
        )
        answer = project.synth("run")
        assert answer.code == 0, answer.text
        assert "checks pass" in answer.text, answer.text
        assert project.value(WRONG) == 0
        assert project.value(REAL.format("account")) == 0
        assert project.value(REAL.format("last_four")) > 0  # of 10,000 ends 1,200 are real ones
