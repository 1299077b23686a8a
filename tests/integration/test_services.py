from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from synth.errors import ServiceError
from synth.services import Endpoints, down, postgres, processes, state, status, up
from tests.services import clean_environment, conninfo, s3_client

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICES = ("postgres", "objects")
UP = "import sys; from pathlib import Path; from synth.services import up; print(up(Path(sys.argv[1])).port)"
needs_proc = pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks at processes through /proc")


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "root"
    yield folder
    down(folder)


def pid_of(root: Path, service: str) -> int:
    return int(json.loads((root / service / "process.json").read_text())["pid"])


def leave_traces(endpoints: Endpoints) -> None:
    with connect(endpoints) as connection:
        connection.execute("create table traces as select generate_series(1, 1000) as trace")
    with closing(s3_client(endpoints.environment())) as client:
        client.put_object(Bucket=endpoints.bucket, Key="a/trace", Body=b"trace")


def find_traces(endpoints: Endpoints) -> tuple[int, bytes]:
    with connect(endpoints) as connection:
        row = connection.execute("select count(*) from traces").fetchone()
    with closing(s3_client(endpoints.environment())) as client:
        content = client.get_object(Bucket=endpoints.bucket, Key="a/trace")["Body"].read()
    return (row[0] if row else 0), content


def give_ids_to(root: Path, pid: int) -> None:
    """Let what the killed services left behind look as if `pid` had been theirs before a reboot."""
    for service in SERVICES:
        note = {"pid": pid, "started": "another boot:1"}
        (root / service / "process.json").write_text(json.dumps(note))
    lock_file = root / "postgres" / "data" / "postmaster.pid"
    lines = lock_file.read_text().split("\n")
    lock_file.write_text("\n".join([str(pid), *lines[1:]]))


def connect(endpoints: Endpoints) -> psycopg.Connection:
    return psycopg.connect(**conninfo(endpoints), autocommit=True)


def processes_about(root: Path) -> list[str]:
    """The command lines of living processes that have `root` in their arguments, variables or directory."""
    leaks = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            where = (folder / "cwd").resolve(strict=True)
        except OSError:
            continue
        if str(root).encode() in text or root in where.parents:
            leaks.append(text.decode(errors="replace"))
    return leaks


def test_a_second_up_finds_everything_running(root: Path) -> None:
    first = up(root)
    pids = [pid_of(root, service) for service in SERVICES]
    assert up(root) == first
    assert status(root) == first
    assert [pid_of(root, service) for service in SERVICES] == pids


def test_data_and_objects_survive_down_and_up(root: Path) -> None:
    before = up(root)
    leave_traces(before)
    down(root)
    assert status(root) is None
    after = up(root)
    assert after == before
    assert find_traces(after) == (1000, b"trace")


@pytest.mark.parametrize("names", [("postgres",), ("objects",), SERVICES])
def test_up_recovers_after_a_kill(root: Path, names: tuple[str, ...]) -> None:
    endpoints = up(root)
    leave_traces(endpoints)
    for service in names:
        os.kill(pid_of(root, service), signal.SIGKILL)
    assert processes.wait_until(lambda: status(root) is None, seconds=5)
    assert up(root) == endpoints
    assert find_traces(endpoints) == (1000, b"trace")


def test_a_role_that_could_not_log_in_at_first_is_repaired_not_made_again(root: Path) -> None:
    endpoints = up(root)
    with connect(endpoints) as connection:
        connection.execute("alter role synth password 'another'")
    settings = state.load(root)
    assert settings is not None
    assert postgres.Postgres(root / "postgres", settings).ready()
    connect(endpoints).close()


def test_up_recovers_after_the_machine_went_down_and_gave_our_ids_to_others(root: Path) -> None:
    endpoints = up(root)
    leave_traces(endpoints)
    for service in SERVICES:
        os.kill(pid_of(root, service), signal.SIGKILL)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as stranger:
        try:
            give_ids_to(root, stranger.pid)
            assert up(root) == endpoints
            assert find_traces(endpoints) == (1000, b"trace")
            assert stranger.poll() is None
        finally:
            stranger.kill()


@needs_proc
def test_up_finds_a_postgres_whose_start_was_never_written_down(root: Path) -> None:
    endpoints = up(root)
    pid = pid_of(root, "postgres")
    (root / "postgres" / "process.json").unlink()
    assert up(root) == endpoints
    down(root)
    assert processes.find(pid) is None


@needs_proc
def test_down_leaves_no_process_and_can_be_repeated(root: Path) -> None:
    up(root)
    assert processes_about(root)
    down(root)
    assert processes.wait_until(lambda: not processes_about(root), seconds=5)
    down(root)


def test_services_outlive_the_program_that_started_them(root: Path) -> None:
    command = [sys.executable, "-c", UP, str(root)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=clean_environment())
    endpoints = status(root)
    assert endpoints is not None
    connect(endpoints).close()


