"""`synth test`: the project's own dbt tests on the published twins, in dbt's cadence."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING

from synth import log
from synth._version import __version__
from synth.dbt.state import write_state
from synth.dbt.tests import DbtTestOutcome, DbtTestResult, choose, judge, published_twins
from synth.runs.artifacts import write_json
from synth.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from synth.domain import Model, Relation
    from synth.settings import Settings

RESULTS = "test_results.json"
LEVELS = {
    DbtTestOutcome.WARN: logging.WARNING,
    DbtTestOutcome.FAIL: logging.ERROR,
    DbtTestOutcome.ERROR: logging.ERROR,
}
WORDS = {DbtTestOutcome.SKIPPED: "SKIP"}


@dataclass(frozen=True, slots=True)
class Findings:
    """What `synth test` found; `args` are the flags of the command, without secrets."""

    results: tuple[DbtTestResult, ...]
    seconds: float  # seconds
    args: Mapping[str, object]

    @property
    def exit_code(self) -> int:
        """0 when no test failed that passes on the real relations, else 1."""
        return int(any(item.outcome.blocks for item in self.results))

    def as_json(self) -> dict[str, object]:
        """Return the shape of dbt's `run_results.json`."""
        return {
            "metadata": {
                "synth_version": __version__,
                "generated_at": datetime.now(UTC).isoformat(timespec="seconds"),
            },
            "args": dict(self.args),
            "elapsed_time": round(self.seconds, 3),
            "results": [
                {
                    "unique_id": item.test.unique_id,
                    "status": item.outcome,
                    "execution_time": round(item.seconds, 3),
                    "failures": item.failures,
                    "message": item.message or None,
                }
                for item in self.results
            ],
        }


def retest(
    models: Sequence[Model], places: Mapping[str, Relation], settings: Settings, args: Mapping[str, object]
) -> Findings:
    """Run every dbt test that reads twins alone on the twins of `models`, say what fails, and write it down.

    Args:
        models: those selected.
        places: where the twin of every tagged model is or would be, by `unique_id`.
        settings: of the command.
        args: the flags of the command, without secrets, for the results.

    Raises:
        ConfigError: dbt could not be run.
        WarehouseError: Postgres refused.
    """
    start = perf_counter()
    with Warehouse(settings.connection.conninfo(), role=settings.connection.role) as warehouse:
        twins = published_twins(places, warehouse)
        foreign = warehouse.foreign_on_path()
    write_state(settings.artifact_dir / "state", twins)
    there = [model for model in models if model.unique_id in twins]
    for model in models:
        if model not in there:
            place = places[model.unique_id]
            log.warning(f"There is no twin {place} yet. Next: synth run --select {model.name}")
    able, unable = choose(there, twins, foreign)
    twin_count = f"{len(there)} twin{'' if len(there) == 1 else 's'}"
    log.info(
        f"Found {twin_count} in {settings.schema}, {len(able)} tests to run, {len(unable)} that cannot be"
    )
    log.info("")
    results = (*judge(able, twins, settings), *unable)
    findings = Findings(results, perf_counter() - start, args)
    for item in results:
        _say(item)
    write_json(settings.artifact_dir / RESULTS, findings.as_json())
    _sum_up(findings, settings)
    return findings


def _say(item: DbtTestResult) -> None:
    if item.outcome is DbtTestOutcome.PASS:
        return
    word = WORDS.get(item.outcome, item.outcome.upper())
    data = {"unique_id": item.test.unique_id, "status": item.outcome, "failures": item.failures}
    log.event(LEVELS.get(item.outcome, logging.INFO), f"{word} {item.test.name}: {item.message}", data)


def _sum_up(findings: Findings, settings: Settings) -> None:
    counts = {
        WORDS.get(outcome, outcome.upper()): sum(item.outcome is outcome for item in findings.results)
        for outcome in DbtTestOutcome
    }
    counts["TOTAL"] = len(findings.results)
    log.info("")
    log.info(f"Results: {log.relative_path(settings.artifact_dir / RESULTS)}")
    log.info(f"Done. {' '.join(f'{name}={count}' for name, count in counts.items())}", **counts)
