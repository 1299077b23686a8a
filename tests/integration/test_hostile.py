"""Other roles of the database attack a run: none of their code runs with its rights, and it names them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from synth.services import state

if TYPE_CHECKING:
    import pytest

    from synth.services import Endpoints
    from tests.attacks import Attack

# What our SQL, the catalog or a test's expression may call by a bare name, with arguments that fit exactly.
LURES = (
    ("public.hashtextextended", "text, integer", "bigint", "0"),
    ("public.hashtextextended", "text, bigint", "bigint", "0"),
    ("public.obj_description", "oid, text", "text", "null"),
    ("public.format_type", "oid, integer", "text", "'text'"),
    ("public.starts_with", "text, text", "boolean", "true"),
    ("public.format", "text, name, name", "text", "null"),
    ("public.pg_get_expr", "pg_node_tree, oid", "text", "null"),
    ("public.upper", "text", "text", "$1"),
    ("public.same", "text, text", "boolean", "true"),
    ("public.same", "name, text", "boolean", "true"),
    ("public.same", "text, name", "boolean", "true"),
    ("public.more", "integer, bigint", "boolean", "true"),
    ("public.step", "bigint, integer", "bigint", "1"),
    ("public.step", "numeric, bigint", "numeric", "1"),
)
OBJECTS = (
    "create operator public.= (leftarg = text, rightarg = text, function = public.same)",
    "create operator public.= (leftarg = name, rightarg = text, function = public.same)",
    "create operator public.~~ (leftarg = text, rightarg = text, function = public.same)",
    "create operator public.> (leftarg = integer, rightarg = bigint, function = public.more)",
    "create aggregate public.sum (integer) (sfunc = public.step, stype = bigint, initcond = '0')",
    "create aggregate public.sum (bigint) (sfunc = public.step, stype = numeric, initcond = '0')",
    "create type public.int4 as (robbed text)",
    "create domain public.text as pg_catalog.text check (public.upper(value) <> '')",
    "create domain public.regclass as pg_catalog.text check (public.upper(value) <> '')",
    "create table public.pg_class (robbed pg_catalog.text)",
)
LEDGER = """
create table synthetic._synth_runs (
    run_id text, published_at timestamptz default now(), unique_id text, relation text, rows bigint,
    backend text, verdict text, fidelity double precision, synth_version text,
    recorded_at timestamptz not null default now(), epsilon double precision, source_fingerprint text,
    request text, invocation_id text, inputs jsonb, content text, written_by text
)
"""


def test_nothing_that_is_named_like_ours_is_called(attack: Attack) -> None:
    for lure in LURES:
        attack.trap(*lure)
    attack.intrude(*OBJECTS)
    for command in ("run", "check", "ls"):
        answer = (
            attack.project.synth(command, "--threads", "2")
            if command == "run"
            else attack.project.synth(command)
        )
        assert answer.code == 0, answer.text
    assert attack.loot == []


def test_a_schema_that_somebody_else_made_first_is_refused_until_it_is_ours(attack: Attack) -> None:
    attack.intrude("create schema synthetic", LEDGER)
    attack.trap("synthetic.stamp", "", "trigger", "new")
    attack.intrude(
        "create trigger stamp before insert on synthetic._synth_runs execute function synthetic.stamp()",
        "grant all on schema synthetic to public",
        "grant all on synthetic._synth_runs to public",
    )
    for command, code in {"debug": 2, "check": 1, "run": 2}.items():
        answer = attack.project.synth(command)
        assert answer.code == code, answer.text
        assert f"synthetic, a schema of {attack.intruder}, does not belong" in answer.text
        assert f"alter schema synthetic owner to {attack.builder}" in answer.text
        assert f"synthetic._synth_runs, a table of {attack.intruder}" in answer.text
    attack.intrude("drop schema synthetic cascade")
    assert attack.project.synth("run").code == 0
    assert attack.loot == []


def test_a_staging_schema_of_somebody_else_is_refused(attack: Attack) -> None:
    attack.intrude("create schema synthetic__staging", "grant all on schema synthetic__staging to public")
    for command, code in {"debug": 2, "check": 1, "run": 2}.items():
        answer = attack.project.synth(command)
        assert answer.code == code, answer.text
        assert f"synthetic__staging, a schema of {attack.intruder}, " in answer.text
    assert attack.project.value("select to_regnamespace('synthetic') is null")


PLANTS = {
    "grant create on schema synthetic to INTRUDER": ("grants create to ", "revoke create on schema"),
    "grant usage on schema synthetic__staging to public": (
        "grants usage to public",
        "revoke usage on schema",
    ),
    "grant trigger on synthetic.people to INTRUDER": (
        "grants trigger to ",
        "revoke trigger on synthetic.people",
    ),
    "grant update on synthetic._synth_runs to public": ("grants update to public", "revoke update on"),
    "create rule copy as on insert to synthetic._synth_runs do also select mal.rob()": (
        "the rule copy",
        "drop rule",
    ),
    "alter table synthetic._synth_runs alter column rows set default mal.rob()": (
        "default of rows, which uses the function mal.rob()",
        "drop default",
    ),
    "create policy mine on synthetic.people using (mal.rob() > 0)": (
        "the policy mine",
        "drop policy",
    ),
    "create trigger robs after insert on synthetic.people execute function mal.robs()": (
        "trigger robs, which uses the function mal.robs()",
        "drop trigger",
    ),
    "alter table synthetic.people add constraint robs check (mal.rob() = 0) not valid": (
        "check robs, which uses the function mal.rob()",
        "drop constraint",
    ),
}


def test_what_others_could_run_by_is_named_with_the_line_that_repairs_it(attack: Attack) -> None:
    assert attack.project.synth("run").code == 0
    attack.trap("mal.rob", "", "integer", "0")
    attack.trap("mal.robs", "", "trigger", "null")
    for plant, (text, way_out) in PLANTS.items():
        attack.build(plant)
        assert [one["problem"] for one in attack.found] == ["foreign"], plant
        (one,) = attack.found
        assert text in one["text"], (plant, one)
        assert way_out in one["way_out"], (plant, one)
        assert attack.project.synth("run", "--force").code == 2
        attack.build(one["way_out"])
        assert attack.found == [], plant
    assert attack.project.synth("run", "--force").code == 0
    assert attack.loot == []


# What the owner of the source attached to it long ago, and an intruder may redefine any day.
EXPRESSIONS = """
alter table analytics.people add constraint nice check (mal.ok(city));
alter table analytics.people add constraint grown check (age >= 0);
alter table analytics.people alter column batch set default mal.number();
alter table analytics.people add column later integer generated always as (age + mal.number(age)) stored;
alter table analytics.people add column email mal.mail default 'a@b.example';
create index spelled on analytics.people (mal.spelled(city));
create index partly on analytics.people (city) where mal.ok(city);
create unique index once on analytics.people (id, city);
create function analytics.fine(integer) returns boolean language sql immutable as 'select $1 < 1000';
alter table analytics.people add constraint fine check (analytics.fine(age));
"""


def test_expressions_of_the_source_that_call_others_are_neither_copied_nor_run(attack: Attack) -> None:
    attack.trap("mal.ok", "text", "boolean", "true")
    attack.trap("mal.spelled", "text", "text", "lower($1)")
    attack.trap("mal.number", "", "integer", "0")
    attack.trap("mal.number", "integer", "integer", "0")
    attack.intrude("create domain mal.mail as text not null check (mal.ok(value))")
    attack.build(*filter(str.strip, EXPRESSIONS.split(";\n")))
    attack.project.session.execute("truncate mal.loot")
    nodes = attack.project.model("people") | attack.project.key("people", "id")
    rule = attack.project.test("expression_is_true", "people", "city", expression="mal.ok(city)")
    attack.project.write(nodes | rule)
    answer = attack.project.synth("run")
    assert answer.code == 0, answer.text
    for left_out in ("check nice", "index partly", "index spelled", "column email"):
        assert f"the twin of people goes without {left_out}: it uses the " in answer.text
    assert f"which belongs to {attack.intruder}" in answer.text
    twin = "where {} = 'synthetic.people'::regclass"
    constraints = f"select conname::text from pg_constraint {twin.format('conrelid')} and contype = 'c'"
    assert sorted(attack.project.rows(constraints)) == [("fine",), ("grown",)]
    assert attack.project.value("select to_regclass('synthetic.people_id_city_idx') is not null")
    email = f"select atttypid::regtype::text, attnotnull from pg_attribute {twin.format('attrelid')}"
    assert attack.project.rows(f"{email} and attname = 'email'") == [("text", True)]
    assert attack.loot == []
    assert attack.found == []
    again = attack.project.synth("run", "--force")
    assert again.code == 0, again.text


def test_a_view_that_runs_somebody_elses_code_is_not_read(attack: Attack) -> None:
    attack.trap("mal.spelled", "text", "text", "lower($1)")
    attack.build(
        "create view analytics.inner as select id, mal.spelled(city) as city from analytics.people",
        "create view analytics.towns as select * from analytics.inner",
    )
    attack.project.write(attack.project.model("towns") | attack.project.key("towns", "id"))
    for command in ("debug", "run", "ls"):
        answer = attack.project.synth(command)
        assert (answer.code == 0) == (command == "ls"), answer.text
        assert "analytics.towns is a view that uses the function mal.spelled(text), which" in answer.text
        assert f"belongs to {attack.intruder}" in answer.text
    assert attack.loot == []


# What stands before a bracket and calls nothing: words of the grammar, and names that follow `as`.
GRAMMAR = set(
    re.findall(
        r"\w+",
        """
        all and any array as btree by check coalesce conflict copy csv distinct exists extract filter format
        from greatest group in into key lateral least like not nullif numeric on operator or over row select
        stdin stdout then using vacuum values varchar when where with
        """,
    )
)
UNREAD = re.compile(r"""'(?:[^']|'')*'|--[^\n]*|"(?:[^"]|"")*"|\bas \w+ \(""")
CALL = re.compile(r"(?<![\w.])([a-z_]\w*)\s*\(")


