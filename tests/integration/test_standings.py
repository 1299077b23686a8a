"""Numbers that say how things stand: what adds up so far, and which place a row has among others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from synth.domain import Across, ForeignKey, Model, Ownership, Relation, SharedTime, Way
from synth.facts.across import AcrossFacts, find_across
from synth.warehouse.rules import Candidates

if TYPE_CHECKING:
    from synth.warehouse import Warehouse
    from tests.services import Database

PLAYERS, ROUNDS, GAMES, TABLE = (f"model.league.{name}" for name in ("players", "rounds", "games", "table"))
ACCOUNTS, ENTRIES, DAYS = (f"model.bank.{name}" for name in ("accounts", "entries", "days"))
TABLES = """
create schema league;
create table league.players as select n as player, 'p' || n as name from generate_series(1, 40) n;
create table league.rounds as
select n as round, 2020 + n / 8 as season, date '2020-03-01' + 7 * n as played_on
from generate_series(0, 23) n;
create table league.games as
select
    row_number() over () as game, player, round, (abs(hashint8(100 * player + round)) % 4)::integer as points
from league.players cross join league.rounds where (player + round) % 3 > 0;
create table league."table" as
select
    row_number() over () as line, player, round,
    sum(points) over so_far as points, count(*) filter (where points = 3) over so_far as wins,
    0 as place, 0 as prize
from league.games join league.rounds using (round)
window so_far as (partition by player, season order by played_on);
update league."table" set place = ranks.place, prize = 100 / ranks.place from (
    select line, row_number() over (partition by round order by points desc, wins, line) as place
    from league."table"
) as ranks where ranks.line = "table".line;
create schema bank;
create table bank.accounts as select n as account from generate_series(1, 60) n;
create table bank.entries as
select
    n as entry, 1 + (hashint4(n) & 31) as account, date '2024-01-01' + (hashint4(n + 1) & 127) as booked_on,
    (hashint4(n + 2) % 1000)::numeric(10, 2) / 4 as amount
from generate_series(1, 900) n;
create table bank.days as
select
    row_number() over () as line, account, day::date as day,
    coalesce((
        select sum(amount) from bank.entries e where e.account = a.account and e.booked_on <= day
    ), 0)::numeric(12, 2) as balance
from bank.accounts a cross join generate_series(date '2024-01-05', '2024-05-05', interval '10 days') as day;
"""


def model(name: str, key: str, database: str, *parents: tuple[str, str]) -> Model:
    schema, table = name.split(".")[1:]
    relation = Relation(database, schema, table)
    keys = tuple(ForeignKey(column, parent, column, "test") for column, parent in parents)
    whose = Ownership(keys[0].parent, keys[0].column) if keys else None
    one = Model(name, table, relation, "models.yml", "table", primary_key=(key,), foreign_keys=keys)
    return replace(one, ownership=whose)


def league(database: str) -> list[Model]:
    return [
        model(PLAYERS, "player", database),
        model(ROUNDS, "round", database),
        model(GAMES, "game", database, ("player", PLAYERS), ("round", ROUNDS)),
        model(TABLE, "line", database, ("player", PLAYERS), ("round", ROUNDS)),
    ]


def facts_of(warehouse: Warehouse, models: list[Model]) -> AcrossFacts:
    with warehouse.snapshot() as snapshot:
        return find_across(models, warehouse, snapshot)


def candidates(warehouse: Warehouse, one: Model, rows: dict[str, list[object]]) -> Candidates:
    columns = warehouse.describe(one.relation)
    table = pa.table(rows).select([column.name for column in columns])
    return Candidates(one.relation, columns, table, "synth_staging")


@pytest.fixture
def league_facts(database: Database, warehouse: Warehouse) -> AcrossFacts:
    return facts_of(warehouse, league(database.name))


def test_points_of_the_season_so_far_and_places_are_told_by_all_real_rows(league_facts: AcrossFacts) -> None:
    """The place decides the prize, which is no reason to rank by prizes."""
    at = SharedTime("round", "round", ROUNDS, "round", "played_on", "season")
    own = [fact for fact in league_facts.every if fact.model == TABLE]
    points = Across(TABLE, "points", Way.SO_FAR, GAMES, "points", "player", "player", empty="0", at=at)
    wins = Across(
        TABLE, "wins", Way.SO_FAR, GAMES, "", "player", "player", empty="0", at=at, such=("points", "3")
    )
    place = Across(TABLE, "place", Way.RANK, TABLE, "points", "round", "round", falls=True)
    assert own == [points, wins, place]
    assert [str(fact) for fact in own] == [
        "table.points adds up the points of its games of one season so far",
        "table.wins adds up its games with points 3 of one season so far",
        "table.place ranks rows of one round by points",
    ]
    assert points.parties == {TABLE, GAMES, ROUNDS}


def test_what_one_row_breaks_is_no_sum_so_far(
    database: Database, warehouse: Warehouse, league_facts: AcrossFacts
) -> None:
    with database.connect() as session:
        session.execute('update league."table" set points = points + 1 where line = 400')
    names = {fact.column for fact in facts_of(warehouse, league(database.name)).every}
    assert "points" not in names


def test_drawn_rows_stand_as_their_own_games_say(
    database: Database, warehouse: Warehouse, league_facts: AcrossFacts
) -> None:
    models = {one.unique_id: one for one in league(database.name)}
    rows = {
        ROUNDS: candidates(
            warehouse,
            models[ROUNDS],
            {
                "round": [1, 2, 9],
                "season": [1, 1, 2],
                "played_on": ["2024-01-01", "2024-01-08", "2025-01-01"],
            },
        ),
        GAMES: candidates(
            warehouse,
            models[GAMES],
            {"game": [1, 2, 3, 4], "player": [7, 7, 7, 8], "round": [1, 2, 9, 2], "points": [3, 1, 3, 2]},
        ),
        TABLE: candidates(
            warehouse,
            models[TABLE],
            {
                "line": [1, 2, 3, 4, 5],
                "player": [7, 8, 7, 7, 9],
                "round": [2, 2, 1, 9, 2],
                "points": [50] * 5,
                "wins": [50] * 5,
                "place": [3, 1, 3, 3, 2],
                "prize": [0] * 5,
            },
        ),
    }
    steps = [fact for fact in league_facts.every if fact.model == TABLE]
    columns, violations = warehouse.agree(rows, steps, league_facts.tables)
    assert not violations
    assert columns[TABLE]["points"].to_pylist() == [4, 2, 3, 3, 0]
    assert columns[TABLE]["wins"].to_pylist() == [1, 0, 1, 1, 0]
    assert columns[TABLE]["place"].to_pylist() == [1, 2, 1, 1, 3]


def test_balances_by_day_add_up_what_was_booked(database: Database, warehouse: Warehouse) -> None:
    of_account = ("account", ACCOUNTS)
    models = [
        model(ACCOUNTS, "account", database.name),
        model(ENTRIES, "entry", database.name, of_account),
        model(DAYS, "line", database.name, of_account),
    ]
    facts = [fact for fact in facts_of(warehouse, models).every if fact.model == DAYS]
    at = SharedTime("day", "booked_on")
    assert facts == [
        Across(DAYS, "balance", Way.SO_FAR, ENTRIES, "amount", "account", "account", empty="0", at=at)
    ]
    assert str(facts[0]) == "days.balance adds up the amount of its entries so far"
