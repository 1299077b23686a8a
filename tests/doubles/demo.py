"""`make demo BACKEND=gretel`: the demo, with the work done by a stand-in for a remote service."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from synth.demo import demo
from tests.doubles.gretel import GretelDouble
from tests.doubles.nemo import NemoDouble
from tests.doubles.server import running

if TYPE_CHECKING:
    from collections.abc import Callable

DOUBLES: dict[str, Callable[[], GretelDouble | NemoDouble]] = {
    "gretel": GretelDouble,
    "nemo": lambda: NemoDouble("v2"),
}
SECRETS = ("KEY", "TOKEN")


def main(backend: str) -> int:
    """Run the demo against the stand-in, and say what it saw; return the exit code."""
    if backend == "local":
        return demo(Path.cwd())
    if backend not in DOUBLES:
        _say(f"BACKEND must be one of local, {', '.join(DOUBLES)}, not {backend}.")
        return 2
    double = DOUBLES[backend]()
    with running(double):
        _say(
            f"\nNo live service is reached. A stand-in for {backend}, a server of this repository that speaks"
        )
        _say(f"its protocol, listens at {double.url}; the engine of this repository does its work.\n")
        variables = {"SYNTH_BACKEND": backend, **double.environment}
        for name, value in variables.items():
            _say(f"$ export {name}={'…' if name.endswith(SECRETS) else value}")
        os.environ.update(variables)
        code = demo(Path.cwd())
    answers, left = sum(status < 300 for _, _, status in double.log), len(double.left)
    _say(f"\nThe stand-in answered {answers} of {len(double.log)} calls; jobs and files left there: {left}.")
    return code


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
