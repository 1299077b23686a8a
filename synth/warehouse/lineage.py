"""What views read, at whatever distance, as the catalog knows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, LiteralString

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from synth.warehouse.session import Connection

# A view depends on what it reads through its rewrite rule. Postgres' own catalogs hold no model's rows.
READS: LiteralString = """
with recursive

edges as (
    select distinct pg_rewrite.ev_class as view, pg_depend.refobjid as source
    from pg_rewrite
    join pg_depend on
        pg_depend.classid = 'pg_rewrite'::regclass
        and pg_depend.objid = pg_rewrite.oid
        and pg_depend.refclassid = 'pg_class'::regclass
        and pg_depend.refobjid <> pg_rewrite.ev_class
    where pg_rewrite.ev_type = '1'
),

reached as (
    select edges.view, edges.source from edges where edges.view = any(%s::oid[])
    union
    select edges.view, edges.source from reached join edges on edges.view = reached.source
)

select
    reached.view::bigint,
    reached.source::bigint,
    pg_catalog.format('%%I.%%I', pg_namespace.nspname, pg_class.relname),
    pg_class.relkind in ('v', 'm')
from reached
join pg_class on pg_class.oid = reached.source
join pg_namespace on pg_namespace.oid = pg_class.relnamespace
where pg_namespace.nspname not in ('pg_catalog', 'information_schema')
order by 3
"""


@dataclass(frozen=True, slots=True)
class ViewReads:
    """What each of some views, and each view among its sources, reads directly, by the catalog's numbers.

    Attributes:
        names: of the sources, quoted where SQL needs it; `sources` has the numbers of each view's own.
    """

    names: Mapping[int, str]
    sources: Mapping[int, Sequence[int]]
    views: Collection[int] = ()

    @classmethod
    def of(cls, session: Connection, views: Sequence[int]) -> ViewReads:
        """Return what these views read, followed through other views."""
        names: dict[int, str] = {}
        sources: dict[int, list[int]] = {}
        between: set[int] = set()
        for view, source, name, is_view in session.execute(READS, (list(views),)).fetchall():
            names[int(str(source))] = str(name)
            sources.setdefault(int(str(view)), []).append(int(str(source)))
            if is_view:
                between.add(int(str(source)))
        return cls(names, sources, frozenset(between))

    def leading_out(self, view: int, harmless: Collection[int]) -> list[str]:
        """Return the tables that the view reads and must not: `marts.people through marts.adults`."""
        paths: list[str] = []
        visited_views = {view}
        queue: list[tuple[int, tuple[str, ...]]] = [(view, ())]
        while queue:
            one, way = queue.pop(0)
            for source in self.sources.get(one, ()):
                if source in visited_views or source in harmless:
                    continue
                visited_views.add(source)
                name = self.names[source]
                if source in self.views:
                    queue.append((source, (*way, name)))
                else:
                    paths.append(f"{name} through {', '.join(way)}" if way else name)
        return paths
