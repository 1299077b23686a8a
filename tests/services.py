"""Real services for tests: one Postgres and one object store a session, a fresh database and bucket a test.

A service that does not start fails the tests that ask for it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import psycopg
import pytest
from botocore.config import Config
from psycopg import sql

from synth.services import Endpoints, down, processes, up

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_s3 import S3Client

ATTEMPTS = 6  # of five seconds, to drop a database that somebody is still in
END_OURS = """
select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and usename = current_user
"""
PREFIXES = ("PG", "AWS_", "DBT_", "SYNTH_", "GRETEL_", "NEMO_")


@dataclass(frozen=True)
class Database:
    """An empty database, its owner's way in, and the variables that point every tool at it."""

    conninfo: dict[str, Any] = field(repr=False)  # for psycopg.connect(**conninfo)
    environment: dict[str, str] = field(repr=False)  # PG…, AWS_…, SYNTH_STORE; a store of its own

    @property
    def name(self) -> str:
        return str(self.conninfo["dbname"])

    def connect(self) -> psycopg.Connection:
        """A connection that commits each statement; the caller closes it."""
        return psycopg.connect(**self.conninfo, autocommit=True)


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    root = tmp_path_factory.mktemp("services")
    try:
        yield up(root)
    finally:
        down(root)
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def database(services: Endpoints) -> Iterator[Database]:
    with new_database(services) as own_database:
        yield own_database


@contextmanager
def new_database(services: Endpoints) -> Iterator[Database]:
    """An empty database, which is dropped at the end."""
    name = f"test_{uuid4().hex[:12]}"
    with _warehouse(services) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    own = {"PGDATABASE": name, "SYNTH_STORE": f"s3://{services.bucket}/{name}"}
    try:
        yield Database({**conninfo(services), "dbname": name}, {**services.environment(), **own})
    finally:
        with _warehouse(services) as connection:
            drop_database(connection, name)


def drop_database(connection: psycopg.Connection, name: str) -> None:
    """End our sessions in the database and drop it.

    `with (force)` would end autovacuum's workers, too, which only a superuser may; a plain drop sends them
    away itself, and waits five seconds for whoever is left.
    """
    drop = sql.SQL("drop database if exists {}").format(sql.Identifier(name))
    for attempt in range(1, ATTEMPTS + 1):
        connection.execute(END_OURS, [name])
        try:
            connection.execute(drop)
        except psycopg.errors.ObjectInUse:
            if attempt == ATTEMPTS:
                raise
        else:
            return


@pytest.fixture
def bucket(services: Endpoints, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty bucket; the AWS_… variables of this process lead to it."""
    set_environment(services.environment(), monkeypatch)
    return f"s3://{new_bucket(services.environment())}"


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The AWS_… variables of another maker's S3; it verifies signatures, and has to be a process for that."""
    port = processes.free_port()
    folder = tmp_path_factory.mktemp("moto")
    process = processes.spawn(
        [sys.executable, "-P", "-m", "moto.server", "-p", str(port)],
        log=folder / "log",
        cwd=folder,
        environment={"PATH": os.defpath, "INITIAL_NO_AUTH_ACTION_COUNT": "3"},
    )
    try:
        assert processes.wait_until(lambda: not processes.port_is_free(port), seconds=60), folder / "log"
        yield moto_user(f"http://127.0.0.1:{port}", is_allowed=True)
    finally:
        processes.stop(process, signal.SIGTERM, seconds=5)


def moto_user(endpoint: str, *, is_allowed: bool, by: Mapping[str, str] | None = None) -> dict[str, str]:
    """The AWS_… variables of a new user, made with the rights that `by` stands for."""
    by = by or {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing"}
    client = boto3.client(
        "iam",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=by["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=by["AWS_SECRET_ACCESS_KEY"],
    )
    name = f"user-{uuid4().hex[:8]}"
    with closing(client):
        client.create_user(UserName=name)
        key = client.create_access_key(UserName=name)["AccessKey"]
        if is_allowed:
            rule = {"Effect": "Allow", "Action": "*", "Resource": "*"}
            document = json.dumps({"Version": "2012-10-17", "Statement": [rule]})
            client.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=document)
    return {
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }


def conninfo(services: Endpoints) -> dict[str, Any]:
    return {
        "host": services.host,
        "port": services.port,
        "user": services.user,
        "password": services.password,
        "dbname": services.database,
    }


def s3_client(environment: Mapping[str, str]) -> S3Client:
    return boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL_S3"],
        region_name=environment["AWS_DEFAULT_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(s3={"addressing_style": "path"}),
    )


def new_bucket(environment: Mapping[str, str]) -> str:
    """The name of an empty bucket."""
    name = f"test-{uuid4().hex[:12]}"
    with closing(s3_client(environment)) as client:
        client.create_bucket(Bucket=name)
    return name


def set_environment(variables: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the AWS_… ones of `variables` for this test."""
    for name, value in variables.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)


def clean_environment() -> dict[str, str]:
    """What of this process's environment a program under test may see."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIXES)}


def _warehouse(services: Endpoints) -> psycopg.Connection:
    return psycopg.connect(**conninfo(services), autocommit=True)
