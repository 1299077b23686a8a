"""The trigger that watches a remote job while no worker is taken."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from synth.airflow.hooks import SynthHook

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

MOST_FAILURES = 5  # looks in a row


class SynthJobTrigger(BaseTrigger):
    """Fires when none of `jobs` works any more, however they ended; the task finds out how.

    Args:
        jobs: names of remote jobs as `synth run --no-wait` says them, such as `gretel/synth-…-train`.
        poll_interval: seconds between two looks.
        installation: as of `SynthHook`; ids of connections and no secrets.
    """

    def __init__(self, *, jobs: Sequence[str], poll_interval: float, **installation: Any) -> None:
        super().__init__()
        self.jobs = list(jobs)
        self.poll_interval = poll_interval
        self._installation = installation
        self._hook = SynthHook(**installation)
        self._environment: dict[str, str] | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return how another process makes the same trigger."""
        own = {"jobs": self.jobs, "poll_interval": self.poll_interval}
        return "synth.airflow.triggers.SynthJobTrigger", {**own, **self._installation}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until the jobs are over; a look that fails may be repeated."""
        failures, self._environment = 0, await self._hook.aget_conn()
        while failures < MOST_FAILURES:
            output = await self._hook.arun(["jobs", *self.jobs], self._environment)
            events = [event["working"] for event in output.events if "working" in event]
            if output.code or len(events) < len(self.jobs):
                failures += 1
            elif any(events):
                failures = 0
            else:
                yield TriggerEvent({"status": "over", "jobs": self.jobs})
                return
            await asyncio.sleep(self.poll_interval)
        reasons = "; ".join(output.errors) or f"synth jobs ended with exit code {output.code}"
        yield TriggerEvent({"status": "lost", "message": f"The remote job could not be watched: {reasons}"})

    async def on_kill(self) -> None:
        """Cancel the jobs and remove what they hold, because a user has ended the task.

        The triggerer cancels this call, too, about a second after it began, so nothing is waited for.
        """
        environment = self._environment or await self._hook.aget_conn()
        self._hook.leave(["jobs", "--cancel", *self.jobs], environment)
