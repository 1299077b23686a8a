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


class Outcome(StrEnum):
    """How a test ended on the twins."""

    PASS = "pass"  # noqa: S105 - an outcome, not a password
    WARN = "warn"
    FAIL = "fail"
    ERROR = "error"  # it could not be run, though it can be on the real relations
    SKIPPED = "skipped"

    @property
    def blocks(self) -> bool:
        """Whether a twin of which this is said must not be published."""
        return self in {Outcome.FAIL, Outcome.ERROR}


@dataclass(frozen=True, slots=True)
class Tested:
    """One test, how it ended, and why; `failures` are the rows of the twin that fail, as dbt counts them."""

    test: ProjectTest
    outcome: Outcome
    message: str = ""
    failures: int = 0
    seconds: float = 0.0


def published(places: Mapping[str, Relation], warehouse: Warehouse) -> dict[str, Relation]:
    """Those of `places` (by `unique_id`) where there is a twin."""
    schemas = {place.schema for place in places.values()}
    there = {(schema, name) for schema in schemas for name in warehouse.twins(schema)}
    return {name: place for name, place in places.items() if (place.schema, place.name) in there}


def choose(
    models: Iterable[Model], twins: Mapping[str, Relation]
) -> tuple[tuple[ProjectTest, ...], tuple[Tested, ...]]:
    """The tests of these models that can be run on `twins`, and those that cannot, with the reason."""
    able: dict[str, ProjectTest] = {}
    unable: dict[str, Tested] = {}
    for model in models:
        for test in model.tests:
            reason = _hindrance(test, model, twins)
            if reason:
                unable[test.unique_id] = Tested(test, Outcome.SKIPPED, reason)
            else:
                able[test.unique_id] = test
    runnable = (test for name, test in able.items() if name not in unable)
    return tuple(runnable), tuple(unable.values())


def _hindrance(test: ProjectTest, model: Model, twins: Mapping[str, Relation]) -> str:
    """Why a test of `model` cannot be run on twins; empty if it can."""
    missing = [parent for parent in test.parents if parent not in twins]
    if missing:
        return f"it reads {', '.join(missing)}, which {'has' if len(missing) == 1 else 'have'} no twin"
    if test.attached == model.unique_id and test.column and model.roles.get(test.column) is Role.DROP:
        return f"the twin has no column {test.column}, because its role is drop"
    if test.stores_failures:
        return "it stores its failures, and those of the twin would replace those of the real relation"
    return ""


def judge(
    tests: Sequence[ProjectTest], twins: Mapping[str, Relation], settings: Settings
) -> tuple[Tested, ...]:
    """Run the tests on the twins; a failure only counts where the real relations pass.

    Raises:
        ConfigError: dbt could not be run.
    """
    if not tests:
        return ()
    tested = _run(tests, twins, settings)
    doubtful = [item.test for item in tested if item.outcome.blocks]
    if not doubtful:
        return tested
    real = {item.test.unique_id: item for item in _run(doubtful, None, settings)}
    return tuple(_compared(item, real.get(item.test.unique_id)) for item in tested)


def _run(
    tests: Sequence[ProjectTest], twins: Mapping[str, Relation] | None, settings: Settings
) -> tuple[Tested, ...]:
    selection = [f"fqn:{'.'.join(test.fqn)}" for test in tests]
    found = {item["unique_id"]: item for item in dbt.results(settings, "test", selection, twins)}
    return tuple(_tested(test, found.get(test.unique_id)) for test in tests)


def _tested(test: ProjectTest, found: Mapping[str, object] | None) -> Tested:
    """What dbt says of one test. Not in its own words: those of the database may quote a value."""
    if found is None:
        return Tested(test, Outcome.SKIPPED, "dbt does not find it in the project; next: dbt parse")
    known = {"pass": Outcome.PASS, "warn": Outcome.WARN, "fail": Outcome.FAIL, "skipped": Outcome.SKIPPED}
    outcome = known.get(str(found["status"]), Outcome.ERROR)
    failures = int(str(found.get("failures") or 0))
    said = {
        Outcome.WARN: f"{rows(failures)} of the twin, and its severity is warn",
        Outcome.FAIL: f"{rows(failures)} of the twin",
        Outcome.ERROR: "dbt could not run it on the twin",
        Outcome.SKIPPED: "dbt skipped it",
    }
    seconds = float(str(found.get("execution_time") or 0))
    return Tested(test, outcome, said.get(outcome, ""), failures, seconds)


def rows(failures: int) -> str:
    """How many rows fail, in words."""
    return f"it fails for {failures:,} row{'' if failures == 1 else 's'}"


def _compared(tested: Tested, real: Tested | None) -> Tested:
    """What a failure on the twin means, when the outcome on the real relation is known."""
    if not tested.outcome.blocks:
        return tested
    if tested.test.fresh and tested.outcome is Outcome.FAIL:
        message = f"{tested.message}; it asks how new the newest row is, which is no matter of a twin"
        return replace(tested, outcome=Outcome.WARN, message=message)
    outcome, there = tested.outcome, "passes on the real relation"
    if real is None or real.outcome is Outcome.ERROR:  # maybe we may not read it, which excuses no failure
        there = "cannot be run on the real relation"
    if real is not None and real.outcome is outcome:
        outcome, there = (
            Outcome.WARN,
            f"{there if outcome is Outcome.ERROR else FAILS_THERE}, so it is no news",
        )
    return replace(tested, outcome=outcome, message=f"{tested.message}, and {there}")
