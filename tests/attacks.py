"""Another role of the database attacks a run: its traps, and what they bring in."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from tests.handmade import Handmade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services import Database

# A function that robs whoever runs it, and does what is expected of it otherwise.
STEAL = """
create or replace function mal.steal() returns void language plpgsql volatile as $$
declare one pg_catalog.text;
begin
    select p::pg_catalog.text into one from analytics.people as p limit 1;
    perform pg_catalog.pg_notify('loot', one);  -- what a transaction that only reads lets out
    insert into mal.loot select current_user, p::pg_catalog.text from analytics.people as p limit 5;
exception when others then null;
end $$
"""
TRAP = """
create function {name}({arguments}) returns {result} language plpgsql immutable as $$
begin
    perform mal.steal();
    return {value};
end $$
"""


@dataclass
class Attack:
    """A project of the role `builder`, and `intruder`, who may make schemas and may read nothing of it."""

    project: Handmade
    builder: str
    intruder: str

    @contextmanager
    def as_(self, role: str) -> Iterator[psycopg.Connection]:
        info = {**self.project.database.conninfo, "user": role, "password": "secret"}
        with psycopg.connect(**info, autocommit=True) as session:
            yield session

    def intrude(self, *statements: str) -> None:
        with self.as_(self.intruder) as session:
            for statement in statements:
                session.execute(sql.SQL(statement))

    def build(self, *statements: str) -> None:
        with self.as_(self.builder) as session:
            for statement in statements:
                session.execute(sql.SQL(statement.replace("INTRUDER", self.intruder)))

    def trap(self, name: str, arguments: str, result: str, value: str) -> None:
        self.intrude(STEAL)
        self.intrude(
            TRAP.format(name=name, arguments=arguments, result=result, value=value).replace("%", "%%")
        )

    @property
    def loot(self) -> list[tuple[Any, ...]]:
        return self.project.rows("select * from mal.loot")

    @property
    def found(self) -> list[dict[str, Any]]:
        listing: list[dict[str, Any]] = json.loads(self.project.synth("check", "--output", "json").out)[
            "found"
        ]
        return listing


@pytest.fixture
def attack(database: Database, tmp_path: Path) -> Iterator[Attack]:
    suffix = uuid4().hex[:8]
    builder, intruder = f"builder_{suffix}", f"intruder_{suffix}"
    with Handmade.made(database, tmp_path) as project:
        project.people()
        names = {"builder": sql.Identifier(builder), "intruder": sql.Identifier(intruder)}
        for statement in (
            "create role {builder} login password 'secret'",
            "create role {intruder} login password 'secret'",
            f"grant create on database {database.name} to {{builder}}, {{intruder}}",
            "grant create, usage on schema public to {intruder}",
            "alter schema analytics owner to {builder}",
            "alter table analytics.people owner to {builder}",
            "create schema mal authorization {intruder}",
            "create table mal.loot (who text, what text)",
            "grant usage on schema mal to public",
            "grant insert on mal.loot to public",
            "alter default privileges for role {intruder} grant execute on functions to public",
        ):
            project.session.execute(sql.SQL(statement).format(**names))
        project.environment.update(PGUSER=builder, PGPASSWORD="secret")
        yield Attack(project, builder, intruder)
        for name in names.values():
            project.session.execute(sql.SQL("drop owned by {} cascade").format(name))
            project.session.execute(sql.SQL("drop role {}").format(name))
