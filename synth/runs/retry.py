"""`synth retry`: what the newest run was asked for and did not do."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synth.domain import Status
from synth.errors import ConfigError
from synth.runs.artifacts import REQUEST_FILE, RESULTS
from synth.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from synth.settings import Settings

FAILED_STATUSES = frozenset({Status.ERROR, Status.REJECTED, Status.SKIPPED, Status.PENDING})
MODE = ("run_id", "no_publish", "force")  # flags that are no settings
PATHS = ("project_dir", "profiles_dir", "target_path")
SELECTION = {"select": (), "exclude": (), "selector": None}  # the models are known by name


@dataclass(frozen=True, slots=True)
class LastRun:
    """The newest run.

    Attributes:
        args: its flags, with `which` command it was.
        unique_ids: what it was asked for.
        statuses: how each model left it; None where the run was killed.
    """

    run_id: str
    invocation_id: str
    args: Mapping[str, Any]
    unique_ids: tuple[str, ...]
    statuses: Mapping[str, str] | None = field(default=None)

    @property
    def which(self) -> str:
        """The command."""
        return str(self.args["which"])

    @property
    def mode(self) -> dict[str, Any]:
        """The flags that say what kind of run it was."""
        return {name: self.args.get(name) for name in MODE}

    def flags(self, overrides: Mapping[str, Any]) -> dict[str, Any]:
        """Return the other flags of the run, where the user has not `overrides` others.

        Raises:
            ConfigError: it had variables, which are not kept.
        """
        if self.args.get("vars") and not overrides.get("vars"):
            raise ConfigError(
                f"Run {self.run_id} had --vars, which are not kept, because they may hold secrets. "
                "Next: synth retry --vars '…'"
            )
        flags = {name: value for name, value in self.args.items() if name not in {*MODE, "which", "vars"}}
        flags |= {name: Path(flags[name]) for name in PATHS if flags.get(name)}
        return {
            **flags,
            **SELECTION,
            **{name: value for name, value in overrides.items() if value is not None},
        }


def last_run(artifact_dir: Path) -> LastRun:
    """Return the newest run that has left its folder in `artifact_dir`.

    Raises:
        ConfigError: there is none.
    """
    request_files = sorted(
        artifact_dir.glob(f"runs/*/{REQUEST_FILE.format('*')}"), key=lambda path: path.stat().st_mtime_ns
    )
    if not request_files:
        raise ConfigError(f"No run to retry in {artifact_dir}. Next: synth run")
    content, results = (
        json.loads(request_files[-1].read_text(encoding="utf-8")),
        request_files[-1].with_name(RESULTS),
    )
    statuses = None
    if results.is_file():
        document = json.loads(results.read_text(encoding="utf-8"))
        if content["invocation_id"] in document["metadata"]["invocation_ids"]:
            statuses = {item["unique_id"]: item["status"] for item in document["results"]}
    return LastRun(
        request_files[-1].parent.name,
        content["invocation_id"],
        content["args"],
        tuple(content["unique_ids"]),
        statuses,
    )


def remaining_models(last: LastRun, settings: Settings) -> tuple[str, ...]:
    """Return what the run was asked for and has not done, by `unique_id`.

    Raises:
        ConfigError: the run still works.
    """
    if last.statuses is not None:
        return tuple(
            name for name in last.unique_ids if last.statuses.get(name, Status.ERROR) in FAILED_STATUSES
        )
    with Warehouse(settings.connection.conninfo(), role=settings.connection.role) as warehouse:
        if warehouse.is_alive(last.invocation_id):
            raise ConfigError(f"Run {last.run_id} still works. Next: wait for it, or end it.")
        twins = warehouse.published_twins(settings.schema)
    finished_ids = {name for name, twin in twins.items() if twin.invocation_id == last.invocation_id}
    return tuple(name for name in last.unique_ids if name not in finished_ids)
