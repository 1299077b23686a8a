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
class Places:
    """The schema of the twins, where they wait, and the real relation of each by its schema and name."""

    schema: str
    staging: str
    sources: Mapping[str, Relation]

    @classmethod
    def of(cls, models: Iterable[Model], settings: Settings) -> Self:
        """Those of the twins of all tagged models."""
        sources = {f"{settings.schema}.{model.relation.name}": model.relation for model in models}
        return cls(settings.schema, settings.staging_schema, sources)

    def inspect(self, warehouse: Warehouse, *, thorough: bool = False) -> Inspection:
        """What is in the schema of the twins, and what of it must not be."""
        return warehouse.inspect(self.schema, staging=self.staging, sources=self.sources, thorough=thorough)


def refuse_strangers(warehouse: Warehouse, places: Places, *, replaced: Collection[str] = ()) -> Inspection:
    """What is in the schema of the twins, if all of it may be there.

    Args:
        warehouse: where.
        places: of the twins.
        replaced: twins that may have been edited, because the user wants their rows replaced; `schema.name`.

    Raises:
        WarehouseError: something must not be there, or that cannot be found out; the message names all of it.
    """
    inspection = places.inspect(warehouse)
    edited = (one for one in inspection.misplacements if one.problem is Problem.CHANGED)
    known = {one for one in edited if one.relation in replaced}
    found = [one for one in inspection.misplacements if one not in known]
    if found:
        raise WarehouseError(f"Nothing was done. {_told(places.schema, found)}")
    return inspection


def afterwards(warehouse: Warehouse, places: Places) -> str:
    """What must not be where the twins are after publishing, or that nobody knows; empty if all is well."""
    try:
        found = places.inspect(warehouse).misplacements
    except SynthError as error:
        return f"What was published stays, but nobody knows what else there is in {places.schema}: {error}"
    return f"What was published stays, but: {_told(places.schema, found)}" if found else ""


def as_text(inspection: Inspection) -> Iterator[str]:
    """A line for each relation that must not be there, and one for the rest."""
    yield from (f"{one}" for one in inspection.misplacements)
    twins, views, wrong = len(inspection.twins), inspection.views, len(inspection.misplacements)
    kept = f"{_many(twins, 'twin')} as published" + (f", {_many(views, 'view')} of them" if views else "")
    yield f"Schema {inspection.schema}: {kept}, {_many(wrong, 'relation')} to put right."


def as_json(inspection: Inspection) -> str:
    """The same as one JSON object."""
    content = {
        "schema": inspection.schema,
        "ok": not inspection.misplacements,
        "twins": dict(inspection.twins),
        "views": inspection.views,
        "found": [asdict(one) for one in inspection.misplacements],
    }
    return json.dumps(content, ensure_ascii=False)


def _told(schema: str, found: Sequence[Misplacement]) -> str:
    """All that must not be in `schema`, in one line."""
    listed = [f"{one}" if len(found) == 1 else f"({place}) {one}" for place, one in enumerate(found, 1)]
    foreign = any(one.problem is Problem.FOREIGN for one in found)
    said = (
        "Somebody else could act with the rights of this run"
        if foreign
        else f"Analysts would take for synthetic what is not, in schema {schema}"
    )
    return f"{said}: {'; '.join(listed)}"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
