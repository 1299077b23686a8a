"""What a run says of whom rows are about."""

from __future__ import annotations

from dataclasses import replace

from synth.domain import Model, Relation
from synth.domain.ownership import Ownership
from synth.graph.telling import decisions

MODEL = Model("model.firm.payroll", "payroll", Relation("w", "dev", "payroll"), "m.yml", "table")


def test_a_run_says_whom_rows_are_about_and_why_if_that_was_declared() -> None:
    ownership = Ownership(MODEL.unique_id, "employee_id", evidence="declared", is_declared=True)
    assert decisions(replace(MODEL, ownership=ownership)) == (
        "payroll: rows are about employee_id (declared)",
    )


def test_a_run_says_which_line_changes_what_it_decided_on_its_own() -> None:
    ownership = Ownership(MODEL.unique_id, "salary", evidence="values repeat", advice="entity: none")
    assert decisions(replace(MODEL, ownership=ownership)) == (
        "payroll: rows are about salary (values repeat); to change it: `entity: none`",
    )


def test_a_run_says_nothing_of_rows_that_stand_for_themselves() -> None:
    for is_declared in (False, True):
        alone = Ownership(MODEL.unique_id, evidence="declared", is_declared=is_declared)
        assert decisions(replace(MODEL, ownership=alone)) == ()
