"""Rows are drawn given what is known of the owners of their owners, as far as it says anything of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from synth.domain import Across, Model, Relation, Way
from synth.sampling.families import Family
from synth.sampling.forebears import MOST, with_forebears, with_telling
from synth.sampling.owners import Owners, OwnersAgain
from synth.twins.across import with_count

STUDENTS, TERMS, GRADES = 300, 3, 4


def family(seed: int) -> tuple[Family, Owners]:
    """Terms of students, who have a talent and much else."""
    chance = np.random.default_rng(seed)
    students = pd.DataFrame({f"noise {n}": chance.random(STUDENTS) for n in range(12)})
    students["talent"] = chance.normal(11, 2, STUDENTS)
    students["school"] = np.where(students["talent"] > 11, "good", "other")
    owner = np.repeat(np.arange(STUDENTS), TERMS)
    halves = np.zeros(STUDENTS, bool)
    whole = Family("student", students, halves, owner, students, None, None, None, frozenset({"school"}))
    terms = pd.DataFrame({"level": chance.choice(["L1", "L2"], len(owner))})
    again = OwnersAgain(halves, terms.assign(**dict.fromkeys((f"student: {n}" for n in students), 0)), None)
    owners = Owners(terms, terms, {}, {}, halves[owner], None, frozenset({"level"}), lambda _: again)
    return whole, owners


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_grades_are_drawn_given_the_student_of_their_term(seed: int) -> None:
    whole, owners = family(seed)
    owners = with_forebears(owners, whole, np.zeros(len(whole.owner), np.int64))
    assert owners.real["student: talent"].tolist() == whole.owners["talent"].repeat(TERMS).tolist()
    assert len(set(owners.twin["student: talent"])) == 1  # of the student whom each row of the twin has
    assert "student: school" in owners.categories

    term = np.repeat(np.arange(len(whole.owner)), GRADES)
    chance = np.random.default_rng(seed)
    points = owners.real["student: talent"].to_numpy()[term] + chance.normal(0, 2, len(term))
    narrow = with_telling(owners, pd.DataFrame({"points": points}), term, STUDENTS)
    assert {"student: talent", "student: school"} <= {*narrow.above}
    assert len(narrow.above) <= MOST
    assert (
        list(narrow.real)
        == list(narrow.twin)
        == ["level", *sorted(narrow.above, key=list(owners.real).index)]
    )
    others = narrow.again(1) if narrow.again else None
    assert others is not None
    assert list(others.twins) == list(narrow.real)


def test_what_says_nothing_of_rows_is_left_out() -> None:
    whole, owners = family(0)
    owners = with_forebears(owners, whole, whole.owner)
    term = np.repeat(np.arange(len(whole.owner)), GRADES)
    noise = pd.DataFrame({"hour": np.random.default_rng(9).integers(0, 24, len(term))})
    assert with_telling(owners, noise, term, STUDENTS).above == ()
    alone = replace(owners, above=())
    assert with_telling(alone, noise, term, STUDENTS) is alone


def test_a_row_without_an_owner_knows_nothing_of_one() -> None:
    whole, owners = family(0)
    whole = replace(whole, owner=np.append(whole.owner[:-1], -1))
    real = with_forebears(owners, whole, whole.owner.clip(0)).real
    assert real["student: talent"].isna().tolist() == [False] * (len(real) - 1) + [True]


def test_rows_keep_to_no_date_of_their_owner_that_is_made_of_them() -> None:
    whole, _ = family(0)
    days = {name: pd.Timestamp("2024-01-01") for name in ("joined_on", "first_day")}
    students = whole.owners.assign(**days, n_terms=3)
    whole = replace(whole, owners=students, twins=students)
    terms = Model("model.a.terms", "terms", Relation("db", "marts", "terms"), "models/a.yml", "table")
    first = Across("model.a.students", "first_day", Way.LEAST, "model.a.terms", "day", "id", "student")
    count = replace(first, column="n_terms", way=Way.COUNT, source="")
    copy = replace(first, column="joined_on", way=Way.COPY)  # of one row, which is no row of theirs
    other = replace(first, column="talent", key="tutor")
    whole = with_count(whole, terms, [first, count, copy, other])
    assert whole.count == "n_terms"
    assert {*students} - {*whole.binding} == {"first_day", "n_terms"}


def test_owners_have_many_rows_where_those_who_have_any_have_several() -> None:
    whole, _ = family(0)
    assert whole.is_of_many_rows
    assert not replace(whole, owner=np.arange(STUDENTS)).is_of_many_rows
    assert replace(whole, owner=np.array([-1, 3, 3, 5, 5])).is_of_many_rows
