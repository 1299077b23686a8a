"""The mechanisms of the engine, each with what stands in its place when it is switched off."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from synth.engine import (
    calendar,
    cells,
    chain,
    computations,
    conditional,
    donors,
    goals,
    growing,
    identities,
    numbers,
    rake,
    regressions,
    rules,
    synthesizer,
    table,
)

Replacement: TypeAlias = tuple[Any, str, Any]  # a module or class, a name in it, and what it becomes

NEVER = 10**9
Number, Computed, Arithmetic = numbers.NumberColumn, computations.ComputedColumn, computations.Computations


def nothing(*_: Any, **__: Any) -> None:
    """Do nothing."""


def no_mapping(*_: Any, **__: Any) -> dict[int, Any]:
    """Find nothing."""
    return {}


def no_list(*_: Any, **__: Any) -> list[Any]:
    """Find nothing."""
    return []


def as_ordered(_: Any, draw_order: Any, *__: Any, **___: Any) -> list[int]:
    """Leave the order as it is."""
    return list(draw_order)


def _undecided(other: Any, *_: Any) -> Any:
    return np.full(other.size + 1, rules.FREE, dtype=np.int64), 0


MECHANISMS: dict[str, tuple[Replacement, ...]] = {
    "regressions": (
        (regressions.Regressions, "find", no_mapping),
        (regressions.Regressions, "arrange", as_ordered),
    ),
    "labels before sums": ((regressions.Regressions, "arrange", as_ordered),),
    "sums stay ordered": ((regressions.Regressions, "_stay_ordered", lambda *_: True),),
    "differences": (
        (table, "find_differences", no_mapping),
        (table, "bases_first", as_ordered),
        (table, "missing_at_times", no_list),
    ),
    "bases first": ((table, "bases_first", as_ordered),),
    "fewer NULLs first": ((table, "missing_at_times", no_list),),
    "repeats": ((table, "find_repeats", no_mapping),),
    "moments": ((table, "find_moments", no_mapping),),
    "calendar": ((table, "find_calendar", lambda *_: ({}, {})),),
    "calendar by goal": (
        (calendar.DatePart, "feature", lambda part, *_: np.append(part.order[part.values], np.float32(-1))),
    ),
    "identities": ((synthesizer, "find_identities", lambda *_, **__: ()),),
    "strain": ((identities, "strain", lambda *_: 0.0),),
    "leading parts": ((Computed, "unsure", property(lambda _: False)),),
    "labels kept by smoothing": (
        (Arithmetic, "smooth", lambda _, place, column, codes, rng: column.native(codes[place], rng)),
    ),
    "rows beyond drawn anew": ((table, "TRIES", 0),),
    "ties": ((chain, "find_ties", no_list),),
    "ties in part": ((rules, "decided_in_part", _undecided),),
    "strata": ((rules, "strata", nothing),),
    "NULL ties": ((rules, "null_ties", no_list),),
    "orders": ((table, "find_orders", no_list),),
    "raking": ((rake, "MIN_ROWS", NEVER),),
    "raking margins": ((rake.Raking, "_fit_margins", nothing),),
    "raking blocks": ((rake, "PRIOR_ROWS", {32: 100.0}),),
    "raking sweeps": ((rake, "SWEEPS", ((1.0, 4),)),),
    "raking cap": ((rake, "CAPS", (3.0,)),),
    "two chains": ((table, "CHAINS", 1), (synthesizer, "CHAINS", 1)),
    "two trees": ((conditional, "TREES", 1),),
    "small sure leaves": ((conditional, "SMALLEST", NEVER),),
    "patience": ((growing, "PATIENCE", 0),),
    "cost of small trees": ((growing, "FEW_ENTITIES", 0),),
    "label axes": ((goals, "MANY", NEVER),),
    "label groups": ((goals, "MOST_GROUPS", NEVER),),
    "blur": ((conditional, "MANY_NUMBERS", NEVER),),
    "blur between exact": (
        (donors, "between_exact", lambda low, *_: (np.full(len(low), -1), np.full(len(low), 2**62))),
    ),
    "blur draws again": ((donors.Stretches, "draw", lambda one, place, _, rng: one._draw(place, rng)),),  # noqa: SLF001
    "gaps of cells": ((cells, "wide_gaps", lambda _: np.zeros(0, np.int64)),),
    "wide cells": ((cells, "_widen", lambda one, *_: one),),
    "habitual decimals": ((numbers, "habitual", lambda decimals, *_: decimals),),
    "zeros at the end": ((numbers, "zeros_of", lambda whole: np.zeros(len(whole), np.int64)),),
    "lattice": ((numbers, "lattice_of", lambda *_: (1, 0)),),
    "busy days": ((Number, "_prefer_busy_days", nothing),),
    "weekdays": ((table.Table, "_keep_weekdays", nothing),),
    "mirror": ((Number, "_mirror", lambda _, native, *__: native),),
    "snap": ((Number, "snap", lambda _, native, *__: native),),
}
