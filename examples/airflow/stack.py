"""A whole Airflow on this machine for the example DAGs: `stack.py up`, `stack.py down`.

Scheduler, processor of DAGs, triggerer and web page are one `airflow standalone`, all of it below
.synth/airflow and on the loopback address. Whoever can reach that is an administrator: it is for trying out.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from synth.services import Endpoints, processes
from synth.services import down as stop_services
from synth.services import up as start_services

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".synth/airflow"
AIRFLOW = ROOT / ".venv-airflow/bin"
BIN = ROOT / ".venv/bin"
DAGS = ROOT / "examples/airflow/dags"
PATIENCE = 240.0  # seconds; the first start makes the database of Airflow


def up() -> None:
    """Start the services and Airflow, or find them running, and say where the page is."""
    endpoints = start_services(ROOT / ".synth")
    HOME.mkdir(mode=0o700, exist_ok=True)
    record, page = HOME / "process.json", HOME / "page"
    if processes.recall(record) is None:
        if not (ROOT / "profiles.yml").exists():
            shutil.copyfile(ROOT / "profiles.yml.example", ROOT / "profiles.yml")
        _say("Airflow starts, which takes a minute …")
        variables = {**os.environ, **endpoints.environment(), "DO_NOT_TRACK": "1"}
        subprocess.run([BIN / "dbt", "--quiet", "parse"], cwd=ROOT, env=variables, check=True)
        ports = [processes.free_port() for _ in range(3)]
        command = [str(AIRFLOW / "airflow"), "standalone"]
        environment = settings(endpoints, ports)
        process = processes.spawn(command, log=HOME / "log", cwd=HOME, environment=environment)
        processes.remember(process, record)
        page.write_text(f"http://127.0.0.1:{ports[0]}", encoding="utf-8")
    address = page.read_text(encoding="utf-8")
    if not processes.wait_until(lambda: _healthy(address), seconds=PATIENCE, pause=1.0):
        sys.exit(f"Airflow does not answer; see {HOME / 'log'}. Next: make airflow-down")
    _say(f"Airflow: {address}/dags/bookings  (Trigger)")
    _say("Stop it and the services: make airflow-down")


def down() -> None:
    """Stop everything that `up` started; data and logs stay in .synth/."""
    process = processes.recall(HOME / "process.json")
    if process:
        session = os.getsid(process.pid)
        os.kill(process.pid, signal.SIGTERM)
        if not processes.wait_until(lambda: not members(session), seconds=20, pause=0.2):
            for number in (signal.SIGTERM, signal.SIGKILL):
                for pid in members(session):
                    os.kill(pid, number)
                processes.wait_until(lambda: not members(session), seconds=20, pause=0.2)
        (HOME / "process.json").unlink()
    stop_services(ROOT / ".synth")
    _say("Stopped.")


def members(session: int) -> list[int]:
    """The living processes of a session: all that `airflow standalone` has started."""
    answer = subprocess.run(["/bin/ps", "-A", "-o", "pid="], check=True, capture_output=True, text=True)
    return [
        int(pid)
        for pid in answer.stdout.split()
        if _session(int(pid)) == session and processes.find(int(pid))
    ]


def settings(endpoints: Endpoints, ports: list[int]) -> dict[str, str]:
    """The environment of Airflow: its own settings, the connections, and what the DAGs ask for."""
    address = f"http://127.0.0.1:{ports[0]}"
    return {
        "PATH": f"{AIRFLOW}:{os.environ.get('PATH', os.defpath)}",
        "HOME": str(Path.home()),
        "AIRFLOW_HOME": str(HOME),
        "AIRFLOW__API__BASE_URL": address,
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(ports[0]),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(ports[1]),
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(ports[2]),
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_HOST": "127.0.0.1",
        "BOOKINGS_BIN": str(BIN),
        "BOOKINGS_DATABASE": f"postgres://{endpoints.host}:{endpoints.port}/{endpoints.database}",
        "DBT_PROJECT_DIR": str(ROOT),
        "SYNTH_STORE": endpoints.store,
        **connections(endpoints),
    }


def connections(endpoints: Endpoints) -> dict[str, str]:
    """The embedded services as Airflow's connections; JSON, because a URI would have to quote passwords."""
    postgres = {
        "conn_type": "postgres",
        "host": endpoints.host,
        "port": endpoints.port,
        "login": endpoints.user,
        "password": endpoints.password,
        "schema": endpoints.database,
    }
    aws = {
        "conn_type": "aws",
        "login": endpoints.access_key,
        "password": endpoints.secret_key,
        "extra": {"region_name": endpoints.region, "endpoint_url": endpoints.endpoint_url},
    }
    return {
        "AIRFLOW_CONN_POSTGRES_DEFAULT": json.dumps(postgres),
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(aws),
    }


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:  # it has ended meanwhile, or is somebody else's
        return 0


def _healthy(address: str) -> bool:
    """Whether page, scheduler, triggerer and processor of DAGs are all there."""
    try:
        with urllib.request.urlopen(f"{address}/api/v2/monitor/health", timeout=5) as answer:  # noqa: S310 - ours
            parts = json.load(answer)
    except (OSError, ValueError):
        return False
    return all(part.get("status") == "healthy" for part in parts.values())


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    {"up": up, "down": down}[sys.argv[1]]()
