"""Keys of several columns that nobody has stated, and that no chance explains."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from synth.columns.roles import Treatment
from synth.domain import Column, ForeignKey, Formula, History, Kind, Model, Ownership, Relation, Role
from synth.graph.derived import with_derivations
from synth.twins.uniqueness import with_implied_keys

MODEL = Model(
    "model.school.seats",
    "seats",
    Relation("db", "marts", "seats"),
    "models/school.yml",
    "table",
    ownership=Ownership("model.school.pupils", "pupil"),
)


def key(name: str) -> Treatment:
    return Treatment(Column(name, "integer", Kind.INTEGER, not_null=False), Role.FOREIGN_KEY, "test")


KEYS = [key("pupil"), key("course")]


def pairs(pupils: int, courses: int, rows: int) -> pa.Table:
    """Rows of which no two have the same pupil and course."""
    places = np.random.default_rng(3).permutation(pupils * courses)[:rows]
    return pa.table({"pupil": places // courses, "course": places % courses, "day": places % 5})


def test_a_reference_to_reference_data_is_part_of_such_a_key() -> None:
    public = ForeignKey("course", "model.school.courses", "course", "test", public=True)
    course = replace(key("course"), role=Role.CATEGORY, parent=public)
    rows = pairs(200, 20, 800)
    assert with_implied_keys(MODEL, [key("pupil"), course], rows).unique == (("course", "pupil"),)
    other = replace(course, column=replace(course.column, name="day"), parent=replace(public, column="day"))
    both_public = pa.table({"course": rows["course"], "day": rows["pupil"]})
    assert with_implied_keys(MODEL, [course, other], both_public).unique == ()


def test_two_references_that_never_repeat_together_are_a_key_where_chance_would_repeat_them() -> None:
    rows = pairs(200, 20, 800)
    assert with_implied_keys(MODEL, KEYS, rows).unique == (("course", "pupil"),)  # the owner's stay with it
    assert with_implied_keys(MODEL, KEYS, pa.concat_tables([rows, rows.slice(0, 1)])).unique == ()
    assert with_implied_keys(MODEL, KEYS, pairs(200, 200, 300)).unique == ()  # few would by chance


def test_an_owner_has_one_row_for_each_period_where_chance_would_repeat_some() -> None:
    rows = pairs(200, 20, 800)
    days = pa.table({"pupil": rows["pupil"], "day": rows["course"].cast(pa.int32()).cast(pa.date32())})
    day = Treatment(Column("day", "date", Kind.DATE, not_null=False), Role.DATETIME, "type")
    assert with_implied_keys(MODEL, [KEYS[0], day], days).unique == (("day", "pupil"),)
    assert with_implied_keys(replace(MODEL, ownership=None), [KEYS[0], day], days).unique == ()
    history = History(key=("pupil",), start="day", end="until")
    assert with_implied_keys(replace(MODEL, history=history), [KEYS[0], day], days).unique == ()
    several = pa.concat_tables([days, days.slice(0, 1)])
    assert with_implied_keys(MODEL, [KEYS[0], day], several).unique == ()
    moments = days.set_column(1, "day", pa.array(range(800), pa.int32()).cast(pa.date32()))
    assert with_implied_keys(MODEL, [KEYS[0], day], moments).unique == ()  # nobody would repeat one


def test_what_sql_groups_by_is_a_key_unless_a_part_of_it_is_one() -> None:
    model_of_groups = replace(MODEL, derived_keys=(("pupil", "day"), ("pupil", "room")))
    rows = pa.table({"pupil": [1, 1, 2], "day": [1, 2, 1], "n": [4, 4, 4]})
    assert with_implied_keys(model_of_groups, [], rows).unique == (("day", "pupil"),)
    single = replace(model_of_groups, unique=(("day",),))
    assert with_implied_keys(single, [], rows) == single


def test_what_a_unique_digest_is_made_of_is_a_key() -> None:
    digest = Formula("seat_key", """md5(coalesce("pupil"::text, 'no "x"') || '-' || "course"::text)""")
    other = Formula("label", '"pupil" || "day"')
    model = replace(MODEL, unique=(("seat_key",),), formulas=(digest, other))
    assert with_derivations(model, {}).derived_keys == (("pupil", "course"),)
