"""Made-up postcodes begin as real ones of their town do, and none of them is a real one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from synth.columns.beginnings import find_beginnings
from synth.columns.conform import assemble, learnable
from synth.columns.pii import IdentifierKind
from synth.columns.roles import Treatment
from synth.domain import Column, Kind, Role

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIXES = {"Aal": ["31", "32"], "Bern": ["44"], "Celle": ["57"]}
POSTCODE = Treatment(
    Column("postcode", "text", Kind.TEXT, not_null=False), Role.ADDRESS, "", what=IdentifierKind.POSTCODE
)
TOWN = Treatment(Column("town", "text", Kind.TEXT, not_null=False), Role.CATEGORY, "")


def addresses(rows: int, prefixes: Mapping[str, list[str]]) -> pa.Table:
    rng = np.random.default_rng(rows)
    towns = rng.choice([*prefixes], rows)
    codes = [f"{rng.choice(prefixes[town])}{rng.integers(0, 1000):03d}" for town in towns]
    return pa.table({"postcode": codes, "town": towns})


def test_postcodes_begin_as_those_of_their_town_and_none_is_real() -> None:
    real = addresses(900, PREFIXES)
    treatments = (POSTCODE, TOWN)
    twin = assemble(
        learnable(real, treatments),
        treatments,
        real=real,
        parents=lambda _: None,
        rng=np.random.default_rng(0),
    ).to_pandas()
    assert not set(twin["postcode"]) & set(real.column("postcode").to_pylist())
    starts = twin["postcode"].str[:2].groupby(twin["town"]).unique().map(sorted)
    assert starts.to_dict() == PREFIXES
    assert twin["postcode"].str.fullmatch(r"\d{5}").all()


def test_beginnings_that_say_nothing_of_the_town_or_that_few_share_are_not_kept() -> None:
    alike = addresses(900, {town: ["31", "44", "57"] for town in PREFIXES})
    assert find_beginnings(alike, "postcode", ["town"]) is None
    few = addresses(60, {f"town {place}": [f"{place + 10}"] for place in range(20)})
    assert find_beginnings(few, "postcode", ["town"]) is None
    assert (
        find_beginnings(pa.table({"postcode": pd.array([None], "string"), "town": ["a"]}), "postcode", [])
        is None
    )