@pytest.mark.parametrize("moment", [0.3, 0.5, 0.8])
def test_up_recovers_after_an_up_that_was_killed(root: Path, moment: float) -> None:
    with subprocess.Popen([sys.executable, "-c", UP, str(root)], stdout=subprocess.DEVNULL) as caller:
        try:
            caller.wait(moment)
        except subprocess.TimeoutExpired:
            caller.kill()
    leave_traces(up(root))
    down(root)
    assert find_traces(up(root)) == (1000, b"trace")


def test_simultaneous_ups_start_one_of_each(root: Path) -> None:
    command = [sys.executable, "-c", UP, str(root)]
    callers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean_environment())
        for _ in range(3)
    ]
    ports = [caller.communicate(timeout=60)[0].strip() for caller in callers]
    assert [caller.returncode for caller in callers] == [0, 0, 0]
    assert len(set(ports)) == 1


def test_a_port_taken_meanwhile_is_replaced_and_the_data_kept(root: Path) -> None:
    before = up(root)
    leave_traces(before)
    down(root)
    with socket.create_server(("127.0.0.1", before.port)):
        after = up(root)
        assert after.port != before.port
        assert find_traces(after) == (1000, b"trace")


@pytest.mark.parametrize("user", ["synth", "postgres"])
def test_a_wrong_password_is_refused(services: Endpoints, user: str) -> None:
    wrong = {**conninfo(services), "user": user, "password": "wrong"}
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(**wrong)


def test_nothing_listens_beyond_the_loopback_address(services: Endpoints) -> None:
    ports = (services.port, int(services.endpoint_url.rpartition(":")[2]))
    others = {"127.0.0.2", socket.gethostbyname(socket.gethostname())} - {"127.0.0.1"}
    for address in others:
        for port in ports:
            with pytest.raises(OSError), socket.create_connection((address, port), timeout=2):  # noqa: PT011 - refused or unreachable
                pass


@needs_proc
def test_no_secret_stands_in_a_command_line(root: Path) -> None:
    up(root)
    secrets = {
        value
        for name, value in json.loads((root / "services.json").read_text()).items()
        if "port" not in name
    }
    assert len(secrets) == 4
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_text(errors="replace")
        except OSError:
            continue
        assert not [secret for secret in secrets if secret in line]


def test_only_the_owner_can_look_inside(root: Path) -> None:
    up(root)
    folders = [
        root,
        *(root / service for service in SERVICES),
        root / "postgres" / "data",
        root / "objects" / "data",
    ]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
    assert stat.S_IMODE((root / "services.json").stat().st_mode) == 0o600


def test_the_role_works_in_its_database_without_being_a_superuser(services: Endpoints) -> None:
    with connect(services) as connection:
        row = connection.execute(
            "select rolsuper, rolcreatedb from pg_roles where rolname = current_user"
        ).fetchone()
        assert row == (False, True)
        connection.execute("create role synth_test_reader")
        connection.execute("set role synth_test_reader")
        connection.execute("reset role")
        connection.execute("drop role synth_test_reader")


def test_the_log_keeps_no_row(root: Path) -> None:
    with connect(up(root)) as connection:
        connection.execute("create table people (email text primary key)")
        connection.execute("insert into people values ('jane@secret.example')")
        for statement in (
            b"insert into people values ('jane@secret.example')",
            b"selekt 'jane@secret.example'",
        ):
            with pytest.raises(psycopg.Error):
                connection.execute(statement)
    log = (root / "postgres" / "server.log").read_text()
    assert "duplicate key" in log
    assert "jane" not in log


def test_a_broken_cluster_is_an_error_that_names_the_log(root: Path) -> None:
    up(root)
    down(root)
    (root / "postgres" / "data" / "global" / "pg_control").unlink()
    with pytest.raises(ServiceError, match=r"postgres/server\.log, then run `synth down`"):
        up(root)


def test_a_cluster_of_another_version_is_left_alone(root: Path) -> None:
    up(root)
    down(root)
    version = root / "postgres" / "data" / "PG_VERSION"
    content = version.read_text()
    version.write_text("9\n")
    with pytest.raises(ServiceError, match="made by Postgres 9"):
        up(root)
    version.write_text(content)
    up(root)


def test_a_root_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.write_text("")
    for action in (up, down, status):
        with pytest.raises(ServiceError, match=str(root)):
            action(root)


def test_psql_is_at_hand_and_works(services: Endpoints) -> None:
    psql = postgres.client_binary("psql")
    assert psql is not None
    environment = clean_environment() | services.environment()
    answer = subprocess.run(
        [psql, "-XAtc", "select 6 * 7"], check=True, capture_output=True, text=True, env=environment
    )
    assert answer.stdout == "42\n"
    assert postgres.client_binary("no-such-program") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes users")
def test_root_without_user_namespaces_runs_postgres_as_nobody(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(root))  # where there is no `unshare`
    endpoints = up(root)
    data = (root / "postgres" / "data").resolve()
    try:
        assert data.owner() == "nobody"
        leave_traces(endpoints)
        down(root)
        assert find_traces(up(root)) == (1000, b"trace")
    finally:
        down(root)
        shutil.rmtree(data.parent)
