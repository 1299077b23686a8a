"""The committed raw tables are what the generator writes, flaws included."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

SEEDS = Path(__file__).parents[2] / "seeds"

Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def users() -> Rows:
    return read("raw_users")


@pytest.fixture(scope="module")
def sessions() -> Rows:
    return read("raw_sessions")


def test_the_generator_writes_the_committed_files_again(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(SEEDS / "generate.py"), "--out", str(tmp_path)], check=True)
    for name in ("raw_users.csv", "raw_sessions.csv"):
        assert (tmp_path / name).read_bytes() == (SEEDS / name).read_bytes(), f"run seeds/generate.py: {name}"


def test_fewer_rows_can_be_asked_for(tmp_path: Path) -> None:
    sizes = ["--users", "50", "--sessions", "400", "--out", str(tmp_path)]
    subprocess.run([sys.executable, str(SEEDS / "generate.py"), *sizes], check=True)
    assert len(read("raw_users", tmp_path)) == 50
    assert 300 < len(read("raw_sessions", tmp_path)) < 500


def test_user_ids_are_ten_lower_case_letters_and_digits_and_unique(users: Rows) -> None:
    assert all(re.fullmatch(r"[a-z0-9]{10}", user["id"]) for user in users)
    assert len({user["id"] for user in users}) == len(users)


def test_a_first_booking_has_a_day_exactly_when_it_has_a_destination(users: Rows) -> None:
    assert all((user["date_first_booking"] == "") == (user["country_destination"] == "NDF") for user in users)


def test_nobody_is_active_after_signing_up_for_the_first_time(users: Rows) -> None:
    for user in users:
        assert re.fullmatch(r"20\d{12}", user["timestamp_first_active"])
        assert user["timestamp_first_active"][:8] <= user["date_account_created"].replace("-", "")


def test_ages_are_missing_mistyped_and_years_of_birth(users: Rows) -> None:
    age_counts = Counter(user["age"] for user in users)
    assert 0.35 < age_counts[""] / len(users) < 0.45
    assert age_counts["5.0"]
    assert age_counts["2014.0"]
    assert any(1900 < float(age) < 2000 for age in age_counts if age)


def test_what_is_not_known_is_written_as_such(users: Rows) -> None:
    assert 0.3 < sum(user["gender"] == "-unknown-" for user in users) / len(users) < 0.6
    assert any(user["language"] == "-unknown-" for user in users)


def test_some_sessions_have_no_user_and_some_users_are_strangers(users: Rows, sessions: Rows) -> None:
    user_ids = {user["id"] for user in users}
    actors = {session["user_id"] for session in sessions}
    assert "" in actors
    assert actors - user_ids - {""}
    assert user_ids - actors


def test_few_users_take_most_of_the_actions(sessions: Rows) -> None:
    counts = sorted(Counter(session["user_id"] for session in sessions if session["user_id"]).values())
    assert counts[len(counts) // 2] < 10
    assert sum(counts[-len(counts) // 10 :]) > 0.4 * sum(counts)


def test_elapsed_seconds_have_gaps_and_a_heavy_tail(sessions: Rows) -> None:
    seconds = sorted(float(session["secs_elapsed"]) for session in sessions if session["secs_elapsed"])
    assert 0 < len(sessions) - len(seconds) < 0.03 * len(sessions)
    assert seconds[len(seconds) // 2] < 1_000
    assert seconds[-1] > 500_000


def test_who_booked_asked_for_bookings_more_often(users: Rows, sessions: Rows) -> None:
    bookers = {user["id"] for user in users if user["date_first_booking"]}
    lookers = {user["id"] for user in users} - bookers
    request_counts = Counter(row["user_id"] for row in sessions if row["action_type"] == "booking_request")
    assert mean(request_counts, bookers) > 5 * mean(request_counts, lookers)


def mean(counts: Counter[str], members: set[str]) -> float:
    return sum(counts[member] for member in members) / len(members)


def read(name: str, folder: Path = SEEDS) -> Rows:
    with (folder / f"{name}.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
