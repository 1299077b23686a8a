"""A real Airflow, a copy of the dbt project, and the services, which run in the other environment."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import psycopg
import pytest
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow.sdk import DAG

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / ".venv/bin"
HOME = Path(tempfile.mkdtemp(prefix="synth-airflow-"))
PROJECT = HOME / "project"
PASSWORD = """p@ss/w:o%r'd "$HOME" é"""  # of the role that owns everything
SECRET = "s3/cr@t:%'key"
PARTS = ("dbt_project.yml", "models", "macros", "seeds", "tests/dbt")

# Airflow reads these when it is imported, and the example DAGs when they are read.
os.environ |= {
    "AIRFLOW_HOME": str(HOME / "airflow"),
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "examples/airflow/dags"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "BOOKINGS_BIN": str(BIN),
    "BOOKINGS_POLL": "0.5",
    "DBT_PROJECT_DIR": str(PROJECT),
}


@dataclass(frozen=True)
class Stack:
    """The services, and how to be let in."""

    variables: dict[str, str] = field(repr=False)

    @property
    def database(self) -> str:
        """What the names of its assets begin with."""
        variables = self.variables
        return f"postgres://{variables['PGHOST']}:{variables['PGPORT']}/{variables['PGDATABASE']}"

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host=self.variables["PGHOST"],
            port=self.variables["PGPORT"],
            user=self.variables["PGUSER"],
            password=self.variables["PGPASSWORD"],
            dbname=self.variables["PGDATABASE"],
            autocommit=True,
        )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.connect() as session:
            return session.execute(query.encode()).fetchall()

    def run(self, *command: str) -> None:
        """Run a program of the other environment in the project."""
        environment = {**os.environ, **self.variables, "DO_NOT_TRACK": "1"}
        subprocess.run([BIN / command[0], *command[1:]], cwd=PROJECT, env=environment, check=True)

    def objects(self, prefix: str) -> list[str]:
        client = boto3.client(
            "s3",
            endpoint_url=self.variables["AWS_ENDPOINT_URL_S3"],
            region_name=self.variables["AWS_DEFAULT_REGION"],
            aws_access_key_id=self.variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.variables["AWS_SECRET_ACCESS_KEY"],
        )
        bucket, _, folder = self.variables["SYNTH_STORE"].removeprefix("s3://").partition("/")
        objects = client.list_objects_v2(Bucket=bucket, Prefix=f"{folder}/{prefix}")
        return [one["Key"].removeprefix(f"{folder}/") for one in objects.get("Contents", ())]


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    for part in PARTS:
        (PROJECT / part).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / part).is_dir() else shutil.copyfile)(ROOT / part, PROJECT / part)
    shutil.copyfile(ROOT / "profiles.yml.example", PROJECT / "profiles.yml")
    synth = [BIN / "synth"]
    subprocess.run([*synth, "up", "--project-dir", PROJECT], check=True, capture_output=True)
    try:
        output = subprocess.run(
            [*synth, "env", "--project-dir", PROJECT], check=True, capture_output=True, text=True
        )
        words = [shlex.split(line)[1] for line in output.stdout.splitlines()]
        variables = dict(word.split("=", 1) for word in words if not word.startswith("PATH="))
        stack_in_use = _with_connections(Stack(variables))
        stack_in_use.run("dbt", "--quiet", "parse")  # Cosmos makes its tasks from the manifest
        yield stack_in_use
    finally:
        subprocess.run([*synth, "down", "--project-dir", PROJECT], check=True, capture_output=True)
        shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def metadata() -> None:
    """Airflow's own database."""
    subprocess.run(
        [Path(sys.executable).with_name("airflow"), "db", "migrate"], check=True, capture_output=True
    )


def _with_connections(stack: Stack) -> Stack:
    """Point Airflow's connections at the services, by a password and a key that URIs stumble over."""
    with stack.connect() as session:
        name = sql.Identifier(stack.variables["PGUSER"])
        session.execute(sql.SQL("alter role {} password {}").format(name, sql.Literal(PASSWORD)))
    environment = stack.variables | {"PGPASSWORD": PASSWORD}
    postgres = {
        "conn_type": "postgres",
        "host": environment["PGHOST"],
        "port": int(environment["PGPORT"]),
        "login": environment["PGUSER"],
        "password": PASSWORD,
        "schema": environment["PGDATABASE"],
    }
    aws = {
        "conn_type": "aws",
        "login": environment["AWS_ACCESS_KEY_ID"],
        "password": SECRET,  # the embedded store checks the key's id only
        "extra": {
            "region_name": environment["AWS_DEFAULT_REGION"],
            "endpoint_url": environment["AWS_ENDPOINT_URL_S3"],
        },
    }
    os.environ |= {
        "AIRFLOW_CONN_POSTGRES_DEFAULT": json.dumps(postgres),
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(aws),
        "SYNTH_STORE": environment["SYNTH_STORE"],
        "BOOKINGS_DATABASE": stack.database,
    }
    return Stack(environment)


@pytest.fixture(scope="session")
def dags(stack: Stack) -> Mapping[str, DAG]:
    """The example DAGs, by their ids."""
    from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415 - makes Airflow's files, in HOME

    bag = DagBag(dag_folder=os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    assert bag.import_errors == {}
    read: Mapping[str, DAG] = bag.dags
    return read
