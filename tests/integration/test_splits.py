"""Tables that one split of their entities does not decide: others are drawn, parents with children."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.handmade import Handmade

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services import Database

# As good as drawn at random, and the same every time.
CLUB = """
create table analytics.members (id integer not null, town text, age integer, joined date);
insert into analytics.members
select
    n, (array['Oslo', 'Rome', 'Bern'])[1 + (hashint4(n) & 65535) % 3], 20 + (hashint4(n + 1000) & 63) % 50,
    date '2023-01-01' + (hashint4(n + 2000) & 255)
from generate_series(1, 260) n;
create table analytics.loans (loan integer not null, id integer not null, lent date, pages integer);
insert into analytics.loans
select
    n, m.id, m.joined + (hashint4(n + 3000) & 127), 100 + (hashint4(n + 4000) & 255) + m.age
from generate_series(1, 780) n join analytics.members m on m.id = 1 + (n * 7) % 260;
"""
SALTS = ("a", "b", "c", "d", "e", "f")


@pytest.mark.slow
def test_where_one_split_cannot_decide_others_are_drawn_for_parents_and_children(
    database: Database, tmp_path: Path
) -> None:
    with Handmade.made(database, tmp_path) as project:
        project.session.execute(CLUB.encode())
        project.write(
            {
                **project.model("members"),
                **project.key("members", "id"),
                **project.model("loans"),
                **project.key("loans", "loan"),
                **project.reference("loans", "id", "members", "id"),
            }
        )
        project.configure(on_inconclusive="warn")
        lines: dict[str, set[str]] = {"members": set(), "loans": set()}
        for salt in SALTS:  # whether the first split decides is chance
            answer = project.synth("run", SYNTH_SALT=salt)
            assert answer.code == 0, answer.text
            run_id = project.results()["metadata"]["invocation_id"]
            for name, texts in lines.items():
                path = project.folder / "target/synth/runs" / run_id / name / "evaluation.json"
                checks = json.loads(path.read_text())["checks"]
                texts |= {check["explain"] for check in checks if check["name"] == "membership"}
        for texts in lines.values():
            assert any(" splits: AUC" in text for text in texts), texts
