"""Airflow's connections as the environment variables that libpq, boto3, gretel-client and dbt read."""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

POSTGRES_EXTRA = {
    "application_name": "PGAPPNAME",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "options": "PGOPTIONS",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
}
AWS_EXTRA = {
    "aws_access_key_id": "AWS_ACCESS_KEY_ID",
    "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
    "aws_session_token": "AWS_SESSION_TOKEN",
    "endpoint_url": "AWS_ENDPOINT_URL_S3",
    "profile_name": "AWS_PROFILE",
    "region_name": "AWS_DEFAULT_REGION",
}
GRETEL_EXTRA = {
    "artifact_endpoint": "GRETEL_ARTIFACT_ENDPOINT",
    "project": "GRETEL_PROJECT",
    "runner_mode": "GRETEL_RUNNER_MODE",
}
PREFIXES = {"postgres": ("PG",), "aws": ("AWS_",), "gretel": ("GRETEL_",)}
# What would be another identity than the user thinks, if it were passed over in silence.
UNSUPPORTED_EXTRAS = {
    "postgres": ("iam", "service"),
    "aws": ("role_arn", "assume_role_method", "assume_role_kwargs"),
    "gretel": (),
}
SECRET = ("PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "GRETEL_API_KEY")


class AirflowConnection(Protocol):
    """What is read of a connection of Airflow's."""

    conn_id: str
    conn_type: str
    host: str | None
    login: str | None
    password: str | None
    schema: str | None
    port: int | None

    @property
    def extra_dejson(self) -> dict[str, Any]:
        """The extra fields."""


def variables(kind: str, connection: AirflowConnection) -> dict[str, str]:
    """Return the variables that a connection of type `postgres`, `aws` or `gretel` stands for.

    Raises:
        ValueError: the connection has another type, or asks for something that no variable can say.
    """
    if connection.conn_type != kind:
        raise ValueError(
            f"Connection {connection.conn_id} has the type {connection.conn_type}, not {kind}. "
            "Next: change its type, or name another connection."
        )
    names = [name for name in UNSUPPORTED_EXTRAS[kind] if connection.extra_dejson.get(name)]
    if names:
        raise ValueError(
            f"Connection {connection.conn_id}: `{names[0]}` of its extra is not supported. Next: give keys "
            "or leave the connection out, so that the worker's own identity is used."
        )
    result = {"postgres": _postgres, "aws": _aws, "gretel": _gretel}[kind](connection)
    return {name: str(value) for name, value in result.items() if value not in {None, ""}}


def environment(
    parent_environment: Mapping[str, str],
    variables_by_kind: Mapping[str, Mapping[str, str]],
    own: Mapping[str, str],
) -> dict[str, str]:
    """Return the environment of the program that is called.

    Args:
        parent_environment: of the worker, without Airflow's own variables, which hold secrets, and without
            those of a kind that has a connection.
        variables_by_kind: the variables of each connection, by its kind.
        own: of the user; `$PGPASSWORD` and the like stand for what the connections say.
    """
    hidden_prefixes = (
        "AIRFLOW",
        "_AIRFLOW",
        *(prefix for kind in variables_by_kind for prefix in PREFIXES[kind]),
    )
    base = {name: value for name, value in parent_environment.items() if not name.startswith(hidden_prefixes)}
    connection_variables = {
        name: value for values in variables_by_kind.values() for name, value in values.items()
    }
    return (
        base
        | connection_variables
        | {name: Template(value).safe_substitute(connection_variables) for name, value in own.items()}
    )


def asset_uri(variables: Mapping[str, str], relation: str) -> str:
    """Return the asset of `schema.name`, with the name that Cosmos gives to dbt's models: postgres://….

    Args:
        variables: the variables of the connection to Postgres.
        relation: a table or view of its database.
    """
    address = f"postgres://{variables.get('PGHOST', 'localhost')}:{variables.get('PGPORT', '5432')}"
    return "/".join(
        [address, variables.get("PGDATABASE", variables.get("PGUSER", "")), *relation.split(".", 1)]
    )


def _postgres(connection: AirflowConnection) -> dict[str, Any]:
    return _extra(connection, POSTGRES_EXTRA) | {
        "PGHOST": connection.host,
        "PGPORT": connection.port,
        "PGUSER": connection.login,
        "PGPASSWORD": connection.password,
        "PGDATABASE": connection.schema,
    }


def _aws(connection: AirflowConnection) -> dict[str, Any]:
    own = {"AWS_ACCESS_KEY_ID": connection.login, "AWS_SECRET_ACCESS_KEY": connection.password}
    service = connection.extra_dejson.get("service_config", {}).get("s3", {}).get("endpoint_url")
    return _extra(connection, AWS_EXTRA) | {
        name: value for name, value in {**own, "AWS_ENDPOINT_URL_S3": service}.items() if value
    }


def _gretel(connection: AirflowConnection) -> dict[str, Any]:
    own = {"GRETEL_API_KEY": connection.password, "GRETEL_ENDPOINT": connection.host}
    return _extra(connection, GRETEL_EXTRA) | own


def _extra(connection: AirflowConnection, names: Mapping[str, str]) -> dict[str, Any]:
    extra = connection.extra_dejson
    return {variable: extra[name] for name, variable in names.items() if name in extra}
