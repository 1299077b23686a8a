"""The project's own dbt tests on twins: which can be run, what they find, and whether that says anything."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from synth.dbt import command as dbt
from synth.domain import Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from synth.domain import Model, ProjectTest, Relation
    from synth.settings import Settings
    from synth.warehouse import Warehouse

FAILS_THERE = "fails on the real relation, too"


class DbtTestOutcome(StrEnum):
    """How a test ended on the twins."""

    PASS = "pass"  # noqa: S105 - an outcome, not a password
    WARN = "warn"
    FAIL = "fail"
    ERROR = "error"  # it could not be run, though it can be on the real relations
    SKIPPED = "skipped"

    @property
    def blocks(self) -> bool:
        """Whether a twin of which this is said must not be published."""
        return self in {DbtTestOutcome.FAIL, DbtTestOutcome.ERROR}


@dataclass(frozen=True, slots=True)
class DbtTestResult:
    """One test, how it ended, and why; `failures` are the rows of the twin that fail, as dbt counts them."""

    test: ProjectTest
    outcome: DbtTestOutcome
    message: str = ""
    failures: int = 0
    seconds: float = 0.0


def published_twins(places: Mapping[str, Relation], warehouse: Warehouse) -> dict[str, Relation]:
    """Return those of `places` (by `unique_id`) where there is a twin."""
    schemas = {place.schema for place in places.values()}
    there = {(schema, name) for schema in schemas for name in warehouse.twins(schema)}
    return {name: place for name, place in places.items() if (place.schema, place.name) in there}


def choose(
    models: Iterable[Model], twins: Mapping[str, Relation], foreign: str
) -> tuple[tuple[ProjectTest, ...], tuple[DbtTestResult, ...]]:
    """Return the tests of these models that can be run on `twins`, and those that cannot, with the reason.

    None can where names in their SQL may mean something `foreign`: dbt runs them on the user's own path.
    """
    able: dict[str, ProjectTest] = {}
    unable: dict[str, DbtTestResult] = {}
    for model in models:
        for test in model.tests:
            reason = unsafe_names(foreign) if foreign else _hindrance(test, model, twins)
            if reason:
                unable[test.unique_id] = DbtTestResult(test, DbtTestOutcome.SKIPPED, reason)
            else:
                able[test.unique_id] = test
    runnable = (test for name, test in able.items() if name not in unable)
    return tuple(runnable), tuple(unable.values())


def unsafe_names(foreign: str) -> str:
    """Return why dbt's tests are not run where something foreign may be called by them."""
    return f"names in its SQL may mean the {foreign}. Next: drop that"


def _hindrance(test: ProjectTest, model: Model, twins: Mapping[str, Relation]) -> str:
    """Return why a test of `model` cannot be run on twins; empty if it can."""
    missing_parents = [parent for parent in test.parents if parent not in twins]
    if missing_parents:
        verb = "has" if len(missing_parents) == 1 else "have"
        return f"it reads {', '.join(missing_parents)}, which {verb} no twin"
    if test.attached_node == model.unique_id and test.column and model.roles.get(test.column) is Role.DROP:
        return f"the twin has no column {test.column}, because its role is drop"
    if test.stores_failures:
        return "it stores its failures, and those of the twin would replace those of the real relation"
    return ""


def judge(
    tests: Sequence[ProjectTest], twins: Mapping[str, Relation], settings: Settings
) -> tuple[DbtTestResult, ...]:
    """Run the tests on the twins; a failure only counts where the real relations pass.

    Raises:
        ConfigError: dbt could not be run.
    """
    if not tests:
        return ()
    results = _run(tests, twins, settings)
    doubtful = [item.test for item in results if item.outcome.blocks]
    if not doubtful:
        return results
    real = {item.test.unique_id: item for item in _run(doubtful, None, settings)}
    return tuple(_compare(item, real.get(item.test.unique_id)) for item in results)


def _run(
    tests: Sequence[ProjectTest], twins: Mapping[str, Relation] | None, settings: Settings
) -> tuple[DbtTestResult, ...]:
    selection = [f"fqn:{'.'.join(test.fqn)}" for test in tests]
    run_results = {item["unique_id"]: item for item in dbt.results(settings, "test", selection, twins)}
    return tuple(_test_result(test, run_results.get(test.unique_id)) for test in tests)


def _test_result(test: ProjectTest, run_result: Mapping[str, object] | None) -> DbtTestResult:
    """Return what dbt says of one test. Not in its own words: those of the database may quote a value."""
    if run_result is None:
        return DbtTestResult(
            test, DbtTestOutcome.SKIPPED, "dbt does not find it in the project; next: dbt parse"
        )
    outcomes = {
        "pass": DbtTestOutcome.PASS,
        "warn": DbtTestOutcome.WARN,
        "fail": DbtTestOutcome.FAIL,
        "skipped": DbtTestOutcome.SKIPPED,
    }
    outcome = outcomes.get(str(run_result["status"]), DbtTestOutcome.ERROR)
    failures = int(str(run_result.get("failures") or 0))
    messages = {
        DbtTestOutcome.WARN: f"{rows(failures)} of the twin, and its severity is warn",
        DbtTestOutcome.FAIL: f"{rows(failures)} of the twin",
        DbtTestOutcome.ERROR: "dbt could not run it on the twin",
        DbtTestOutcome.SKIPPED: "dbt skipped it",
    }
    seconds = float(str(run_result.get("execution_time") or 0))
    return DbtTestResult(test, outcome, messages.get(outcome, ""), failures, seconds)


def rows(failures: int) -> str:
    """Return how many rows fail, in words."""
    return f"it fails for {failures:,} row{'' if failures == 1 else 's'}"


def _compare(result: DbtTestResult, real: DbtTestResult | None) -> DbtTestResult:
    """Return what a failure on the twin means, when the outcome on the real relation is known."""
    if not result.outcome.blocks:
        return result
    if result.test.fresh and result.outcome is DbtTestOutcome.FAIL:
        message = f"{result.message}; it asks how new the newest row is, which is no matter of a twin"
        return replace(result, outcome=DbtTestOutcome.WARN, message=message)
    outcome, there = result.outcome, "passes on the real relation"
    if (
        real is None or real.outcome is DbtTestOutcome.ERROR
    ):  # maybe we may not read it, which excuses no failure
        there = "cannot be run on the real relation"
    if real is not None and real.outcome is outcome:
        outcome, there = (
            DbtTestOutcome.WARN,
            f"{there if outcome is DbtTestOutcome.ERROR else FAILS_THERE}, so it is no news",
        )
    return replace(result, outcome=outcome, message=f"{result.message}, and {there}")
