"""One query on two sides: what is shown of real data, and what is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from synth.errors import WarehouseError
from synth.warehouse.comparing import Measurements, measure

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from tests.services import Database

FEW = "select n, n % 2 = 0 as even from generate_series(1, 9) as n"
MANY = "select n, n % 2 = 0 as even from generate_series(1, 200) as n"
GROUPS = "select * from (values ('a', 20::bigint, 1.5), ('b', 9, 2.5), (null, 10, 'NaN')) as t (label, n, x)"
TWINS = "select * from (values ('a', 22::bigint, 1.5), ('b', 9, 2.5), (null, 3, 1)) as t (label, n, x)"


@pytest.fixture
def session(database: Database) -> Iterator[psycopg.Connection]:
    with database.connect() as connection:
        yield connection


def comparison(session: psycopg.Connection, real: str, twin: str) -> Measurements:
    return measure(session, "m", [("real", real)], [("twin", twin)])


def test_many_rows_are_compared_by_their_means(session: psycopg.Connection) -> None:
    measurements = comparison(session, MANY, MANY.replace("200", "100"))
    assert measurements == Measurements((200, 100), {"n": (100.5, 50.5), "even": (0.5, 0.5)})


def test_of_few_rows_nothing_is_said_not_even_how_many(session: psycopg.Connection) -> None:
    assert comparison(session, FEW, MANY) == Measurements((None, None), {})


def test_a_group_is_shown_if_ten_rows_are_behind_it(session: psycopg.Connection) -> None:
    measurements = comparison(session, GROUPS, TWINS)
    assert measurements.labels == ("label",)
    assert measurements.groups == (
        (("NULL",), {"n": (10.0, 3.0), "x": (None, 1.0)}),
        (("a",), {"n": (20.0, 22.0), "x": (1.5, 1.5)}),
    )
    assert measurements.hidden_groups == 1


def test_groups_without_a_count_are_not_shown(session: psycopg.Connection) -> None:
    without_counts = GROUPS.replace("::bigint", "")
    assert comparison(session, without_counts, without_counts) == Measurements((None, None), {})


def test_a_step_reads_the_one_before_it_and_nothing_stays(session: psycopg.Connection) -> None:
    steps = [("first", f"{MANY};"), ("second", 'select n from "pg_temp"."first" -- where n > 1')]
    measurements = measure(session, "m", steps, [("twin", MANY)])
    assert measurements.rows == (200, 200)
    left = session.execute("select count(*) from pg_class where relname in ('first', 'second', 'twin')")
    assert left.fetchone() == (0,)


def test_a_query_that_fails_is_named_without_a_value(session: psycopg.Connection) -> None:
    with pytest.raises(WarehouseError, match="Could not build m on the real relations") as failure:
        comparison(session, "select 'private words'::int as n", MANY)
    assert "private" not in str(failure.value)
