"""What twins by guarantee may decide of twins by checks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from synth.domain import Across, Way
from synth.facts.across import AcrossFacts
from synth.twins.agreeing import that_tell
from synth.twins.private import PrivateDraft

SITES, STAFF = "model.firm.sites", "model.firm.staff"


def test_numbers_of_which_noise_left_nothing_replace_none_that_were_learned() -> None:
    share = Across(STAFF, "share", Way.FORMULA, SITES, "", "site", "site", order=("hours",))
    size = Across(STAFF, "site_size", Way.COPY, SITES, "size", "site", "site")
    count = Across(SITES, "people", Way.COUNT, STAFF, "", "site", "site")
    private: Any = SimpleNamespace(engine=SimpleNamespace(unclear=("hours",)))
    case: Any = SimpleNamespace(treatments=())
    draft = PrivateDraft(case, private, None, (), "", {}, frozenset())  # type: ignore[arg-type] # not made
    twins: Any = {SITES: SimpleNamespace(again=draft)}
    assert that_tell(AcrossFacts((share, size, count)), twins).every == (size, count)
