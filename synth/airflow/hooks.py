"""Hooks: the command `synth` with what connections say in its environment, and the connection to Gretel."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.log import mask_secret

from synth.airflow import process
from synth.airflow.connections import SECRET, environment, variables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from synth.airflow.process import Output

UNTIL_STOPPED = 45.0  # seconds; an interrupted run waits up to 30 for its remote jobs to be cancelled


class SynthHook(BaseHook):
    """Calls `synth`, or dbt, for a dbt project.

    Passwords and keys reach the program by its environment alone: not by the command line, which everybody on
    the machine can read, and not by a template, which Airflow shows.

    Args:
        project_dir: where dbt_project.yml is.
        synth_executable: of the environment that synth is installed in; it need not be Airflow's.
        postgres_conn_id: becomes PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE and PGSSL….
        aws_conn_id: becomes AWS_…; without it, the worker's own variables and roles hold.
        gretel_conn_id: becomes GRETEL_….
        env: more variables; `$PGPASSWORD` and the like stand for what the connections say.
    """

    def __init__(
        self,
        *,
        project_dir: str,
        synth_executable: str = "synth",
        postgres_conn_id: str = "postgres_default",
        aws_conn_id: str | None = None,
        gretel_conn_id: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.project_dir = project_dir
        self.synth_executable = synth_executable
        self._ids = {"postgres": postgres_conn_id, "aws": aws_conn_id, "gretel": gretel_conn_id}
        self._own = dict(env or {})
        self._process: subprocess.Popen[str] | None = None

    def get_conn(self) -> dict[str, str]:
        """Return the environment of the program."""
        return environment(os.environ, self.connection_variables(), self._own)

    def connection_variables(self) -> dict[str, dict[str, str]]:
        """Return the variables that each connection stands for, by its kind."""
        return {kind: _read(kind, self.get_connection(name)) for kind, name in self._ids.items() if name}

    def run(self, arguments: Sequence[str], *, executable: str = "") -> Output:
        """Run `synth` with `arguments`, say what it says, and return that.

        Args:
            arguments: a command that takes `--log-format json`.
            executable: another program, such as dbt.
        """
        command = self._command(executable, arguments)
        self.log.info("Running %s in %s", " ".join(command), self.project_dir)
        self._process = process.start(command, self.get_conn(), self.project_dir)
        try:
            return process.listen(self._process, self.log.log)
        finally:
            self._process = None

    async def aget_conn(self) -> dict[str, str]:
        """Return as `get_conn`, in an event loop."""
        variables_by_kind = {
            kind: _read(kind, await self.aget_connection(name)) for kind, name in self._ids.items() if name
        }
        return environment(os.environ, variables_by_kind, self._own)

    async def arun(self, arguments: Sequence[str], environment: Mapping[str, str]) -> Output:
        """Run a short command in an event loop, as `run` does, with `environment` as its environment."""
        return await process.call_synth(
            self._command("", arguments), environment, self.project_dir, tell=self.log.log
        )

    def leave(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start `synth` and let it go on, whatever becomes of this process."""
        command = self._command("", arguments)
        self.log.info("Leaving %s to itself", " ".join(command))
        process.leave(command, environment, self.project_dir)

    def stop(self) -> None:
        """Interrupt what runs, so that it cancels its remote jobs, and wait until it has ended."""
        running = self._process
        if running is None:
            return
        running.terminate()
        try:
            running.wait(UNTIL_STOPPED)
        except subprocess.TimeoutExpired:
            running.kill()

    def _command(self, executable: str, arguments: Sequence[str]) -> list[str]:
        return [executable or self.synth_executable, *arguments, "--log-format", "json"]


class GretelHook(BaseHook):
    """The connection type `gretel`: its password is the API key, its host the endpoint."""

    conn_name_attr = "gretel_conn_id"
    default_conn_name = "gretel_default"
    conn_type = "gretel"
    hook_name = "Gretel"

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return how the page of connections shows it."""
        return {
            "hidden_fields": ["login", "schema", "port"],
            "relabeling": {"host": "Endpoint", "password": "API key"},
            "placeholders": {
                "host": "https://api.gretel.ai",
                "extra": '{"project": "name", "runner_mode": "cloud"}',
            },
        }


def _read(kind: str, connection: Any) -> dict[str, str]:
    values = variables(kind, connection)
    for name in SECRET:
        if name in values:
            mask_secret(values[name])
    return values
