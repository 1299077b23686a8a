"""Bars where somebody looks, a line now and then where nobody does."""

from __future__ import annotations

import contextlib
import io
import json
import re

import pytest

from synth import log
from synth.domain import Model, Relation, Task
from synth.progress import Bars, Lines, progress_bar

MODEL = Model("model.shop.people", "people", Relation("w", "analytics", "people"), "m.yml", "table")
TASK = Task(MODEL, Relation("w", "synthetic", "people"))


@pytest.fixture(autouse=True)
def _colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")


class Terminal(io.StringIO):
    """A stream that a person looks at."""

    def isatty(self) -> bool:
        return True


def listener(stream: io.StringIO, *, form: str = "text", quiet: bool = False) -> io.StringIO:
    log.configure(form=form, quiet=quiet, colors=None, stream=stream)
    return stream


def test_elsewhere_a_line_is_said_every_ten_seconds_and_none_of_a_short_fit() -> None:
    stream, now = listener(io.StringIO()), [0.0]
    with Lines(lambda: now[0]).of(TASK) as report:
        for column in range(1, 31):
            now[0] = column * 1.0
            report(f"c{column}", column, 30)
    lines = [line.partition("  ")[2] for line in stream.getvalue().splitlines()]
    assert lines == ["synthetic.people: 10 of 30, c10", "synthetic.people: 20 of 30, c20"]
    with Lines(lambda: 9.0).of(TASK) as report:
        report("c1", 1, 2)
    assert len(stream.getvalue().splitlines()) == 2


def test_of_work_without_a_known_end_only_its_state_is_said() -> None:
    stream, now = listener(io.StringIO()), [0.0]
    with Lines(lambda: now[0]).of(TASK) as report:
        now[0] = 11.0
        report("Gretel train running, epoch 3, 11 s", 3, 0)
    assert stream.getvalue().endswith("  synthetic.people: Gretel train running, epoch 3, 11 s\n")


def test_machines_read_the_progress_as_numbers() -> None:
    stream, now = listener(io.StringIO(), form="json"), [0.0]
    with Lines(lambda: now[0]).of(TASK) as report:
        now[0] = 11.0
        report("age", 1, 3)
    data = json.loads(stream.getvalue())["data"]
    assert data == {"unique_id": "model.shop.people", "status": "working", "done": 1, "total": 3}


@pytest.mark.parametrize("options", [{"form": "json"}, {"quiet": True}])
def test_a_terminal_shows_no_bar_to_who_wants_json_or_quiet(options: dict[str, object]) -> None:
    stream = listener(Terminal(), **options)  # type: ignore[arg-type] # options of `listening`
    with progress_bar() as progress, progress.of(TASK) as report:
        assert isinstance(progress, Lines)
        report("age", 1, 3)
    assert stream.getvalue() == ""


def test_a_terminal_shows_a_bar_and_the_log_above_it_and_nothing_of_it_stays() -> None:
    stream = listener(Terminal())
    (handler,) = log.LOGGER.handlers
    with progress_bar() as progress:
        assert isinstance(progress, Bars)
        with progress.of(TASK) as report:
            report("age", 1, 3)
            log.info("a line that is longer than the terminal is wide " + "x" * 200)
            progress.refresh()
            output = stream.getvalue()
    assert "synthetic.people" in output
    assert re.search(r"1/3\S* age", output)
    assert "x" * 200 in stream.getvalue()  # never broken into two
    assert "\r\x1b[2K" in stream.getvalue()[len(output) :]  # the bar is wiped away
    assert stream.getvalue().rfind("\x1b[?25h") > stream.getvalue().rfind("\x1b[?25l")
    assert getattr(handler, "stream", None) is stream
    log.info("after")
    assert stream.getvalue().endswith("after\n")


def test_an_interrupt_gives_the_terminal_back() -> None:
    stream = listener(Terminal())
    with contextlib.suppress(KeyboardInterrupt), progress_bar() as progress, progress.of(TASK) as report:
        report("age", 1, 3)
        raise KeyboardInterrupt
    log.info("after")
    assert stream.getvalue().endswith("after\n")


def test_a_name_that_looks_like_markup_is_shown_as_it_is() -> None:
    stream = listener(Terminal())
    with progress_bar() as progress, progress.of(TASK) as report:
        report("[red]x[/red]", 1, 3)
        assert isinstance(progress, Bars)
        progress.refresh()
    assert "[red]x[/red]" in stream.getvalue()
