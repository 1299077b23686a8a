"""What Airflow's side does without Airflow: variables of connections, what programs say, units of work."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from synth.airflow import process, provider_info
from synth.airflow.connections import asset_uri, environment, variables
from synth.airflow.units import units

if TYPE_CHECKING:
    from pathlib import Path

ODD = """p@ss/w:o%r'd "$HOME" \\ é"""


@dataclass
class FakeConnection:
    """A connection as Airflow hands it over."""

    conn_type: str
    host: str | None = None
    login: str | None = None
    password: str | None = None
    schema: str | None = None
    port: int | None = None
    extra_dejson: dict[str, Any] = field(default_factory=dict)
    conn_id: str = "mine"


def test_a_connection_to_postgres_is_what_libpq_reads() -> None:
    connection = FakeConnection(
        "postgres", "db.example", "ana", ODD, "shop", 5433, {"sslmode": "require", "other": 1}
    )
    assert variables("postgres", connection) == {
        "PGHOST": "db.example",
        "PGPORT": "5433",
        "PGUSER": "ana",
        "PGPASSWORD": ODD,
        "PGDATABASE": "shop",
        "PGSSLMODE": "require",
    }


def test_a_connection_to_aws_may_have_its_keys_in_either_place() -> None:
    extra = {"region_name": "eu-central-1", "endpoint_url": "http://127.0.0.1:9"}
    secrets = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": ODD}
    secrets |= {"AWS_DEFAULT_REGION": "eu-central-1", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}
    assert variables("aws", FakeConnection("aws", login="AKIA", password=ODD, extra_dejson=extra)) == secrets
    keys = {"aws_access_key_id": "AKIA", "aws_secret_access_key": ODD}
    assert variables("aws", FakeConnection("aws", extra_dejson={**extra, **keys})) == secrets


def test_the_endpoint_of_s3_alone_counts_before_that_of_all_services() -> None:
    extra = {"endpoint_url": "http://all", "service_config": {"s3": {"endpoint_url": "http://s3"}}}
    assert variables("aws", FakeConnection("aws", extra_dejson=extra)) == {"AWS_ENDPOINT_URL_S3": "http://s3"}


def test_a_connection_to_gretel_names_its_project() -> None:
    connection = FakeConnection(
        "gretel", "https://api.example", password="grtu0", extra_dejson={"project": "mine"}
    )
    assert variables("gretel", connection) == {
        "GRETEL_API_KEY": "grtu0",
        "GRETEL_ENDPOINT": "https://api.example",
        "GRETEL_PROJECT": "mine",
    }


@pytest.mark.parametrize(
    ("kind", "connection", "message"),
    [
        ("aws", FakeConnection("aws", extra_dejson={"role_arn": "arn:aws:iam::1:role/x"}), "`role_arn`"),
        ("postgres", FakeConnection("postgres", extra_dejson={"iam": True}), "`iam`"),
        ("postgres", FakeConnection("mysql", password=ODD), "has the type mysql, not postgres"),
    ],
)
def test_what_no_variable_can_say_is_refused(kind: str, connection: FakeConnection, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        variables(kind, connection)
    assert ODD not in str(error.value)


def test_a_program_gets_neither_airflows_secrets_nor_another_identity() -> None:
    outer_environment = {
        "PATH": "/bin",
        "AIRFLOW_CONN_X": "secret",
        "AIRFLOW__CORE__FERNET_KEY": "secret",
        "PGSERVICE": "elsewhere",
        "AWS_PROFILE": "own",
    }
    own = {"DBT_PASSWORD": "$PGPASSWORD", "PRICE": "5$", "OTHER": "$PATH"}
    assert environment(outer_environment, {"postgres": {"PGPASSWORD": ODD}}, own) == {
        "PATH": "/bin",
        "AWS_PROFILE": "own",
        "PGPASSWORD": ODD,
        "DBT_PASSWORD": ODD,
        "PRICE": "5$",
        "OTHER": "$PATH",
    }


def test_an_asset_is_called_as_cosmos_calls_those_of_models() -> None:
    settings = {"PGHOST": "db.example", "PGPORT": "5433", "PGDATABASE": "shop", "PGPASSWORD": ODD}
    uri = asset_uri(settings, "synthetic.orders")
    assert uri == "postgres://db.example:5433/shop/synthetic/orders"
    assert urlsplit(uri).password is None


def test_models_that_reference_each_other_are_one_unit() -> None:
    models: list[dict[str, Any]] = [
        {
            "unique_id": "model.s.orders",
            "name": "orders",
            "foreign_keys": {"c": "model.s.customers.id"},
        },
        {"unique_id": "model.s.customers", "name": "customers", "foreign_keys": {}},
        {"unique_id": "model.s.days", "name": "days", "foreign_keys": {}},
        {"unique_id": "model.s.items", "name": "items", "foreign_keys": {"o": "model.s.orders.id"}},
        {"unique_id": "model.s.alone", "name": "alone", "foreign_keys": {"x": "model.s.untagged.id"}},
    ]
    assert units(models) == [["orders", "customers", "items"], ["days"], ["alone"]]
    assert units([]) == []


def test_what_a_program_says_is_told_and_kept(tmp_path: Path) -> None:
    lines = [
        '{"info": {"level": "info", "msg": "hello"}, "data": {"unique_id": "a", "status": "published"}}',
        '{"info": {"level": "error", "msg": "no"}, "data": {}}',
        '{"info": {"level": "debug", "msg": "whispered"}}',
        '{"unique_id": "listed"}',
        "plain",
        "[1]",
        "",
    ]
    script = f"import sys; sys.stdout.write({chr(10).join(lines)!r}); sys.stderr.write('!'); sys.exit(3)"
    messages: list[tuple[int, str]] = []
    program = process.start([sys.executable, "-c", script], {}, str(tmp_path))
    output = process.listen(program, lambda level, text: messages.append((level, text)))
    assert output.code == 3
    assert output.events == [{"unique_id": "a", "status": "published"}]
    assert output.listings == [{"unique_id": "listed"}]
    assert output.errors == ["no"]
    assert set(messages) == {
        (logging.INFO, "hello"),
        (logging.ERROR, "no"),
        (logging.INFO, "plain"),
        (logging.INFO, "[1]"),
        (logging.INFO, "!"),
    }


def test_the_providers_description_names_the_connection_type() -> None:
    (connection,) = provider_info()["connection-types"]
    assert connection["connection-type"] == "gretel"
    assert connection["hook-class-name"] == "synth.airflow.hooks.GretelHook"
