"""A dbt project of a few lines, built by the real dbt: members and their visits, and models downstream."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import yaml

from synth.evaluate import LIMITS
from tests.handmade import Handmade
from tests.services import new_database
from tests.warm import call_dbt

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from synth.services import Endpoints

PROFILE = {
    "type": "postgres",
    "host": "{{ env_var('PGHOST') }}",
    "port": "{{ env_var('PGPORT') | int }}",
    "user": "{{ env_var('PGUSER') }}",
    "password": "{{ env_var('PGPASSWORD') }}",
    "dbname": "{{ env_var('PGDATABASE') }}",
    "schema": "{{ env_var('CLUB_SCHEMA', 'club') }}",
    "threads": 2,
}
TAG = {"meta": {"synthesize": True}}
# The tables are tiny, and the gate is not what these tests are about.
SETTINGS = {"on_inconclusive": "warn", "limits": dict.fromkeys(LIMITS, 1e9)}
MEMBERS = """
select
    n as member_id,
    1 + (hashint4(n + 9) & 65535) % 4 as club_id,
    (array['Oslo', 'Rome', 'Bern'])[1 + (hashint4(n) & 65535) % 3] as city,
    20 + 10 * (hashint4(n + 1000) & 3) as age
from generate_series(1, 150) as n where n > (select min(club_id) - 1 from {{ ref('clubs') }})
"""
VISITS = """
select
    n as visit_id,
    1 + (hashint4(n) & 65535) % 150 as member_id,
    10 * (1 + (hashint4(n + 1000) & 3)) as minutes
from generate_series(1, 300) as n
"""
FILES = {
    "models/clubs.sql": "select n as club_id, 'Club ' || n as name from generate_series(1, 4) as n",
    "models/members.sql": MEMBERS,
    "models/visits.sql": VISITS,
    "models/downstream/visits_by_city.sql": (
        "select city, count(*) as visits, sum(minutes) as minutes from {{ ref('visits') }}"
        " join {{ ref('members') }} using (member_id) group by city"
    ),
    "models/downstream/members_by_club.sql": (
        "select name, count(*) as members from {{ ref('members') }} join {{ ref('clubs') }} using (club_id)"
        " group by name"
    ),
    "tests/adults_only.sql": "select member_id from {{ ref('members') }} where age < 18",
    "tests/nobody_in_rome.sql": "select member_id from {{ ref('members') }} where city = 'Rome'",
    "tests/short_visits.sql": (
        "{{ config(severity='warn') }} select visit_id from {{ ref('visits') }} where minutes > 20"
    ),
}
MODELS = {
    "models": [
        {"name": "clubs"},
        {
            "name": "members",
            "description": "Who may come in.",
            "config": TAG,
            "columns": [
                {"name": "member_id", "description": "The key.", "data_tests": ["unique", "not_null"]},
                {
                    "name": "club_id",
                    "data_tests": [
                        {"relationships": {"arguments": {"to": "ref('clubs')", "field": "club_id"}}}
                    ],
                },
                {
                    "name": "city",
                    "data_tests": [{"accepted_values": {"arguments": {"values": ["Oslo", "Rome", "Bern"]}}}],
                },
            ],
        },
        {
            "name": "visits",
            "config": TAG,
            "columns": [
                {"name": "visit_id", "data_tests": ["unique"]},
                {
                    "name": "member_id",
                    "data_tests": [
                        {"relationships": {"arguments": {"to": "ref('members')", "field": "member_id"}}}
                    ],
                },
            ],
        },
    ]
}


@contextmanager
def club(services: Endpoints, folder: Path) -> Iterator[Handmade]:
    """The project in `folder`, its models built in the schema `club` of a new database."""
    project = {"name": "club", "version": "1.0", "profile": "club", "vars": {"synth": SETTINGS}}
    project["models"] = {"+materialized": "table"}
    profiles = {"club": {"target": "dev", "outputs": {"dev": PROFILE}}}
    contents = {"dbt_project.yml": project, "profiles.yml": profiles, "models/_models.yml": MODELS}
    for name, text in {**FILES, **{name: yaml.safe_dump(it) for name, it in contents.items()}}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    with new_database(services) as database, database.connect() as session:
        environment = {**database.environment, "SYNTH_STORE": str(folder / "store"), "OMP_NUM_THREADS": "1"}
        handmade = Handmade(database, folder, session, environment)
        dbt(handmade, "run")
        yield handmade
        shutil.rmtree(folder / "target", ignore_errors=True)


def dbt(project: Handmade, *arguments: str, **variables: str) -> str:
    """What dbt printed; it must succeed."""
    process = try_dbt(project, *arguments, **variables)
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def try_dbt(project: Handmade, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What came of a call of dbt in the folder of the project."""
    return call_dbt(project.folder, ("--no-use-colors", *arguments), {**project.environment, **variables})