def test_every_call_in_our_sql_names_its_schema(
    attack: Attack, services: Endpoints, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.getbasetemp() / "services0"
    settings = state.load(root)
    assert settings is not None
    attack.build(
        "create unique index on analytics.people (id) where age > 20",
        "create index on analytics.people (age)",
    )
    nodes = attack.project.model("people") | attack.project.key("people", "id")
    attack.project.write(
        nodes | attack.project.test("expression_is_true", "people", "age", expression="age > 0")
    )
    admin = {**attack.project.database.conninfo, "user": "postgres", "password": settings.admin_password}
    with psycopg.connect(**admin, autocommit=True) as session:
        name = sql.Identifier(attack.project.database.name)
        session.execute(sql.SQL("alter database {} set log_statement = 'all'").format(name))
    log = root / "postgres" / "server.log"
    before = log.stat().st_size
    for command in ("debug", "ls", "run --run-id a --no-publish", "publish a", "run --force", "check"):
        answer = attack.project.synth(*command.split())
        assert answer.code == 0, answer.text
    text = log.read_bytes()[before:].decode()
    statements = re.split(r"^.*LOG:  (?:statement|execute <?\w+>?): ", text, flags=re.MULTILINE)[1:]
    assert len(statements) > 200
    assert any("hashtextextended" in one for one in statements)
    calls = {call for one in statements for call in CALL.findall(UNREAD.sub("''", one.lower()))}
    assert calls <= GRAMMAR


def test_the_trap_is_one(attack: Attack) -> None:
    attack.trap("mal.ok", "integer", "integer", "0")
    attack.build("select mal.ok(1)")
    assert len(attack.loot) == 5
