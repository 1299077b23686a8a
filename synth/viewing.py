"""What `synth report` does: find reports, make the index anew, open or serve them."""

from __future__ import annotations

import webbrowser
from typing import TYPE_CHECKING

from synth.errors import ConfigError
from synth.report.serve import HOST, listen
from synth.runs.artifacts import read_runs, write_index

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from synth.report import RunOutcome


def find(artifact_dir: Path, *, model: str | None = None, run_id: str | None = None) -> tuple[Path, ...]:
    """Return the reports of the newest run that has one, of one model or of all.

    Raises:
        ConfigError: there is none; the message says what there is.
    """
    runs = read_runs(artifact_dir)
    if not any(outcome.report for run in runs for outcome in run):
        raise ConfigError(f"There is no report in {artifact_dir} yet. Next: synth run")
    selected_runs = [run for run in runs if run_id in {None, run[0].run_id}]
    if not selected_runs:
        raise ConfigError(f"There is no run {run_id} in {artifact_dir}; the newest is {runs[0][0].run_id}.")
    for run in selected_runs:
        reports = [item for item in run if item.report and model in {None, item.name, item.unique_id}]
        if reports:
            return tuple(artifact_dir / "runs" / item.run_id / item.report for item in reports)
    raise ConfigError(_none_of(model, selected_runs))


def _none_of(model: str | None, runs: list[tuple[RunOutcome, ...]]) -> str:
    names = sorted({outcome.name for run in runs for outcome in run if outcome.report})
    where = f"run {runs[0][0].run_id}" if len(runs) == 1 else "any run"
    there = f"there are reports of {', '.join(names)}" if names else "there are no reports at all"
    return f"There is no report of {model or 'a model'} in {where}; {there}."


def view(
    artifact_dir: Path, *, model: str | None, run_id: str | None, browse: bool, serve: bool, port: int
) -> Iterator[str]:
    """Show reports; what comes back is to be printed, line by line.

    Raises:
        ConfigError: there is nothing to show.
        ServiceError: they cannot be served.
    """
    reports = find(artifact_dir, model=model, run_id=run_id)
    index = write_index(artifact_dir)
    if not serve:
        yield from map(str, reports)
        if browse:
            open_page((reports[0] if len(reports) == 1 else index).as_uri())
        return
    with listen(artifact_dir, port) as server:
        address = f"http://{HOST}:{server.server_port}/"
        yield f"Serving {address} to this machine until Ctrl-C."
        if browse:
            open_page(address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            yield ""


def open_page(address: str) -> None:
    """Open a page in a browser that has a window; where there is none, nothing happens."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return
    if type(browser) is not webbrowser.GenericBrowser:  # that is one in the terminal, which would fill it
        browser.open(address)
