"""How far the models of a run are: live bars on a terminal, now and then a line elsewhere."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING

from synth import log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console
    from rich.progress import Progress

    from synth.domain import Task

    Report = Callable[[str, int, int], None]

EVERY = 10.0  # seconds between two lines; what takes less has none


class Lines:
    """A line at most every ten seconds for each model."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock

    @contextmanager
    def of(self, task: Task) -> Iterator[Report]:
        """Yield the function that a backend calls to report its progress on `task`."""
        last = self._clock()
        lock = Lock()

        def report(name: str, count: int, total: int) -> None:
            nonlocal last
            with lock:
                now = self._clock()
                if now - last < EVERY or 0 < total <= count:
                    return
                last = now
            data = {"unique_id": task.model.unique_id, "status": "working", "done": count, "total": total}
            prefix = f"{count} of {total}, " if total else ""
            log.info(f"{task.target}: {prefix}{name}", **data)

        yield report


class Bars:
    """A bar for each model that is worked on, below the lines of the log."""

    def __init__(self, live: Progress) -> None:
        self._live = live

    @contextmanager
    def of(self, task: Task) -> Iterator[Report]:
        """Yield the function that a backend calls to report its progress on `task`."""
        bar = self._live.add_task(str(task.target), total=None, step="")

        def report(name: str, count: int, total: int) -> None:
            self._live.update(bar, completed=count, total=total or None, step=name)

        try:
            yield report
        finally:
            self._live.remove_task(bar)

    def refresh(self) -> None:
        """Show now what would be shown in a moment."""
        self._live.refresh()


class LinesAboveBars:
    """A stream whose lines appear above the bars."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def write(self, text: str) -> None:
        """Show `text` as it is."""
        from rich.text import Text  # noqa: PLC0415 - as below

        self._console.print(Text.from_ansi(text.removesuffix("\n")), soft_wrap=True)

    def flush(self) -> None:
        """Do nothing: every line is written at once."""


@contextmanager
def progress_bar() -> Iterator[Lines | Bars]:
    """Show the progress of a run while it lasts."""
    handler = log.on_terminal()
    if handler is None:
        yield Lines()
        return
    from rich.console import Console  # noqa: PLC0415 - costs what only a terminal needs
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415 - as above

    console = Console(file=handler.stream)
    columns = (
        TextColumn("          {task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[step]}", markup=False),
    )
    live = Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)
    with live:
        console.show_cursor()  # whoever ends the process without ado finds it there
        before = handler.setStream(LinesAboveBars(console))
        try:
            yield Bars(live)
        finally:
            handler.setStream(before)
