"""Whether analysts may trust everything in the schema of the twins: asked before and after each run."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Self

from synth.errors import SynthError, WarehouseError
from synth.warehouse.guard import Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from synth.domain import Model, Relation
    from synth.settings import Settings
    from synth.warehouse import Warehouse
    from synth.warehouse.guard import Inspection, Misplacement


@dataclass(frozen=True, slots=True)
class TwinPlaces:
    """The schema of the twins, where they wait, and the real relation of each by its schema and name."""

    schema: str
    staging: str
    sources: Mapping[str, Relation]

    @classmethod
    def of(cls, models: Iterable[Model], settings: Settings) -> Self:
        """Return those of the twins of all tagged models."""
        sources = {f"{settings.schema}.{model.relation.name}": model.relation for model in models}
        return cls(settings.schema, settings.staging_schema, sources)

    def inspect(self, warehouse: Warehouse, *, thorough: bool = False) -> Inspection:
        """Return what is in the schema of the twins, and what of it must not be."""
        return warehouse.inspect(self.schema, staging=self.staging, sources=self.sources, thorough=thorough)


def refuse_strangers(
    warehouse: Warehouse, places: TwinPlaces, *, replaced_twins: Collection[str] = ()
) -> Inspection:
    """Return what is in the schema of the twins, if all of it may be there.

    Args:
        warehouse: where.
        places: of the twins.
        replaced_twins: `schema.name` of twins that may be edited, since their rows are replaced.

    Raises:
        WarehouseError: something must not be there, or that cannot be found out; the message names all of it.
    """
    inspection = places.inspect(warehouse)
    edits = (one for one in inspection.misplacements if one.problem is Problem.CHANGED)
    expected_edits = {one for one in edits if one.relation in replaced_twins}
    misplacements = [one for one in inspection.misplacements if one not in expected_edits]
    if misplacements:
        raise WarehouseError(f"Nothing was done. {_warning_text(places.schema, misplacements)}")
    return inspection


def afterwards(warehouse: Warehouse, places: TwinPlaces) -> str:
    """Return a warning of misplaced relations after publishing, or of a failed look; empty if all is well."""
    try:
        misplacements = places.inspect(warehouse).misplacements
    except SynthError as error:
        return f"What was published stays, but nobody knows what else there is in {places.schema}: {error}"
    return (
        f"What was published stays, but: {_warning_text(places.schema, misplacements)}"
        if misplacements
        else ""
    )


def as_text(inspection: Inspection) -> Iterator[str]:
    """Yield a line for each relation that must not be there, and one for the rest."""
    yield from (f"{one}" for one in inspection.misplacements)
    twins, views, wrong = len(inspection.twins), inspection.views, len(inspection.misplacements)
    summary = f"{_many(twins, 'twin')} as published" + (f", {_many(views, 'view')} of them" if views else "")
    yield f"Schema {inspection.schema}: {summary}, {_many(wrong, 'relation')} to put right."


def as_json(inspection: Inspection) -> str:
    """Return the same as one JSON object."""
    content = {
        "schema": inspection.schema,
        "ok": not inspection.misplacements,
        "twins": dict(inspection.twins),
        "views": inspection.views,
        "found": [asdict(one) for one in inspection.misplacements],
    }
    return json.dumps(content, ensure_ascii=False)


def _warning_text(schema: str, misplacements: Sequence[Misplacement]) -> str:
    """Return all that must not be in `schema`, in one line."""
    items = [
        f"{one}" if len(misplacements) == 1 else f"({place}) {one}"
        for place, one in enumerate(misplacements, 1)
    ]
    foreign = any(one.problem is Problem.FOREIGN for one in misplacements)
    text = (
        "Somebody else could act with the rights of this run"
        if foreign
        else f"Analysts would take for synthetic what is not, in schema {schema}"
    )
    return f"{text}: {'; '.join(items)}"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
