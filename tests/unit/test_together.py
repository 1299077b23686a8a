"""A good twin of a cluster is held back where the twin of before of another holds its keys."""

from __future__ import annotations

from dataclasses import replace

import pytest

from synth.domain import ForeignKey, Model, Relation
from synth.twins.together import held_back

MEMBERS = Model(
    "model.club.members", "members", Relation("w", "analytics", "members"), "models/m.yml", "table"
)
CLUBS = replace(MEMBERS, unique_id="model.club.clubs", name="clubs")
SPEAKER = ForeignKey("speaker_id", MEMBERS.unique_id, "member_id", "relationships_clubs_speaker_id")


@pytest.mark.parametrize(
    "clubs", [replace(CLUBS, foreign_keys=(SPEAKER,)), replace(CLUBS, late_keys=(SPEAKER,))]
)
def test_a_twin_waits_for_one_whose_twin_of_before_holds_its_keys(clubs: Model) -> None:
    cluster, failed_ids = (MEMBERS, clubs), [clubs.unique_id]
    reasons = held_back(cluster, {MEMBERS.unique_id: frozenset()}, failed_ids, before=failed_ids)
    assert reasons == {
        MEMBERS.unique_id: (
            "it belongs together with clubs, which failed and whose twin of before holds its keys"
        )
    }
    assert not held_back(cluster, {MEMBERS.unique_id: frozenset()}, failed_ids, before=())
