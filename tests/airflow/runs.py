"""A DAG run from outside: its states, the events of assets, and everything that it left behind."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.models.asset import AssetEvent, AssetModel
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from sqlalchemy import select

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import DAG


def run(dag: DAG, moment: datetime | None = None) -> Any:
    """Run a DAG to its end; the same moment again is the same run."""
    moment = moment or datetime.now(UTC)
    return dag.test(logical_date=moment, run_after=moment)


def states(dag_run: Any) -> dict[str, str]:
    """The state of each task, of mapped ones by the name that the page shows."""
    with create_session() as session:
        tasks = session.scalars(
            select(TaskInstance).where(
                TaskInstance.dag_id == dag_run.dag_id, TaskInstance.run_id == dag_run.run_id
            )
        )
        return {
            f"{one.task_id}[{one.rendered_map_index}]" if one.map_index >= 0 else one.task_id: str(one.state)
            for one in tasks
        }


def events(dag_run: Any) -> list[tuple[str, dict[str, Any]]]:
    """The address and the extra of each event that the run's tasks caused."""
    with create_session() as session:
        rows = session.execute(
            select(AssetModel.uri, AssetEvent.extra)
            .join(AssetEvent, AssetEvent.asset_id == AssetModel.id)
            .where(AssetEvent.source_dag_id == dag_run.dag_id, AssetEvent.source_run_id == dag_run.run_id)
            .order_by(AssetEvent.id)
        )
        return [(uri, extra) for uri, extra in rows]


def shows(text: str, secret: str) -> bool:
    """Whether the text holds the secret in one of the forms it may take."""
    forms = (secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], quote(secret), quote(secret, safe=""))
    return any(form in text for form in forms)


def key_file(secret: str) -> Iterator[Path]:
    """Airflow's files, its database with XCom and rendered templates included, that show the secret."""
    for path in sorted(Path(os.environ["AIRFLOW_HOME"]).rglob("*")):
        if path.is_file() and shows(path.read_text(encoding="utf-8", errors="replace"), secret):
            yield path
