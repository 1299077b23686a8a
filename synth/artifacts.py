"""The layout of a run, on disk and in the store, and the files in it."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from synth._version import __version__
from synth.domain import Status
from synth.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from synth.domain import Evaluation, ModelResult, RunResult, Task
    from synth.stores import Store

RESULTS_VERSION = 1
RESULTS = "run_results.json"
BATCH = 65_536  # rows written at a time


@dataclass(frozen=True, slots=True)
class RunFolder:
    """`<target>/synth/runs/<run_id>/`: everything a run leaves on this machine; no real row is ever in it."""

    path: Path
    run_id: str

    @classmethod
    def create(cls, artifact_dir: Path, run_id: str) -> Self:
        """Make the folder of a new run.

        Raises:
            StoreError: it cannot be written.
        """
        path = artifact_dir / "runs" / run_id
        try:
            path.mkdir(parents=True)
        except OSError as error:
            raise StoreError(
                f"Could not create {path}: {error.strerror}. Next: make it writable, or pass --target-path."
            ) from error
        return cls(path, run_id)

    @property
    def log(self) -> Path:
        """Everything that was said of the run."""
        return self.path / "synth.log"

    def of(self, task: Task) -> Path:
        """The folder of one model."""
        path = self.path / file_name(task.target.name)
        path.mkdir(exist_ok=True)
        return path

    def evaluation(self, task: Task) -> Path:
        """The figures of one model's checks."""
        return self.path / file_name(task.target.name) / "evaluation.json"

    def store_twin(
        self, store: Store, task: Task, twin: pa.Table, evaluation: Evaluation | None
    ) -> tuple[str, ...]:
        """Write the twin and its evaluation, put them into the store, and return their URIs.

        The data go under `twins/`, for analysts; the evaluation under `audit/`, for the data's owners.
        """
        name = file_name(task.target.name)
        uris = []
        try:
            for file, write in (("data.parquet", write_parquet), ("data.csv.gz", write_csv)):
                path = self.of(task) / file
                write(twin, path)
                uris.append(store.put(path, f"twins/{self.run_id}/{name}/{file}"))
                path.unlink()  # the store has it; one copy is enough
            path = self.evaluation(task)
            write_json(path, evaluation_json(task, evaluation))
            uris.append(store.put(path, f"audit/{self.run_id}/{name}/{path.name}"))
        except OSError as error:  # a full disk, most likely; the stores have their own errors
            raise StoreError(
                f"Could not write below {self.path}: {error.strerror}. Next: make room."
            ) from error
        return tuple(uris)

    def finish(
        self, store: Store | None, result: RunResult, args: Mapping[str, object], elapsed: float
    ) -> None:
        """Write the results of the run, last of all, here and in the store, if there is one to write to.

        Raises:
            StoreError: the store refuses.
            OSError: the disk does.
        """
        path = self.path / RESULTS
        content = results_json(result, args, elapsed)
        write_json(path, content)
        write_json(self.path.parent.parent / RESULTS, content)
        if store is not None:
            store.create(path, f"runs/{self.run_id}/{RESULTS}")


def file_name(name: str) -> str:
    """The name of a relation as the name of a folder, also when it has slashes in it or begins with a dot."""
    escaped = (f"%{ord(letter):02X}" if letter in "/\\%" or letter < " " else letter for letter in name)
    text = "".join(escaped)
    return f"%2E{text[1:]}" if text.startswith(".") else text


def write_parquet(twin: pa.Table, path: Path) -> None:
    """The twin as Parquet; the same twin gives the same bytes."""
    pq.write_table(twin, path, compression="zstd")


def write_csv(twin: pa.Table, path: Path) -> None:
    """The twin as gzipped CSV with a header: NULL is an empty field, the empty string is quoted."""
    # Without a name and a time in the header, the same twin gives the same bytes.
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed:
        header = pacsv.WriteOptions(include_header=True, quoting_style="needed")
        pacsv.write_csv(twin.slice(0, 0), packed, header)
        for batch in twin.to_batches(max_chunksize=BATCH):
            pacsv.write_csv(batch, packed, pacsv.WriteOptions(include_header=False, quoting_style="needed"))


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Replace `path` by `content`; a reader sees the old file or the new one."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    temporary.replace(path)


def evaluation_json(task: Task, evaluation: Evaluation | None) -> dict[str, object]:
    """What was measured, for the data's owners."""
    if evaluation is None:
        return {"unique_id": task.model.unique_id, "verdict": None, "checks": []}
    return {
        "unique_id": task.model.unique_id,
        "verdict": evaluation.verdict,
        "fidelity": evaluation.fidelity,
        "rows": dict(evaluation.rows),
        "checks": [
            {
                "name": check.name,
                "value": check.value,
                "ci_low": check.low,
                "ci_high": check.high,
                "limit": check.limit,
                "verdict": check.verdict,
                "explain": check.explain,
            }
            for check in evaluation.checks
        ],
    }


def results_json(result: RunResult, args: Mapping[str, object], elapsed: float) -> dict[str, object]:
    """The run in the shape of dbt's `run_results.json`."""
    return {
        "metadata": {
            "synth_results_version": RESULTS_VERSION,
            "synth_version": __version__,
            "generated_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "invocation_id": result.run_id,
        },
        "args": dict(args),
        "elapsed_time": round(elapsed, 3),
        "results": [_result_json(item) for item in result.results],
    }


def _result_json(result: ModelResult) -> dict[str, object]:
    evaluation = result.evaluation
    return {
        "unique_id": result.task.model.unique_id,
        "status": result.status,
        "execution_time": round(result.seconds, 3),
        "message": result.message or None,
        "relation_name": str(result.task.target),
        "rows": result.rows,
        "backend": result.task.backend,
        "seed": result.task.seed,
        "verdict": evaluation.verdict if evaluation else None,
        "fidelity": evaluation.fidelity if evaluation else None,
        "warnings": list(result.warnings),
        "artifacts": list(result.artifacts),
        "failures": 0 if result.status in {Status.PUBLISHED, Status.SYNTHESIZED} else 1,
    }
