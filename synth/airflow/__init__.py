"""Airflow's side: operators, hooks and a trigger that call the command `synth` in its own interpreter.

Nothing here imports the rest of `synth`, and nothing else of `synth` imports Airflow. This module is what
Airflow asks for the provider's description, so it must cost nothing.
"""

from __future__ import annotations

from typing import Any

from synth._version import __version__


def provider_info() -> dict[str, Any]:
    """Return what Airflow shows of this provider, in the form of its `provider_info.schema.json`."""
    title = "dbt-synth"
    return {
        "package-name": "dbt-synth",
        "name": title,
        "description": "Publish synthetic twins of dbt models.",
        "versions": [__version__],
        "integrations": [{"integration-name": title, "tags": ["software"]}],
        "operators": [{"integration-name": title, "python-modules": ["synth.airflow.operators"]}],
        "hooks": [{"integration-name": title, "python-modules": ["synth.airflow.hooks"]}],
        "triggers": [{"integration-name": title, "python-modules": ["synth.airflow.triggers"]}],
        "connection-types": [
            {
                "connection-type": "gretel",
                "hook-class-name": "synth.airflow.hooks.GretelHook",
                "hook-name": "Gretel",
            }
        ],
    }
