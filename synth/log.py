"""What a run says while it works: dbt's cadence on a terminal, one JSON object a line elsewhere."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click

from synth.domain import Status, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import TextIO

    from synth.domain import ModelResult, Task

LOGGER = logging.getLogger("synth")
LOGGER.addHandler(logging.NullHandler())  # who uses the library without its command line hears nothing
LEVELS = {Status.SKIPPED: logging.WARNING, Status.PENDING: logging.INFO, Status.UNCHANGED: logging.INFO}
WORDS = {
    Status.PUBLISHED: "OK published",
    Status.SYNTHESIZED: "OK synthesized",
    Status.REJECTED: "REJECTED",
    Status.SKIPPED: "SKIP",
    Status.ERROR: "ERROR",
    Status.PENDING: "PENDING",
    Status.UNCHANGED: "SKIP",
}


def configure(
    *, form: str, quiet: bool, colors: bool | None, debug: bool = False, stream: TextIO | None = None
) -> None:
    """Send the log to standard output or `stream`, as `text` or `json`.

    `quiet` keeps only errors; `debug` keeps everything, the way to unexpected errors included.
    """
    stream = stream or sys.stdout
    handler = logging.StreamHandler(stream)
    use_colors = stream.isatty() if colors is None else colors
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter(colors=use_colors))
    handler.setLevel(logging.DEBUG if debug else logging.ERROR if quiet else logging.INFO)
    LOGGER.handlers[:] = [handler]
    LOGGER.setLevel(logging.DEBUG)
    LOGGER.propagate = False


def on_terminal() -> logging.StreamHandler[Any] | None:
    """Return the handler that writes text to a terminal, if there is one."""
    for handler in LOGGER.handlers:
        if isinstance(handler, logging.StreamHandler) and isinstance(handler.formatter, TextFormatter):
            is_console = handler.level < logging.ERROR and not isinstance(handler, logging.FileHandler)
            if is_console and handler.stream.isatty():
                return handler
    return None


@contextmanager
def write_log_to(path: Path) -> Iterator[None]:
    """Write the log to a file, too, details of unexpected errors included."""
    handler = logging.FileHandler(path, encoding="utf-8", delay=True)
    handler.setFormatter(TextFormatter(colors=False))
    LOGGER.addHandler(handler)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)
        handler.close()


def event(level: int, message: str, data: Mapping[str, object] | None = None) -> None:
    """Log `message`, with `data` for those who read JSON."""
    LOGGER.log(level, "%s", message, extra={"data": dict(data or {})})


def info(message: str, /, **data: object) -> None:
    """Say something that `--quiet` leaves out."""
    event(logging.INFO, message, data)


def warning(message: str, /, **data: object) -> None:
    """Say something that the user should know, though nothing stops because of it."""
    event(logging.WARNING, f"Warning: {message}", data)


def error(message: str, /, **data: object) -> None:
    """Say why something did not happen."""
    event(logging.ERROR, message, data)


def describe_unexpected(error: BaseException) -> str:
    """Return an unexpected exception in one line without its text, which may quote a row.

    The way to it goes to the log file of the run, and with `--debug` to the terminal.
    """
    trace(error)
    frames = traceback.extract_tb(error.__traceback__)
    house = Path(__file__).parents[1]
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(house / "synth")]
    place = f" at {Path(ours[-1].filename).relative_to(house).as_posix()}:{ours[-1].lineno}" if ours else ""
    return (
        f"unexpected {type(error).__name__}{place}; this is a bug in synth, and --debug shows the way to it"
    )


def trace(error: BaseException) -> None:
    """Log the way to an exception, and to those that led to it: files, lines and functions, and no values."""
    steps: list[str] = []
    while True:
        steps.append(type(error).__name__)
        frames = traceback.extract_tb(error.__traceback__)
        steps += [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
        origin = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if origin is None:
            break
        steps.append("which came of")
        error = origin
    event(logging.DEBUG, "\n".join(steps))


def start(place: str, task: Task) -> None:
    """Say that work on a model begins; `place` is such as `1 of 2`."""
    data = {"unique_id": task.model.unique_id, "status": "started"}
    info(f"{place} START {task.target}  [backend {task.backend}]", **data)


def outcome(place: str, result: ModelResult, details: Path) -> None:
    """Log how a model left the run: one line, and a few details below it.

    Args:
        place: such as `1 of 2`.
        result: of the model.
        details: the file that shows the figures of its checks.
    """
    task, evaluation = result.task, result.evaluation
    data = {
        "unique_id": task.model.unique_id,
        "relation": str(task.target),
        "status": result.status,
        "rows": result.rows,
        "fidelity": evaluation.fidelity if evaluation else None,
        "artifacts": list(result.artifacts),
        "jobs": list(result.jobs),
        "seconds": round(result.seconds, 3),
        "message": result.message,
    }
    head = f"{place} {WORDS[result.status]} {task.target}"
    if result.status not in {Status.PUBLISHED, Status.SYNTHESIZED}:
        level = LEVELS.get(result.status, logging.ERROR)
        event(level, f"{head}: {result.message}", data)
        return
    parts = _figures(result)
    info(f"{head}  [{', '.join(parts)}]  in {result.seconds:.1f}s", **data)
    for text in result.warnings:
        warning(text, unique_id=task.model.unique_id)
    checks = evaluation.checks if evaluation and not result.guarantee else ()
    low = [check for check in checks if check.gating and check.verdict is Verdict.FAIL]
    if low:
        figures = ", ".join(f"{check.name} ({check.value:.3g}, limit {check.limit:.3g})" for check in low)
        warning(
            f"{task.model.name} is less like real rows than the limits ask: {figures}; its privacy checks "
            f"pass; see {relative_path(details)}",
            unique_id=task.model.unique_id,
        )
    unsure = [check.name for check in checks if check.verdict is Verdict.INCONCLUSIVE]
    if unsure:
        warning(
            f"{task.model.name} is too small to decide {', '.join(unsure)}; see {relative_path(details)}",
            unique_id=task.model.unique_id,
        )


def _figures(result: ModelResult) -> list[str]:
    """Return what is said of a twin in brackets: its rows, what it is made from, and how it was judged."""
    task, evaluation = result.task, result.evaluation
    part = task.model.excerpt if result.inherited else None
    parts = [f"{result.rows:,} {part or 'rows'}"]
    if evaluation and evaluation.fidelity is not None:
        parts.append(f"fidelity {evaluation.fidelity:.1%}")
    if task.model.reference:
        parts.append(f"copied as reference: {task.model.reference}")
    if result.guarantee:
        parts.append(f"by guarantee, {result.guarantee}")
    elif result.inherited:
        parts.append(f"checks {result.inherited} there")
    elif evaluation and evaluation.checks:
        only_quality = evaluation.undecided_only_in_quality or evaluation.fails_only_in_quality
        state = "is below a limit" if evaluation.fails_only_in_quality else evaluation.verdict
        parts.append(f"{'privacy checks pass, quality' if only_quality else 'checks'} {state}")
    passes = sum(status == "pass" for status in result.tests.values())
    if passes:
        parts.append(f"{passes} dbt test{'s' if passes > 1 else ''} pass")
    if "synthetic_data_quality_score" in result.scores:
        parts.append(f"{task.backend}'s own score {result.scores['synthetic_data_quality_score']:.0f}")
    return parts


def log_summary(results: Sequence[ModelResult], folder: Path) -> None:
    """Log how many models ended in each status, and where the results are."""
    always = {Status.PUBLISHED, Status.REJECTED, Status.ERROR, Status.SKIPPED}
    counts = {status.name: sum(result.status is status for result in results) for status in Status}
    counts = {name: count for name, count in counts.items() if count or Status[name] in always}
    counts["TOTAL"] = len(results)
    info("")
    info(f"Results: {relative_path(folder / 'run_results.json')}", path=str(folder))
    info(f"Done. {' '.join(f'{name}={count}' for name, count in counts.items())}", **counts)


def as_line(task: Task) -> str:
    """Return what a run would do with a model, to read."""
    return (
        f"{task.model.unique_id}  {task.model.relation} → {task.target}  "
        f"[backend {task.backend}, rows {task.rows}, seed {task.seed}]"
    )


def as_json(task: Task) -> str:
    """Return what a run would do with a model, as one JSON object."""
    model = task.model
    document = {
        "unique_id": model.unique_id,
        "name": model.name,
        "source": str(model.relation),
        "target": str(task.target),
        "backend": task.backend,
        "rows": str(task.rows),
        "seed": task.seed,
        "primary_key": list(model.primary_key),
        "entity": model.entity,
        "reference": model.reference or None,
        "excerpt": str(model.excerpt) if model.excerpt else None,
        "foreign_keys": {key.column: f"{key.parent}.{key.parent_column}" for key in model.foreign_keys},
        "shared_keys": {key.column: f"{key.parent}.{key.parent_column}" for key in model.shared_keys},
        "roles": dict(model.roles),
        "path": model.path,
    }
    return json.dumps(document, ensure_ascii=False)


def relative_path(path: Path) -> Path:
    """Return the path relative to the current folder, where that is shorter."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


class TextFormatter(logging.Formatter):
    """`14:02:11  message`, in local time as dbt prints it."""

    words: ClassVar[Mapping[str, str]] = {
        "OK": "green",
        "ERROR": "red",
        "REJECTED": "red",
        "SKIP": "yellow",
    }

    def __init__(self, *, colors: bool) -> None:
        super().__init__()
        self._colors = colors

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        text = record.getMessage()
        if self._colors:
            text = self._paint(text, record.levelno)
        return f"{datetime.fromtimestamp(record.created).astimezone():%H:%M:%S}  {text}"

    def _paint(self, text: str, level: int) -> str:
        for word, color in self.words.items():
            if f" {word} " in text:
                return text.replace(f" {word} ", f" {click.style(word, fg=color)} ", 1)
        if level >= logging.WARNING:
            return click.style(text, fg="yellow" if level == logging.WARNING else "red")
        return text


class JsonFormatter(logging.Formatter):
    """One object a line, with dbt's keys: `info` (level, msg, ts) and `data`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        about = {
            "level": record.levelname.lower().replace("warning", "warn"),
            "msg": record.getMessage(),
            "name": record.name,
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(),
        }
        return json.dumps({"data": getattr(record, "data", {}), "info": about}, ensure_ascii=False)
