"""One moment of the warehouse, read by as many sessions as there are models."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, LiteralString

from synth.errors import WarehouseError
from synth.warehouse import across, after, among, content, copying, excerpts, extract, rules, standings
from synth.warehouse.session import at_snapshot, identifier, translate_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    import pyarrow as pa

    from synth.domain import Across, Column, Relation, Rule
    from synth.warehouse.across import FactTable
    from synth.warehouse.parts import PartOfTwin
    from synth.warehouse.rules import RuleOutcome
    from synth.warehouse.session import Connection

# The catalog's rows are as old as the snapshot; a name and the file behind it are resolved as of now.
REBUILT: LiteralString = """
select
    pg_class.relfilenode is distinct from
    coalesce(pg_catalog.pg_relation_filenode(pg_catalog.to_regclass(%(path)s)), 0)
    or pg_class.oid is distinct from pg_catalog.to_regclass(%(path)s)
from pg_class
join pg_namespace on pg_namespace.oid = pg_class.relnamespace
where pg_namespace.nspname = %(schema)s and pg_class.relname = %(name)s
"""


class Snapshot:
    """One moment of the warehouse, readable from several sessions at once."""

    def __init__(self, open_connection: Callable[[], AbstractContextManager[Connection]], name: str) -> None:
        self._open_connection = open_connection
        self._name = name

    def count(self, relation: Relation) -> int:
        """Return how many rows the relation has."""
        with self._reading(relation) as session:
            return extract.count(session, relation, self._name)

    def content(self, relation: Relation) -> str:
        """Return a name for the rows of the relation; see `synth.warehouse.content.content`."""
        with self._reading(relation) as session, at_snapshot(session, self._name):
            return content.content(session, relation)

    def extract(
        self, relation: Relation, columns: Sequence[Column], *, share: float = 1.0, unit: str | None = None
    ) -> pa.Table:
        """Return the rows of the relation as Arrow; see `synth.warehouse.extract.extract`."""
        with self._reading(relation) as session:
            return extract.extract(session, relation, columns, snapshot=self._name, share=share, unit=unit)

    def count_violations(self, relation: Relation, stated_rules: Sequence[Rule]) -> tuple[RuleOutcome, ...]:
        """Return how many rows of the relation break each rule."""
        judging = translate_errors(f"judge {relation}")
        with self._reading(relation) as session, judging, rules.judging(session, self._name):
            return rules.count_broken(session, relation, stated_rules)

    def holding(self, facts: Sequence[Across], tables: Mapping[str, FactTable]) -> list[Across]:
        """Return those of the facts that all rows keep; see `synth.warehouse.across.holding`."""
        with self._comparing(tables) as session:
            return across.holding(session, facts, tables)

    def labels(self, table: FactTable, column: str, *, fewest: int, most: int) -> list[str]:
        """Return the values of a column that at least `fewest` rows hold each; `most` of them."""
        with self._comparing({"": table}) as session:
            return among.labels(session, table.relation, column, fewest=fewest, most=most)

    def repeats(self, table: FactTable, names: Sequence[str]) -> bool:
        """Return whether two rows are alike in these columns."""
        with self._comparing({"": table}) as session:
            return standings.repeats(session, table, names)

    def is_of_row(self, fact: Across, table: FactTable, others: Sequence[str]) -> bool:
        """Return whether a rank is a matter of its row alone; see `synth.warehouse.standings`."""
        with self._comparing({"": table}) as session:
            return standings.is_of_row(session, table, fact.column, fact.source, others)

    def counting(self, table: FactTable, own: str, names: Sequence[str]) -> list[str]:
        """Return those of the columns that count the rows of each key; see `synth.warehouse.standings`."""
        with self._comparing({"": table}) as session:
            return standings.counting(session, table, own, names)

    def count_different(self, fact: Across, tables: Mapping[str, FactTable]) -> int:
        """Return how many different values the column of a fact has in the rows that it is about."""
        with self._comparing({fact.model: tables[fact.model]}) as session:
            return among.count_different(session, fact, tables)

    def telling(self, fact: Across, tables: Mapping[str, FactTable]) -> int:
        """Return in how many rows the column of a fact is not what it is in most."""
        with self._comparing({fact.model: tables[fact.model]}) as session:
            return across.telling(session, fact, tables)

    def chance_of_order(self, fact: Across, tables: Mapping[str, FactTable]) -> float:
        """Return the logarithm of how likely no time would be before another; see `synth.warehouse.after`."""
        with self._comparing({name: tables[name] for name in (fact.model, fact.other)}) as session:
            return after.chance_of_order(session, fact, tables)

    def is_excerpt(self, part: Relation, whole: PartOfTwin) -> bool:
        """Return whether a relation is what it should be of others; see `synth.warehouse.excerpts`."""
        with self._open_connection() as session:
            for relation in (part, *whole.every):
                copying.refuse_foreign_query(session, relation)
            with translate_errors(f"compare {part} with others"), at_snapshot(session, self._name):
                return excerpts.is_excerpt(session, part, whole)

    def extract_part(self, part: PartOfTwin, columns: Sequence[Column]) -> pa.Table:
        """Return a part of a twin as Arrow, with these columns."""
        reading = translate_errors(f"read {part.relations[0]}")
        with self._reading(*part.every) as session, reading, at_snapshot(session, self._name):
            return extract.read_part(session, part, columns)

    @contextmanager
    def _comparing(self, tables: Mapping[str, FactTable]) -> Iterator[Connection]:
        """Open a session that sees the moment of the snapshot and runs nobody else's code."""
        with self._open_connection() as session:
            for table in tables.values():
                copying.refuse_foreign_query(session, table.relation)
            with translate_errors("compare tables"), at_snapshot(session, self._name):
                yield session

    @contextmanager
    def _reading(self, *relations: Relation) -> Iterator[Connection]:
        """Open a session that reads these and runs nobody else's code; see `_refuse_rebuilt`."""
        with self._open_connection() as session:
            for relation in relations:
                copying.refuse_foreign_query(session, relation)
            yield session
            for relation in relations:
                self._refuse_rebuilt(session, relation)

    def _refuse_rebuilt(self, session: Connection, relation: Relation) -> None:
        """Refuse rows of a table that was replaced or truncated after the snapshot: to it, they do not exist.

        Without this, a run beside a `dbt run` would find such a table empty, and publish that.
        """
        path = identifier(relation).as_string(session)
        with translate_errors(f"look up {relation}"), at_snapshot(session, self._name):
            where = {"schema": relation.schema, "name": relation.name, "path": path}
            row = session.execute(REBUILT, where).fetchone()
        if row is None or row[0] is not False:
            raise WarehouseError(f"{relation} was rebuilt while the run read it. Next: run again.")
