"""The dbt project of this repository, run by dbt on a real Postgres."""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from tests.services import clean_environment, new_database
from tests.warm import call_dbt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from synth.services import Endpoints
    from tests.services import Database

ROOT = Path(__file__).parents[2]
SEEDS = ROOT / "seeds"
LOADER = SEEDS / "load_kaggle.py"
MART = "analytics.session_features_by_user"


@dataclass(frozen=True)
class Project:
    """The dbt project, seeded and run; its artifacts lie outside of the checkout."""

    folder: Path  # profiles, target, logs
    conninfo: dict[str, Any] = field(repr=False)
    environment: dict[str, str] = field(repr=False)

    def dbt(self, *arguments: str, root: Path = ROOT) -> str:
        """What dbt printed; a failure, a warning or a deprecation fails the test."""
        folders = ["--project-dir", str(root), "--profiles-dir", str(self.folder)]
        process = call_dbt(ROOT, ("--no-use-colors", "--warn-error", *arguments, *folders), self.environment)
        assert process.returncode == 0, process.stdout + process.stderr
        return process.stdout

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of `query`, which is text of this file."""
        with psycopg.connect(**self.conninfo) as connection:
            return connection.execute(sql.SQL(query)).fetchall()

    def manifest(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / "target" / "manifest.json").read_text("utf-8"))
        return content


@pytest.fixture(scope="module")
def project(services: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("dbt")
    shutil.copy(ROOT / "profiles.yml.example", folder / "profiles.yml")
    with new_database(services) as database:
        variables = {
            **clean_environment(),
            **database.environment,
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
            "DO_NOT_TRACK": "1",
        }
        project_of_database = Project(folder, database.conninfo, variables)
        project_of_database.dbt("seed", "--show-all-deprecations")
        project_of_database.dbt("run")
        yield project_of_database


@pytest.fixture(scope="module")
def sessions() -> list[dict[str, str]]:
    with (SEEDS / "raw_sessions.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def user_ids() -> set[str]:
    with (SEEDS / "raw_users.csv").open(newline="", encoding="utf-8") as stream:
        return {row["id"] for row in csv.DictReader(stream)}


@pytest.mark.slow
def test_data_tests_and_unit_tests_pass(project: Project) -> None:
    output = project.dbt("test")
    assert re.search(r"Finished running \d+ data tests, 4 unit tests", output)
    assert re.search(r"Done\. PASS=\d+ WARN=0 ERROR=0 SKIP=0", output)


def test_the_mart_alone_asks_for_a_twin_and_its_key_is_inferred(project: Project) -> None:
    models = [node for node in project.manifest()["nodes"].values() if node["resource_type"] == "model"]
    tagged_nodes = {
        node["name"]: node["primary_key"] for node in models if node["config"]["meta"].get("synthesize")
    }
    assert tagged_nodes == {"session_features_by_user": ["user_id"]}


def test_the_mart_has_the_columns_that_the_contract_names_in_its_types(project: Project) -> None:
    columns = project.rows(
        "select attname, format_type(atttypid, atttypmod) from pg_attribute"
        f" where attrelid = '{MART}'::regclass and attnum > 0 order by attnum"
    )
    assert dict(columns) == {
        "user_id": "text",
        "gender": "text",
        "age": "integer",
        "language": "text",
        "signup_method": "text",
        "date_account_created": "date",
        "number_of_actions_taken": "bigint",
        "number_of_unique_actions": "bigint",
        "avg_session_time_seconds": "numeric(12,2)",
        "min_session_time_seconds": "integer",
        "max_session_time_seconds": "integer",
        "total_bookings": "bigint",
    }


def test_the_mart_has_one_row_per_known_user_with_sessions(
    project: Project, sessions: list[dict[str, str]], user_ids: set[str]
) -> None:
    counts = Counter(row["user_id"] for row in sessions if row["user_id"] in user_ids)
    assert dict(project.rows(f"select user_id, number_of_actions_taken from {MART}")) == counts


def test_bookings_are_those_of_the_user_alone(
    project: Project, sessions: list[dict[str, str]], user_ids: set[str]
) -> None:
    requests = [row["user_id"] for row in sessions if row["action_type"] == "booking_request"]
    counts = Counter(user for user in requests if user in user_ids)
    bookings = dict(project.rows(f"select user_id, total_bookings from {MART} where total_bookings > 0"))
    assert bookings == counts
    assert len(bookings) > 100


@pytest.mark.slow
def test_seeding_again_leaves_the_same_rows_and_the_views_on_them(project: Project) -> None:
    before = project.rows(
        "select count(*), count(secs_elapsed), sum(secs_elapsed) from analytics_raw.raw_sessions"
    )
    project.dbt("seed")
    after = project.rows(
        "select count(*), count(secs_elapsed), sum(secs_elapsed) from analytics_raw.raw_sessions"
    )
    assert after == before
    assert project.rows("select count(*) from analytics.stg_airbnb__sessions") == [before[0][:1]]


@pytest.mark.slow
def test_another_project_installs_the_macros_as_a_package(project: Project, tmp_path: Path) -> None:
    settings = {"name": "consumer", "version": "1.0.0", "profile": "synth", "model-paths": ["models"]}
    (tmp_path / "dbt_project.yml").write_text(json.dumps(settings), encoding="utf-8")
    packages = {"packages": [{"local": os.path.relpath(ROOT / "macros", tmp_path)}]}
    (tmp_path / "packages.yml").write_text(json.dumps(packages), encoding="utf-8")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "moments.sql").write_text(
        "select {{ synth.compact_timestamp('20090319043255') }} as moment,"
        """ {{ synth.null_if_unknown("'-unknown-'") }} as nothing,"""
        """ {{ synth.null_if_unknown("'known'") }} as known""",
        encoding="utf-8",
    )
    elsewhere = {"DBT_TARGET_PATH": str(tmp_path / "target"), "DBT_LOG_PATH": str(tmp_path / "logs")}
    consumer = Project(project.folder, project.conninfo, {**project.environment, **elsewhere})
    consumer.dbt("deps", root=tmp_path)
    consumer.dbt("run", root=tmp_path)
    assert project.rows("select moment::text, nothing, known from analytics.moments") == [
        ("2009-03-19 04:32:55", None, "known")
    ]


def test_digits_are_read_alike_in_every_time_zone(project: Project) -> None:
    # 02:30 on this day does not exist in New York; to_timestamp would move it.
    compiled_sql = (
        project.folder / "target/compiled/airbnb_bookings/models/staging/airbnb/stg_airbnb__users.sql"
    ).read_text()
    expression = re.search(r"overlay\(.*\)::timestamp", compiled_sql)
    assert expression is not None
    query = f"select ({expression[0]})::text from (values (20140309023000)) as raw (timestamp_first_active)"
    with psycopg.connect(**project.conninfo, options="-c timezone=America/New_York") as connection:
        assert connection.execute(sql.SQL(query)).fetchall() == [("2014-03-09 02:30:00",)]


def test_kaggles_files_go_into_the_tables_that_the_seeds_fill(project: Project, tmp_path: Path) -> None:
    users, zip_file = tmp_path / "train_users_2.csv.gz", tmp_path / "sessions.csv.zip"
    users.write_bytes(gzip.compress((SEEDS / "raw_users.csv").read_bytes(), 1))
    with zipfile.ZipFile(zip_file, "w") as archive:
        archive.write(SEEDS / "raw_sessions.csv", "sessions.csv")
    output = load(project.environment, users, zip_file, "--schema", "kaggle_raw")
    assert output.returncode == 0
    assert "kaggle_raw.raw_users: 10,000 rows in " in output.stdout
    for table in ("raw_users", "raw_sessions"):
        assert checksum(project, f"kaggle_raw.{table}") == checksum(project, f"analytics_raw.{table}")
        assert types(project, f"kaggle_raw.{table}") == types(project, f"analytics_raw.{table}")


def test_a_column_order_of_its_own_is_no_reason_to_refuse_a_file(database: Database, tmp_path: Path) -> None:
    users, actions = small_files(tmp_path)
    actions.write_text("secs_elapsed,user_id,device_type,action,action_type,action_detail\n3,u,d,a,t,x\n")
    assert load(database.environment, users, actions).returncode == 0
    with database.connect() as connection:
        rows = connection.execute("select user_id, action, secs_elapsed from analytics_raw.raw_sessions")
        assert rows.fetchall() == [("u", "a", 3.0)]


def test_a_file_with_other_columns_is_refused_by_their_names(database: Database, tmp_path: Path) -> None:
    users, actions = small_files(tmp_path)
    actions.write_text("user_id,action,action_type,action_detail,device,secs_elapsed\n")
    output = load(database.environment, users, actions)
    assert output.returncode == 2
    assert "lacks device_type and has device;" in output.stderr


def test_a_file_without_a_header_is_refused_without_showing_a_row(database: Database, tmp_path: Path) -> None:
    users, actions = small_files(tmp_path)
    actions.write_text("private,words,a,b,c,5\n")
    output = load(database.environment, users, actions)
    assert output.returncode == 2
    assert "does not begin with the names of its columns" in output.stderr
    assert "private" not in output.stderr


def test_a_postgres_that_does_not_answer_is_named(tmp_path: Path) -> None:
    output = load({"PGHOST": str(tmp_path), "PGPORT": "5999"}, *small_files(tmp_path))
    assert output.returncode == 2
    assert "Postgres cannot be reached" in output.stderr
    assert "Set PGHOST" in output.stderr


def test_after_a_broken_file_both_tables_hold_what_they_held(database: Database, tmp_path: Path) -> None:
    users, actions = small_files(tmp_path)
    assert load(database.environment, users, actions).returncode == 0
    with database.connect() as connection:
        connection.execute("create view on_users as select * from analytics_raw.raw_users")
    with actions.open("a") as stream:
        stream.write("u2,a,t,x,d,5\nu2,a,t,x,d,private words\n")
    with users.open("a") as stream:
        stream.write(users.read_text().splitlines()[1] + "\n")
    output = load(database.environment, users, actions)
    assert output.returncode == 2
    assert "InvalidTextRepresentation at line 4, column secs_elapsed." in output.stderr
    assert "private words" not in output.stderr + output.stdout
    with database.connect() as connection:
        query = "select (select count(*) from on_users), (select count(*) from analytics_raw.raw_sessions)"
        assert connection.execute(query).fetchone() == (1, 1)


@pytest.mark.parametrize("name", ["absent.csv", "torn.csv.gz", "torn.csv.zip"])
def test_a_file_that_cannot_be_read_is_named(database: Database, tmp_path: Path, name: str) -> None:
    users, _ = small_files(tmp_path)
    if name.startswith("torn"):
        (tmp_path / name).write_bytes(b"\x1f\x8b torn")
    output = load(database.environment, users, tmp_path / name)
    assert output.returncode == 2
    assert f"{name} cannot be read" in output.stderr
    assert "Traceback" not in output.stderr


def small_files(folder: Path) -> tuple[Path, Path]:
    """A header and one row each."""
    files = []
    for name in ("raw_users", "raw_sessions"):
        with (SEEDS / f"{name}.csv").open(encoding="utf-8") as stream:
            (folder / f"{name}.csv").write_text(stream.readline() + stream.readline(), encoding="utf-8")
        files.append(folder / f"{name}.csv")
    return files[0], files[1]


def load(
    environment: dict[str, str], users: Path, sessions: Path, *more: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(LOADER), "--users", str(users), "--sessions", str(sessions), *more]
    variables = {**clean_environment(), **environment}
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)


def checksum(project: Project, table: str) -> list[tuple[Any, ...]]:
    return project.rows(f"select count(*), sum(hashtext(t::text)::bigint) from {table} as t")


def types(project: Project, table: str) -> list[tuple[Any, ...]]:
    return project.rows(
        "select attname, format_type(atttypid, atttypmod) from pg_attribute"
        f" where attrelid = '{table}'::regclass and attnum > 0 order by attnum"
    )
