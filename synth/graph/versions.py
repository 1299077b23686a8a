"""The columns that dbt's snapshots add to those of their query."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synth.graph.origins import Aggregate, Expression, Origin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from synth.project.manifest import Node

SNAPSHOT_COLUMNS = ("dbt_scd_id", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to", "dbt_is_deleted")


def kept_by_dbt(node: Node, columns: Mapping[str, Origin]) -> dict[str, Origin]:
    """Return the origins of the columns by which the snapshot `node` keeps versions.

    Args:
        node: the snapshot.
        columns: the origins of the columns of its query.
    """
    names = node.config.get("snapshot_meta_column_names") or {}
    scd_id, updated_at, start, end, is_deleted = (
        node.column(names.get(name) or name) for name in SNAPSHOT_COLUMNS
    )
    key = node.config.get("unique_key") or ()
    keys = [node.column(str(one)) for one in (key if isinstance(key, list) else [key])]
    moment = node.column(str(node.config.get("updated_at") or ""))
    of_key = tuple(source for one in keys if one in columns for source in columns[one].sources)
    of_moment = columns[moment].sources if moment in columns else ()
    since = columns.get(moment) or Expression(())
    origins: dict[str, Origin] = {
        scd_id: Expression((*of_key, *of_moment)),
        updated_at: since,
        start: since,
        end: Aggregate(tuple(node.parents), of_key, of_moment, "lead", is_windowed=True),
        is_deleted: Expression(of_key),
    }
    return {name: origin for name, origin in origins.items() if name in columns}
