"""What rows of one owner have in common though it is made up."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from synth.columns.pii import IdentifierKind
from synth.columns.roles import Treatment
from synth.domain import Across, Column, ForeignKey, Kind, Role, Way
from synth.sampling.traits import constants_of, share_of_changes, with_constants, with_traits

OWNERS, ROWS = 40, 4
OWNER = np.repeat(np.arange(OWNERS), ROWS)
SHOP = ForeignKey("shop", "model.shop.shops", "id", "test")
ROLES = {"person": Role.FOREIGN_KEY, "mail": Role.EMAIL, "shop": Role.FOREIGN_KEY, "code": Role.NATURAL_KEY}


def case_of(real: pa.Table, facts: tuple[Across, ...] = (), family: Any = None) -> Any:
    treatments = tuple(
        Treatment(
            Column(name, "text", Kind.TEXT, not_null=False),
            ROLES.get(name, Role.CATEGORY),
            "test",
            parent=SHOP if name == "shop" else None,
            what=IdentifierKind.POSTCODE if name == "zip" else None,
        )
        for name in real.column_names
    )
    family = family or SimpleNamespace(key="person", owner=OWNER, time=None, unique=(), nest=None)
    return SimpleNamespace(
        task=SimpleNamespace(model=SimpleNamespace(unique_id="model.shop.orders")),
        context=SimpleNamespace(facts=SimpleNamespace(every=facts)),
        source=SimpleNamespace(real=real),
        treatments=treatments,
        family=family,
    )


def different(word: str) -> list[str]:
    return [f"{word}{number}" for number in range(OWNERS * ROWS)]


REAL = pa.table(
    {
        "person": [f"p{one}" for one in OWNER],
        "mail": [f"m{one}" for one in OWNER],
        "shop": [f"s{one % 5}" for one in OWNER],
        "code": different("c"),
    }
)
TWIN = pa.table({name: different(name) for name in REAL.column_names})


def values_by_owner(table: pa.Table, name: str) -> list[set[str]]:
    values = np.array(table[name].to_pylist(), object)
    return [set(values[owner == OWNER]) - {None} for owner in range(OWNERS)]


def test_rows_of_one_owner_have_one_mail_and_one_shop_where_real_ones_do() -> None:
    table = with_traits(TWIN, case_of(REAL), OWNER, np.random.default_rng(1))

    for name in ("mail", "shop"):
        values = values_by_owner(table, name)
        assert {len(one) for one in values} == {1}
        assert len(set().union(*values)) == OWNERS
    assert table["code"].equals(TWIN["code"])  # each row's own
    assert table["person"].equals(TWIN["person"])


def test_what_real_owners_change_now_and_then_changes_as_often() -> None:
    mails = [f"m{one}" if row % ROWS < 3 or one % 4 else f"n{one}" for row, one in enumerate(OWNER)]
    real = REAL.set_column(1, "mail", pa.array(mails))
    share = share_of_changes(real, "mail", case_of(real).family)
    assert share == 10 / (OWNERS * (ROWS - 1))

    table = with_traits(TWIN, case_of(real), OWNER, np.random.default_rng(1))
    assert 2 <= sum(len(one) - 1 for one in values_by_owner(table, "mail")) <= 25


def test_null_stays_and_says_nothing_of_other_rows() -> None:
    mails = [None if row % ROWS == 0 else f"m{one}" for row, one in enumerate(OWNER)]
    real, twin = (
        REAL.set_column(1, "mail", pa.array(mails)),
        pa.array([None if row % 3 == 0 else f"x{row}" for row in range(len(OWNER))]),
    )
    table = with_traits(TWIN.set_column(1, "mail", twin), case_of(real), OWNER, np.random.default_rng(1))
    assert table["mail"].is_null().combine_chunks().equals(twin.is_null())
    assert {len(one) for one in values_by_owner(table, "mail")} == {1}


def test_what_rows_of_other_tables_say_is_left_to_them() -> None:
    fact = Across("model.shop.orders", "mail", Way.COPY, "model.shop.shops", "mail", "shop", "id")
    table = with_traits(TWIN, case_of(REAL, (fact,)), OWNER, np.random.default_rng(1))
    assert table.equals(TWIN)


def test_what_never_changes_is_what_the_first_row_of_an_owner_has() -> None:
    rng = np.random.default_rng(0)
    wages = rng.integers(1_000, 5_000, OWNERS).astype(float)
    real = pd.DataFrame(
        {
            "wage": wages[OWNER],
            "born": pd.Timestamp("1970-01-01") + pd.to_timedelta(OWNER * 31, "D"),
            "hours": rng.integers(0, 200, len(OWNER)),
            "country": "NO",
        }
    )
    real.loc[OWNER == 3, ["wage", "born"]] = None  # of one owner nothing is known
    constants = constants_of(real, OWNER)
    assert constants == ("wage", "born")

    drawn_rows = real.assign(wage=rng.permutation(real["wage"]), born=rng.permutation(real["born"]))
    rows = with_constants(drawn_rows, OWNER, constants)
    assert rows.groupby(OWNER)[["wage", "born"]].nunique(dropna=False).eq(1).all(axis=None)
    assert rows["wage"].iloc[::ROWS].equals(drawn_rows["wage"].iloc[::ROWS])
    assert rows["hours"].equals(drawn_rows["hours"])

    assert constants_of(real.iloc[::ROWS], OWNER[::ROWS]) == ()  # one row each says nothing
