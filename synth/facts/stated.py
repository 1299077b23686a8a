"""References that tests of any severity state between any two models: evidence, if no fact on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from synth.facts.arguments import TestArguments, UnusableError
from synth.facts.of_keys import relationship

if TYPE_CHECKING:
    from synth.project.manifest import Manifest

KINDS = frozenset({"relationships", "relationships_where"})


class Reference(NamedTuple):
    """A column of one model that holds values of another's, in some rows at least, says a test."""

    child: str  # unique_id
    column: str
    parent: str  # unique_id
    parent_column: str
    test: str


def stated_references(manifest: Manifest) -> tuple[Reference, ...]:
    """Return every reference that an enabled test states: one that only warns or is about some rows, too."""
    references = []
    for test in manifest.tests:
        if test.kind not in KINDS or test.config.get("enabled") is False:
            continue
        try:
            key = relationship(TestArguments(test, manifest)).reference
        except UnusableError:
            continue
        if key is not None:
            references.append(
                Reference(test.attached_node, key.column, key.parent, key.parent_column, test.name)
            )
    return tuple(references)
