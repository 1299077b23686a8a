"""A twin of every kind of relation that dbt makes, and of what a snapshot's rows are to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.built import build

if TYPE_CHECKING:
    from collections.abc import Iterator

    from synth.services import Endpoints
    from tests.handmade import Handmade

pytestmark = pytest.mark.slow  # the project takes 100 seconds; tests of single kinds show the same

# Where the real relation of each twin is.
REAL = {
    "members": "hire.members",  # a table with an enforced contract
    "hires_of_members": "hire.hires_of_members",  # a view
    "hires": "hire.hires",  # incremental
    "member_activity": "hire.member_activity",  # a materialized view
    "bicycles_v1": "hire.bicycles_v1",  # two versions of a model
    "bicycles_v2": "hire.bicycles_v2",
    "contacts": "hire_crm.contacts",  # an alias of member_contacts
    "member_plans": "hire_history.member_plans",  # a snapshot
    "stations": "hire_raw.stations",  # a seed
    "payments": "hire_pay.payments",  # a package's
}
CHAIN = (
    ("hires", "member_id", "members"),
    ("hires_of_members", "hire_id", "hires"),
    ("contacts", "member_id", "members"),
    ("payments", "hire_id", "hires"),
)
KINDS = """
select materialized from (values
    ('v', 'hire.hires_of_members'::regclass), ('m', 'hire.member_activity'::regclass)
) as wanted (materialized, relation)
join pg_class on pg_class.oid = wanted.relation and pg_class.relkind = wanted.materialized::"char"
"""
COLUMNS = """
select attname, format_type(atttypid, atttypmod) from pg_attribute
where attrelid = '{relation}'::regclass and attnum > 0 order by attnum
"""
VERSIONS = """
select count(*) from (
    select dbt_valid_from, dbt_valid_to,
        lead(dbt_valid_from) over (partition by member_id order by dbt_valid_from) as next_from
    from {relation}
) as versions
where dbt_valid_from >= dbt_valid_to or dbt_valid_to is distinct from coalesce(next_from, dbt_valid_to)
"""
COUNTS = """
select count(*), count(distinct member_id), count(distinct member_id) filter (where dbt_valid_to is null)
from {relation}
"""

# dbt ends what was deleted at its own now; with the same rows every time, twins are the same every time.
DELETION = (
    "update hire_history.member_plans set dbt_valid_to = '2024-07-02' where dbt_valid_to > '2024-07-02'"
)


@pytest.fixture(scope="module")
def project(services: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handmade]:
    """The bicycle hire, with all its twins."""
    with build(services, tmp_path_factory.mktemp("relations"), "relations") as handmade:
        handmade.session.execute(DELETION)
        answer = handmade.synth("run", "--no-tests")
        assert answer.code == 0, answer.text
        yield handmade


def test_every_kind_of_relation_has_a_twin_of_the_same_shape(project: Handmade) -> None:
    assert len(project.rows(KINDS)) == 2
    outcomes = {item["relation_name"]: item["status"] for item in project.results()["results"]}
    assert outcomes == {f"synthetic.{name}": "published" for name in REAL}
    for name, relation in REAL.items():
        columns = project.rows(COLUMNS.format(relation=f"synthetic.{name}"))
        assert columns == project.rows(COLUMNS.format(relation=relation)), name
        count = "select count(*) from {}"
        # One of 300 members has a seventh of all hires, and nobody's number comes back.
        share = project.value(count.format(f"synthetic.{name}")) / project.value(count.format(relation))
        assert 0.6 < share < 1.4, name


def test_keys_lead_to_twins_that_are_published_at_once_and_to_nobody_real(project: Handmade) -> None:
    for child, key, parent in CHAIN:
        there = f"select from synthetic.{parent} as parent where parent.{key} = child.{key}"
        orphans = f"select count(*) from synthetic.{child} as child where {key} is not null"
        assert project.value(f"{orphans} and not exists ({there})") == 0, child
        own = f"select count(*) from {REAL[parent]} as real join synthetic.{parent} as twin using ({key})"
        assert project.value(own) == 0, parent
    # `now()` is the start of the transaction: there was one.
    moments = "select count(distinct published_at) from synthetic._synth_runs where relation in ({})"
    relations = ", ".join(f"'synthetic.{name}'" for link in CHAIN for name in (link[0], link[2]))
    assert project.value(moments.format(relations)) == 1


def test_the_projects_own_tests_pass_on_every_twin(project: Handmade) -> None:
    answer = project.synth("test")
    assert answer.code == 0, answer.text
    assert " FAIL " not in answer.text


def test_versions_of_one_key_follow_each_other_without_a_gap(project: Handmade) -> None:
    assert project.value(VERSIONS.format(relation=REAL["member_plans"])) == 0
    assert project.value(VERSIONS.format(relation="synthetic.member_plans")) == 0


def test_a_snapshots_twin_has_as_many_keys_and_about_as_many_that_ended(project: Handmade) -> None:
    rows, keys, alive = project.rows(COUNTS.format(relation=REAL["member_plans"]))[0]
    twin = project.rows(COUNTS.format(relation="synthetic.member_plans"))[0]
    assert alive < keys < rows
    assert twin[:2] == (rows, keys)
    assert abs(twin[2] - alive) < keys / 10


def test_versions_belong_to_twins_of_the_parent(project: Handmade) -> None:
    orphans = "select count(*) from synthetic.member_plans left join synthetic.members using (member_id)"
    assert project.value(f"{orphans} where members.member_id is null") == 0


def test_a_check_of_the_contract_holds_in_the_twin(project: Handmade) -> None:
    assert project.value("select bool_and(birth_year between 1920 and 2020) from synthetic.members")
    constraint = "select count(*) from pg_constraint where conrelid = 'synthetic.members'::regclass"
    assert project.value(f"{constraint} and conname = 'birth_year_is_likely'") == 1
