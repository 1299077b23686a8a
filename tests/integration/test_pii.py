"""Addresses, numbers and names that nobody declared are in no twin, file, line or table that a run leaves."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
import random
from typing import TYPE_CHECKING, Any

import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from faker import Faker

from synth.columns.pii.patterns import is_card, is_email, is_iban
from tests.handmade import Handmade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services import Database

ROWS = 1_500
TABLE = """
create table analytics.customers (
    customer_id integer not null, email text not null, first_name text, last_name text, phone text,
    card bigint, iban text, ssn text, last_ip text, remark text, birthday date, city text, plan text,
    spent numeric(8, 2), joined_at timestamp
)
"""
# Unusual enough to be found by their bytes; many rows share each.
SURNAMES = [
    f"{start}{end}" for start in ("Quellbrook", "Zwirnhage", "Ondraczyk") for end in ("", "er", "ski", "sen")
]
SECRETS = ("email", "last_name", "phone", "card", "iban", "ssn", "last_ip")


def person(number: int, faker: Faker, chance: random.Random) -> dict[str, Any]:
    surname = chance.choice(SURNAMES)
    mail = f"{surname}.{number}@{faker.domain_word()}-mail.test".lower()
    spare = f"{surname}.home{number}@private-mail.test".lower()
    phone = f"+49 1{chance.randrange(50, 80)} {chance.randrange(1_000_000, 9_999_999)}"
    card = faker.credit_card_number("visa16")
    return {
        "customer_id": number,
        "email": mail,
        "first_name": chance.choice(["Hanna", "Mehmet", "Chloé", "Søren", "María", "Piotr"]),
        "last_name": surname,
        "phone": phone,
        "card": int(card),
        "iban": faker.iban(),
        "ssn": faker.ssn(),
        "last_ip": faker.ipv4_public(),
        "remark": chance.choice([None, "", f"{surname} paid with {card}", f"call {phone} or {spare}"]),
        "birthday": dt.date(1950, 1, 1) + dt.timedelta(days=chance.randrange(20_000)),
        "city": chance.choice(["Paris", "Florence", "Sydney"]),
        "plan": chance.choice(["basic", "basic", "pro"]),
        "spent": round(chance.lognormvariate(4, 1), 2),
        "joined_at": dt.datetime(2023, 1, 1) + dt.timedelta(minutes=chance.randrange(800_000)),  # noqa: DTZ001 - naive
    }


@pytest.fixture(scope="module")
def people() -> list[dict[str, Any]]:
    faker, chance = Faker("de_DE"), random.Random(4)
    faker.add_provider("faker.providers.ssn.en_US")
    faker.seed_instance(4)
    return [person(number, faker, chance) for number in range(1, ROWS + 1)]


@pytest.fixture(scope="module")
def secrets(people: list[dict[str, Any]]) -> list[bytes]:
    """Every value that identifies somebody, and every address and number in the remarks."""
    texts = {str(one[name]) for one in people for name in SECRETS}
    texts |= {word for one in people for word in (one["remark"] or "").split() if "@" in word}
    return [text.encode() for text in texts]


@pytest.fixture
def project(database: Database, tmp_path: Path, people: list[dict[str, Any]]) -> Iterator[Handmade]:
    with Handmade.made(database, tmp_path) as handmade:
        handmade.session.execute(TABLE)
        with handmade.session.cursor() as cursor, cursor.copy("copy analytics.customers from stdin") as copy:
            for one in people:
                copy.write_row(list(one.values()))
        unique = handmade.test("unique", "customers", "email")
        handmade.write({**handmade.model("customers"), **handmade.key("customers", "customer_id"), **unique})
        yield handmade


def left_behind(folder: Path) -> dict[str, bytes]:
    """Every file below `folder` as somebody would read it: unpacked, and binary tables as text."""
    hits = {}
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        content = path.read_bytes()
        if path.suffix == ".gz":
            content += gzip.decompress(content)
        if path.suffix == ".parquet":
            text = io.BytesIO()
            pacsv.write_csv(pq.read_table(path), text)
            content += text.getvalue()
        hits[str(path.relative_to(folder))] = content
    return hits


def leaks(contents: dict[str, bytes], secrets: list[bytes]) -> dict[str, int]:
    """How many planted values each of the contents holds; those that hold none are left out."""
    counts = {name: sum(value in content for value in secrets) for name, content in contents.items()}
    return {name: count for name, count in counts.items() if count}


def test_nothing_that_identifies_somebody_is_left_behind(project: Handmade, secrets: list[bytes]) -> None:
    spare = project.folder / "tmp"
    spare.mkdir()
    answer = project.call("run", "--on-inconclusive", "warn", TMPDIR=str(spare))
    assert answer.code == 0, answer.text
    rows = project.rows("select t::text from synthetic.customers as t")
    assert len(rows) == ROWS
    contents = {"output": answer.text.encode(), "twin": "\n".join(row[0] for row in rows).encode()}
    ledger = project.rows("select r::text from synthetic._synth_runs as r")
    contents["ledger"] = "\n".join(row[0] for row in ledger).encode()
    files = left_behind(project.folder)
    assert sum(name.endswith((".parquet", ".csv.gz", ".json")) for name in files) >= 4
    assert leaks({**contents, **files}, secrets) == {}
    assert leaks({"source": (project.rows("select email from analytics.customers")[0][0]).encode()}, secrets)


def test_the_twin_has_values_of_the_same_kinds_that_belong_to_nobody(project: Handmade) -> None:
    assert project.synth("run", "--on-inconclusive", "warn").code == 0
    common = "select count(*) from synthetic.customers as s join analytics.customers as a using ({})"
    for name in (
        "customer_id",
        "email",
        "first_name",
        "last_name",
        "phone",
        "card",
        "iban",
        "ssn",
        "last_ip",
    ):
        assert project.value(common.format(name)) == 0, name
    assert project.value("select count(*) from synthetic.customers where remark is not null") == 0
    assert project.value("select count(distinct email) from synthetic.customers") == ROWS
    emails, cards, ibans = zip(
        *project.rows("select email, card, iban from synthetic.customers"), strict=True
    )
    assert all(map(is_email, emails))
    assert all(mail.endswith((".com", ".net", ".org")) and "@example." in mail for mail in emails)
    assert all(is_card(str(card)) for card in cards)
    assert all(map(is_iban, ibans))
    assert project.value(r"select bool_and(phone ~ '^\+49 00\d \d{7}$') from synthetic.customers")
    assert project.value("select bool_and(ssn ~ '^9\\d\\d-[0-4]\\d-\\d{4}$') from synthetic.customers")
    shares = "select city, count(*) from {}.customers group by 1 order by 1"
    assert [row[0] for row in project.rows(shares.format("synthetic"))] == ["Florence", "Paris", "Sydney"]


def test_what_is_listed_is_what_a_run_does(project: Handmade, secrets: list[bytes]) -> None:
    answer = project.synth("ls")
    assert answer.code == 0, answer.text
    words = {line.split()[0]: line.split()[1:] for line in answer.out.splitlines()[1:]}
    assert words["email"][:2] == ["text", "email"]
    assert " ".join(words["remark"]) == "text free_text name NULL: by its name, it is text that people wrote"
    assert "made-up card numbers" in " ".join(words["card"])
    answer = project.synth("ls", "--output", "json")
    (description,) = map(json.loads, answer.out.splitlines())
    roles = {one["name"]: (one["role"], one["origin"]) for one in description["columns"]}
    assert roles == {
        "customer_id": ("key", "unique"),
        "email": ("email", "unique, name and values"),
        "first_name": ("name", "name and values"),
        "last_name": ("name", "name and values"),
        "phone": ("phone", "name and values"),
        "card": ("natural_key", "values"),
        "iban": ("natural_key", "name and values"),
        "ssn": ("natural_key", "name and values"),
        "last_ip": ("ip", "name and values"),
        "remark": ("free_text", "name"),
        "birthday": ("date_of_birth", "name"),
        "city": ("category", "shared values"),
        "plan": ("category", "shared values"),
        "spent": ("number", "type"),
        "joined_at": ("datetime", "type"),
    }
    assert leaks({"ls": answer.text.encode()}, secrets) == {}
    assert project.nothing_changed()


def test_without_the_warehouse_what_the_manifest_says_is_listed(project: Handmade) -> None:
    answer = project.synth("ls", PGPORT="1")
    assert answer.code == 0, answer.text
    assert "customer_id" in answer.out
    assert "the roles of other columns depend on their values" in answer.out


def test_what_nobody_knows_is_replaced_by_something_alike(project: Handmade, secrets: list[bytes]) -> None:
    project.session.execute("alter table analytics.customers rename phone to code")
    project.session.execute("update analytics.customers set code = 'x' || right(code, 3) || customer_id")
    answer = project.synth("run", "--on-inconclusive", "warn")
    assert answer.code == 0, answer.text
    assert leaks({"output": answer.text.encode(), **left_behind(project.folder)}, secrets) == {}
    twin = "select count(code), count(distinct code), bool_and(code ~ '^x[0-9]+$') from synthetic.customers"
    filled_values, different, alike = project.session.execute(twin).fetchone() or (0, 0, False)
    assert filled_values == different > 0
    assert alike
    both = "select code from synthetic.customers intersect select code from analytics.customers"
    assert project.session.execute(both).fetchall() == []


def test_labels_of_the_project_are_obeyed(project: Handmade) -> None:
    columns = {
        "city": {"name": "city", "classifiers": ["pii.address"]},
        "plan": {"name": "plan", "config": {"meta": {"synth": {"role": "drop"}}}},
        "spent": {"name": "spent", "tags": ["pii"]},
    }
    project.write({**project.model("customers", columns=columns), **project.key("customers", "customer_id")})
    (description,) = map(json.loads, project.synth("ls", "--output", "json").out.splitlines())
    column_by_name = {one["name"]: one for one in description["columns"]}
    assert (column_by_name["city"]["role"], column_by_name["city"]["origin"]) == (
        "address",
        "label pii.address",
    )
    assert (column_by_name["plan"]["role"], column_by_name["plan"]["action"]) == ("drop", "left out")
    assert column_by_name["spent"]["role"] is None
    assert "is labelled pii" in column_by_name["spent"]["action"]
