"""Rows of the twin that few real people have are drawn anew, as long as they are few."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa

from synth.sampling.context import Samples
from synth.sampling.redraw import choose, replacements, spare_rows
from synth.sampling.source import SourceRows

ROWS = 2000


def fresh(rows: int, seed: int, kinds: int = 10**9) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"a": rng.integers(0, kinds, rows), "b": rng.choice(["x", "y"], rows)})


def samples_and_source(
    synthetic: pd.DataFrame, real: pd.DataFrame | None = None
) -> tuple[Samples, SourceRows]:
    """All rows drawn, beside a source of which each fifth row is held out."""
    real = fresh(ROWS, 1) if real is None else real
    held_out = np.arange(len(real)) % 5 == 0
    units = np.arange(len(real), dtype=np.uint64)
    source = SourceRows((), pa.table({}), len(real), units, None, held_out)
    return Samples(real[~held_out], real[held_out], synthetic, frozenset(), frozenset(), {}), source


def test_copies_of_few_people_make_way_for_spare_rows() -> None:
    real, synthetic = fresh(ROWS, 1), fresh(ROWS + spare_rows(ROWS, halves=False), 2)
    synthetic.iloc[:7] = real.iloc[:7]  # of the holdout, too: both are real people
    choice = choose(*samples_and_source(synthetic, real), ROWS)
    assert choice.count == 7
    twin = synthetic.iloc[choice.places]
    assert len(twin) == ROWS
    assert len(twin.merge(real)) == 0
    assert set(choice.places[7:]) == set(range(7, ROWS))  # nobody else moved


def test_a_copied_spare_row_is_not_used() -> None:
    real, synthetic = fresh(ROWS, 1), fresh(ROWS + spare_rows(ROWS, halves=False), 2)
    synthetic.iloc[:3] = real.iloc[:3]
    synthetic.iloc[ROWS : ROWS + 10] = real.iloc[10:20]
    choice = choose(*samples_and_source(synthetic, real), ROWS)
    assert len(synthetic.iloc[choice.places].merge(real)) == 0


def test_rows_that_many_share_stay() -> None:
    real = fresh(ROWS, 1, kinds=20)
    choice = choose(
        *samples_and_source(fresh(ROWS + spare_rows(ROWS, halves=False), 2, kinds=20), real), ROWS
    )
    assert choice.count == 0


def test_of_a_twin_with_many_copies_none_is_hidden() -> None:
    real, synthetic = fresh(ROWS, 1), fresh(ROWS + spare_rows(ROWS, halves=False), 2)
    synthetic.iloc[:60] = real[np.arange(ROWS) % 5 != 0].iloc[:60]
    choice = choose(*samples_and_source(synthetic, real), ROWS)
    assert choice.count == 0
    assert (choice.places == np.arange(ROWS)).all()


def test_a_table_of_few_different_rows_keeps_them() -> None:
    real = fresh(ROWS, 1, kinds=700)  # most rows are held by one to four people
    choice = choose(
        *samples_and_source(fresh(ROWS + spare_rows(ROWS, halves=False), 2, kinds=700), real), ROWS
    )
    assert choice.count == 0


def test_rows_of_one_entity_count_once() -> None:
    real = fresh(ROWS, 1)
    real.iloc[:40] = real.iloc[0].to_list()
    synthetic = fresh(ROWS + spare_rows(ROWS, halves=False), 2)
    synthetic.iloc[0] = real.iloc[0]
    samples, source = samples_and_source(synthetic, real)
    assert choose(samples, source, ROWS).count == 0  # forty people share it
    source.units[:40] = 0
    assert choose(samples, source, ROWS).count == 1


def test_where_nothing_was_learned_there_is_nothing_to_choose() -> None:
    nothing = pd.DataFrame(index=range(ROWS))
    choice = choose(*samples_and_source(nothing, nothing), ROWS)
    assert (choice.places == np.arange(ROWS)).all()


def test_rows_with_none_to_spare_are_looked_at_all_the_same() -> None:
    real, synthetic = fresh(ROWS, 1), fresh(ROWS, 2)
    synthetic.iloc[:7] = real.iloc[:7]
    choice = choose(*samples_and_source(synthetic, real), ROWS)
    assert len(choice.places) == ROWS - 7


def test_a_row_of_a_history_makes_way_for_one_of_the_same_owner() -> None:
    owner = np.array([0, 1, 2, 2, 2, 1, 0, 3])
    others = replacements(np.array([0, 2, 3]), np.array([4, 5, 6, 7]), owner)
    assert others.tolist() == [6, 4, -1]  # owner 2 has one spare row, not two
    assert replacements(np.array([0, 2, 3]), np.array([4, 5]), None).tolist() == [4, 5, -1]


def test_nobody_gets_a_second_row_in_place_of_a_copied_one() -> None:
    real, synthetic = fresh(ROWS, 1), fresh(2 * ROWS, 2)
    synthetic.iloc[:7] = real.iloc[:7]
    samples, source = samples_and_source(synthetic, real)
    owner = np.r_[np.arange(ROWS), np.random.default_rng(3).permutation(ROWS)]
    choice = choose(replace(samples, owner=owner), source, ROWS)
    assert len(synthetic.iloc[choice.places].merge(real)) == 0
    assert len(np.unique(owner[choice.places])) == len(choice.places) == ROWS
