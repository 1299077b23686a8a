"""The layout of a run, on disk and in the store, and the files in it."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from synth._version import __version__
from synth.columns.handling import action
from synth.domain import GOOD, Status, Verdict
from synth.errors import StoreError
from synth.report import ColumnTreatment, Index, RunOutcome, make_document, render_index, render_report

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from synth.columns.roles import Treatment
    from synth.domain import Evaluation, Model, ModelResult, RunResult, Task
    from synth.domain.figures import Portrait
    from synth.stores import Store

RESULTS_VERSION = 1
RESULTS = "run_results.json"
EVALUATION = "evaluation.json"
REPORT = "report.html"
INDEX = "index.html"
REQUEST_FILE = "asked.{}.json"
MOST_RUNS = 100  # that the index lists
BATCH = 65_536  # rows written at a time


@dataclass(frozen=True, slots=True)
class RunFolder:
    """`<target>/synth/runs/<run_id>/`: everything a run leaves on this machine; no real row is ever in it."""

    path: Path
    run_id: str

    @classmethod
    def create(cls, artifact_dir: Path, run_id: str, *, again: bool = False) -> Self:
        """Make the folder of a new run, or of one that goes on, if it may be `again`.

        Raises:
            StoreError: it cannot be written.
        """
        path = artifact_dir / "runs" / run_id
        with _writable(path):
            path.mkdir(parents=True, exist_ok=again)
        return cls(path, run_id)

    @property
    def log(self) -> Path:
        """Everything that was said of the run."""
        return self.path / "synth.log"

    def ask(self, args: Mapping[str, object], unique_ids: Sequence[str], invocation_id: str) -> None:
        """Write down what the run was asked for, before it begins, for `synth retry`.

        Raises:
            StoreError: it cannot be written.
        """
        request = {"args": dict(args), "unique_ids": list(unique_ids), "invocation_id": invocation_id}
        with _writable(self.path):
            write_json(self.path / REQUEST_FILE.format(invocation_id), request)

    def of(self, task: Task) -> Path:
        """Return the folder of one model."""
        path = self.path / file_name(task.target.name)
        path.mkdir(exist_ok=True)
        return path

    def workdir(self, task: Task) -> Path:
        """Return the folder where a model's backend keeps what a resumed run needs; no row is in it."""
        path = self.path.parent.parent / "work" / file_name(task.model.unique_id)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def evaluation(self, task: Task) -> Path:
        """Return the figures of one model's checks."""
        return self.path / file_name(task.target.name) / EVALUATION

    def report(self, task: Task) -> Path:
        """Return the same figures for people."""
        return self.path / file_name(task.target.name) / REPORT

    def store_twin(  # noqa: PLR0913 - all that is known of a twin, each by its name
        self,
        store: Store,
        task: Task,
        twin: pa.Table | None,
        evaluation: Evaluation | None,
        *,
        portrait: Portrait | None = None,
        treatments: Sequence[Treatment] = (),
        twins: Collection[str] = (),
        epsilon: float | None = None,
        guarantee: str = "",
        warnings: Sequence[str] = (),
    ) -> tuple[str, ...]:
        """Write the twin, its evaluation and its report, put them into the store, and return their URIs.

        The data go under `twins/`, for analysts; the rest under `audit/`, for the data's owners. Of a twin
        that was rejected, which comes as None, there is nothing for analysts.
        """
        content = make_document(
            task,
            self.run_id,
            evaluation,
            published_rows=None if twin is None else twin.num_rows,
            treatments=[_column_handling(treatment, task.model, twins) for treatment in treatments],
            portrait=portrait,
            epsilon=epsilon,
            guarantee=guarantee,
            warnings=warnings,
        )
        page = render_report(content)  # before anything is stored, because it could fail
        name = file_name(task.target.name)
        uris = []
        try:
            for file, write in (("data.parquet", write_parquet), ("data.csv.gz", write_csv)):
                if twin is None:
                    continue
                path = self.of(task) / file
                write(twin, path)
                uris.append(store.put(path, f"twins/{self.run_id}/{name}/{file}"))
                path.unlink()  # the store has it; one copy is enough
            write_json(self.of(task) / EVALUATION, content.model_dump(mode="json"))
            write_text(self.of(task) / REPORT, page)
            audit = f"audit/{self.run_id}/{name}"
            uris += [store.put(self.of(task) / file, f"{audit}/{file}") for file in (EVALUATION, REPORT)]
        except OSError as error:  # a full disk, most likely; the stores have their own errors
            raise StoreError(
                f"Could not write below {self.path}: {error.strerror}. Next: make room."
            ) from error
        return tuple(uris)

    def finish(
        self,
        store: Store | None,
        result: RunResult,
        args: Mapping[str, object],
        seconds: float,
        *,
        invocation_id: str = "",
    ) -> None:
        """Write the results of the command, last of all, here and in the store, if there is one to write to.

        What other commands did for the same run stays in the folder's results. The index of all runs is made
        anew with them.

        Raises:
            StoreError: the store refuses.
            OSError: the disk does.
        """
        invocation_id = invocation_id or self.run_id
        content = results_json(result, args, seconds, self)
        content["metadata"]["invocation_ids"] = [invocation_id]
        newest = self.path.parent.parent / RESULTS
        write_json(newest, content)
        with lock_folder(self.path / ".lock"):
            write_json(self.path / RESULTS, merge_results(_read_json(self.path / RESULTS), content))
        write_index(self.path.parent.parent)
        if store is not None:
            is_named = invocation_id != self.run_id
            name = f"{self.run_id}/{invocation_id}" if is_named else self.run_id
            store.create(newest if is_named else self.path / RESULTS, f"runs/{name}/{RESULTS}")


