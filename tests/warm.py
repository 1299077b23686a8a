"""dbt without its start: a process that has loaded it forks for each call, which saves half of its time."""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.services import clean_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

# What the program `dbt` does, in a child that has the folder, the environment and the files of the call.
PROGRAM = """
import json, os, sys
import dbt.adapters.postgres
from dbt.cli.main import cli

for line in sys.stdin:
    call = json.loads(line)
    child = os.fork()
    if not child:
        os.chdir(call["folder"])
        os.environ.clear()
        os.environ.update(call["environment"])
        for number, name in enumerate((os.devnull, call["out"], call["err"])):
            flags = os.O_WRONLY | os.O_CREAT if number else os.O_RDONLY
            os.dup2(os.open(name, flags), number)
        sys.argv = ["dbt", *call["arguments"]]
        sys.exit(cli())
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def call_dbt(
    folder: Path, arguments: tuple[str, ...], variables: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """What came of a call of dbt in a folder, with these variables."""
    environment = {**clean_environment(), **variables, "DO_NOT_TRACK": "1"}
    with TemporaryDirectory() as name:
        out, err = Path(name, "out"), Path(name, "err")
        call = {"folder": str(folder), "arguments": arguments, "environment": environment}
        server = _server()
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps({**call, "out": str(out), "err": str(err)}) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        return subprocess.CompletedProcess(arguments, code, *(path.read_text("utf-8") for path in (out, err)))


@cache
def _server() -> subprocess.Popen[str]:
    """The process of this worker; it ends with it."""
    server = subprocess.Popen(
        [sys.executable, "-P", "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=clean_environment(),
    )
    atexit.register(server.communicate)
    return server
