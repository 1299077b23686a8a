"""A fitted engine survives as a file, and no other file passes for one."""

from __future__ import annotations

import datetime as dt
import json
import stat
import uuid
import zipfile
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from synth.engine import Synthesizer
from synth.engine.saved import FORMAT, HEADER

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 1200


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    moments = pd.Series(pd.Timestamp("2026-03-01") + pd.to_timedelta(rng.integers(0, 10**6, ROWS), unit="s"))
    few = rng.integers(0, 3, ROWS)
    return pd.DataFrame(
        {
            "amount": rng.gamma(2.0, 30.0, ROWS).round(2),
            "price": [Decimal("1.50") * int(n) for n in few],
            "day": [dt.date(2026, 1, 1 + int(n)) for n in few],
            "id": [uuid.UUID(int=int(n)) for n in few],
            "plan": pd.Categorical(
                np.array(["free", "plus", None], object)[few], ["team", "free", "plus"], True
            ),
            "seen": moments.dt.tz_localize("Europe/Berlin", ambiguous=True, nonexistent="shift_forward"),
            "naive": moments.where(few > 0),
            "visits": pd.Series(rng.poisson(4, ROWS)).astype("Int64").mask(pd.Series(few == 1)),
            "tags": pd.Series([[int(n), "x"] for n in few], dtype=object),
            "text": pd.Series(["é", "b", None], dtype="string").take(few).reset_index(drop=True),
            "gone": pd.Series([None] * ROWS, dtype=object),
        }
    )


@pytest.fixture(scope="module")
def engine() -> Synthesizer:
    return Synthesizer(seed=5, categories={"visits"}, rare=5, public={"day"}).fit(frame(), given=["plan"])


@pytest.fixture
def saved(engine: Synthesizer, tmp_path: Path) -> Path:
    path = tmp_path / "orders.engine"
    engine.save(path)
    return path


def rewritten(path: Path, **changes: Any) -> Path:
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    header = {**json.loads(parts[HEADER]), **changes}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**parts, HEADER: json.dumps(header).encode()}.items():
            archive.writestr(name, content)
    return path


def test_a_loaded_engine_draws_the_rows_of_the_one_that_was_saved(engine: Synthesizer, saved: Path) -> None:
    loaded = Synthesizer.load(saved)
    pd.testing.assert_frame_equal(loaded.sample(3000), engine.sample(3000))
    given = frame()[["plan"]]
    pd.testing.assert_frame_equal(loaded.sample(ROWS, given=given), engine.sample(ROWS, given=given))
    assert [type(value) for value in loaded.sample(1).iloc[0]] == [
        type(value) for value in engine.sample(1).iloc[0]
    ]


def test_saving_twice_gives_the_same_bytes_and_a_file_of_its_owner(engine: Synthesizer, saved: Path) -> None:
    again = saved.with_name("again")
    Synthesizer.load(saved).save(again)
    assert again.read_bytes() == saved.read_bytes()
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert sorted(path.name for path in saved.parent.iterdir()) == ["again", "orders.engine"]


def test_what_drawing_looks_up_is_not_saved(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    begun = pd.Series(pd.date_range("2024-01-01", periods=3000, freq="7919s"))
    frame = pd.DataFrame(
        {"begun": begun, "ended": begun + pd.to_timedelta(rng.integers(0, 9999, 3000), unit="s")}
    )
    engine = Synthesizer().fit(frame)
    drawn = engine.sample(100)
    engine.save(tmp_path / "engine")
    pd.testing.assert_frame_equal(Synthesizer.load(tmp_path / "engine").sample(100), drawn)


def test_numbers_can_be_read_without_pickle_and_rare_labels_are_not_there(tmp_path: Path) -> None:
    table = pd.DataFrame({"x": ["often"] * 100 + ["canary-7f3a"], "y": np.arange(101.0)})
    Synthesizer().fit(table).save(tmp_path / "m")
    with np.load(tmp_path / "m", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype.kind in "iufb" for name in arrays if name != HEADER)
    with zipfile.ZipFile(tmp_path / "m") as archive:
        assert not any(b"canary" in archive.read(name) for name in archive.namelist())


def test_every_cut_of_the_file_is_refused(saved: Path) -> None:
    whole = saved.read_bytes()
    for size in (*range(5, len(whole), len(whole) // 20), len(whole) - 1):
        saved.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="truncated or damaged"):
            Synthesizer.load(saved)


def test_a_changed_byte_is_noticed(saved: Path) -> None:
    whole = bytearray(saved.read_bytes())
    whole[len(whole) // 3] ^= 0xFF
    saved.write_bytes(bytes(whole))
    with pytest.raises(ValueError, match="truncated or damaged"):
        Synthesizer.load(saved)


@pytest.mark.parametrize("content", [b"", b"PK", b"hello, world", b"\x80\x04K\x01.", b"{}"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="other is not a saved engine"):
        Synthesizer.load(path)


def test_a_zip_or_a_header_of_something_else_is_refused(saved: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "arrays.npz", x=np.arange(3))
    for path in (tmp_path / "arrays.npz", rewritten(saved, magic="another")):
        with pytest.raises(ValueError, match="is not a saved engine"):
            Synthesizer.load(path)


def test_a_newer_file_is_refused_and_says_so(saved: Path) -> None:
    with pytest.raises(ValueError, match="newer version"):
        Synthesizer.load(rewritten(saved, format=FORMAT + 1))


def test_an_older_format_is_refused_with_the_way_out(saved: Path) -> None:
    with pytest.raises(ValueError, match="older version: fit and save the engine again"):
        Synthesizer.load(rewritten(saved, format=FORMAT - 1))


def test_a_pickled_array_is_refused(saved: Path) -> None:
    with zipfile.ZipFile(saved, "a") as archive, archive.open("evil.npy", "w") as entry:
        np.lib.format.write_array(entry, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="damaged"):
        Synthesizer.load(saved)


def test_a_file_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Synthesizer.load(tmp_path / "nowhere")


def test_objects_without_a_form_are_refused_and_leave_no_file(tmp_path: Path) -> None:
    engine = Synthesizer().fit(pd.DataFrame({"x": [range(3)] * 30}))
    with pytest.raises(ValueError, match="type range"):
        engine.save(tmp_path / "m")
    assert not list(tmp_path.iterdir())


def test_an_engine_that_learned_nothing_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="fit"):
        Synthesizer().save(tmp_path / "m")


def test_a_table_without_rows_can_be_saved(tmp_path: Path) -> None:
    empty = frame().iloc[:0]
    Synthesizer().fit(empty).save(tmp_path / "m")
    pd.testing.assert_frame_equal(Synthesizer.load(tmp_path / "m").sample(5), empty)