@contextmanager
def _writable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"Could not create {path}: {error.strerror}. Next: make it writable, or pass --target-path."
        ) from error


def file_name(name: str) -> str:
    """Return the name of a relation as a safe folder name, whatever characters it has."""
    letters = (f"%{ord(letter):02X}" if letter in "/\\%" or letter < " " else letter for letter in name)
    text = "".join(letters)
    return f"%2E{text[1:]}" if text.startswith(".") else text


def write_parquet(twin: pa.Table, path: Path) -> None:
    """Write the twin as Parquet; the same twin gives the same bytes."""
    pq.write_table(twin, path, compression="zstd")


def write_csv(twin: pa.Table, path: Path) -> None:
    """Write the twin as gzipped CSV with a header: NULL is empty, the empty string is quoted."""
    # Without a name and a time in the header, the same twin gives the same bytes.
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as archive:
        header = pacsv.WriteOptions(include_header=True, quoting_style="needed")
        pacsv.write_csv(twin.slice(0, 0), archive, header)
        for batch in twin.to_batches(max_chunksize=BATCH):
            pacsv.write_csv(batch, archive, pacsv.WriteOptions(include_header=False, quoting_style="needed"))


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Replace `path` by `content`; a reader sees the old file or the new one."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_text(path: Path, content: str) -> None:
    """Replace `path` by `content`; a reader sees the old file or the new one, also while others write."""
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(content, encoding="utf-8")
    temporary.replace(path)


def write_index(artifact_dir: Path) -> Path:
    """Make the page that lists all runs and models anew, and return where it is."""
    path = artifact_dir / INDEX
    write_text(path, render_index(Index.of(read_runs(artifact_dir))))
    return path


def read_runs(artifact_dir: Path) -> tuple[tuple[RunOutcome, ...], ...]:
    """Return the outcomes of the newest runs, newest first; what cannot be read is left out."""
    folders = sorted((artifact_dir / "runs").glob("*"), reverse=True)  # their names begin with the time
    runs = (_read_run(folder) for folder in folders[:MOST_RUNS])
    return tuple(run for run in runs if run)


@contextmanager
def lock_folder(path: Path) -> Iterator[None]:
    """Wait until no other process of this machine holds the lock."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def merge_results(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the results of a run that several commands share; the newest result of a model counts."""
    if old is None:
        return new
    results = {item["unique_id"]: item for item in old["results"]}
    for item in new["results"]:
        before = results.get(item["unique_id"], {})
        figures = {name: item[name] or before.get(name) for name in ("verdict", "fidelity", "report")}
        results[item["unique_id"]] = {**item, **figures}
    ids = [*old["metadata"].get("invocation_ids", []), *new["metadata"]["invocation_ids"]]
    seconds = round(old["elapsed_time"] + new["elapsed_time"], 3)
    metadata = {**new["metadata"], "invocation_ids": ids}
    return {**new, "metadata": metadata, "elapsed_time": seconds, "results": list(results.values())}


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _read_run(folder: Path) -> tuple[RunOutcome, ...]:
    try:
        content = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
        moment = content["metadata"]["generated_at"]
        return tuple(_outcome(folder.name, moment, item) for item in content["results"])
    except (OSError, ValueError, KeyError, TypeError):  # an interrupted run, or one of another version
        return ()


def _outcome(run_id: str, moment: str, item: Mapping[str, Any]) -> RunOutcome:
    return RunOutcome(
        run_id=run_id,
        moment=moment,
        unique_id=item["unique_id"],
        relation=item["relation_name"],
        status=Status(item["status"]),
        verdict=Verdict(item["verdict"]) if item["verdict"] else None,
        fidelity=item["fidelity"],
        rows=item["rows"],
        message=item["message"] or "",
        report=item.get("report") or "",
    )


def _column_handling(treatment: Treatment, model: Model, twins: Collection[str]) -> ColumnTreatment:
    return ColumnTreatment(
        column=treatment.column.name,
        data_type=treatment.column.data_type,
        role=treatment.role,
        origin=treatment.origin,
        action=action(treatment, model, twins),
    )


def results_json(
    result: RunResult, args: Mapping[str, object], seconds: float, folder: RunFolder
) -> dict[str, Any]:
    """Return the run in the shape of dbt's `run_results.json`."""
    return {
        "metadata": {
            "synth_results_version": RESULTS_VERSION,
            "synth_version": __version__,
            "generated_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "invocation_id": result.run_id,
        },
        "args": dict(args),
        "elapsed_time": round(seconds, 3),
        "results": [_result_json(item, folder) for item in result.results],
    }


def _result_json(result: ModelResult, folder: RunFolder) -> dict[str, object]:
    evaluation, report = result.evaluation, folder.report(result.task)
    return {
        "unique_id": result.task.model.unique_id,
        "status": result.status,
        "execution_time": round(result.seconds, 3),
        "message": result.message or None,
        "relation_name": str(result.task.target),
        "rows": result.rows,
        "backend": result.task.backend,
        "seed": result.task.seed,
        "scores": dict(result.scores),
        "verdict": _verdict(result),
        "excerpt": str(result.task.model.excerpt) if result.inherited else None,
        "guarantee": result.guarantee or None,
        "fidelity": evaluation.fidelity if evaluation else None,
        "broken": dict(evaluation.broken_rules) if evaluation else {},
        "warnings": list(result.warnings),
        "tests": dict(result.tests),
        "artifacts": list(result.artifacts),
        "report": report.relative_to(folder.path).as_posix() if report.is_file() else None,
        "failures": 0 if result.status in GOOD else 1,
    }


def _verdict(result: ModelResult) -> str | None:
    """Return what checks say of the twin, or of the one that it is a part of."""
    if result.guarantee:
        return None
    return result.evaluation.verdict if result.evaluation else result.inherited or None
