"""Fixtures of these tests; elsewhere than in Airflow's own environment there is nothing to collect."""

from __future__ import annotations

from importlib.util import find_spec

if find_spec("airflow") is None:
    collect_ignore_glob = ["test_*.py"]  # make test-airflow
else:
    from tests.airflow.world import dags, metadata, stack

    __all__ = ["dags", "metadata", "stack"]
