"""What dbt's tests and constraints say about a model: keys, references, and conditions on its rows.

A test that is tolerant (a threshold) or only warns states nothing; neither does one whose macro is not known.
Constraints count where Postgres enforces them: on tables under an enforced contract.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from synth.domain import Fact, ForeignKey, PublicValues, Rule, Scope
from synth.facts.arguments import TestArguments, UnusableError, equation, sql
from synth.facts.contradictions import refuse_contradictions
from synth.facts.kinds import KINDS, PACKAGES
from synth.facts.of_queries import rows_that_break
from synth.facts.references import by_relation, resolve
from synth.facts.statements import Effect, Statement, ValueClaim, row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from synth.domain import RowCount
    from synth.facts.of_rows import Build
    from synth.project.manifest import DataTest, Json, Manifest, Node

ENFORCED_ON = frozenset({"table", "incremental"})
# What these macros set for themselves; any other expression makes some failures none.
COUNT_EXPRESSIONS = frozenset(
    {"count(*)", "sum(coalesce(diff_count, 0))", "sum(coalesce(row_count_delta, 0))", None}
)
STRICT = frozenset({"!= 0", "!=0", "> 0", ">0", None})


@dataclass(frozen=True, slots=True)
class Facts:
    """What must hold of a model and its twin; columns by their folded names.

    Attributes:
        all_facts: every test and constraint, with what comes of it.
    """

    unique: tuple[tuple[str, ...], ...] = ()
    not_null: frozenset[str] = frozenset()
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    rules: tuple[Rule, ...] = ()
    counts: tuple[RowCount, ...] = ()
    public: tuple[PublicValues, ...] = ()
    all_facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class FactSource:
    """A test or constraint and what it says, or the reason why it says nothing."""

    name: str
    kind: str
    statement: Statement | None
    reason: str = ""
    condition: str = ""


def facts(manifest: Manifest) -> Callable[[str], Facts]:
    """Return the function that reads a model's facts by `unique_id`; `ConfigError` for a contradiction."""
    tests: dict[str, list[DataTest]] = defaultdict(list)
    for test in manifest.tests:
        tests[test.attached_node].append(test)
    for test in manifest.singular:
        for parent in test.parents:
            tests[parent].append(test)
    return lambda name: _facts(manifest, manifest.nodes[name], tests[name])


def _facts(manifest: Manifest, node: Node, tests: Sequence[DataTest]) -> Facts:
    constraints = tuple(_constraints(node))
    declared_key = next((columns for kind, columns, _ in constraints if kind == "primary_key"), ())
    sources = [_constraint(manifest, node, *constraint) for constraint in constraints]
    if node.has_contract:
        sources.append(FactSource(f"contract of {node.name}", "data_type", Statement(Effect.SHAPE)))
    sources += [_test(manifest, node, test) for test in tests]
    sources = _whole_references(sources)
    refuse_contradictions(
        node, [(one.name, claim) for one, statement in _stated(sources) for claim in statement.claims]
    )
    unique = tuple(dict.fromkeys(statement.unique for _, statement in _stated(sources) if statement.unique))
    not_null = {statement.not_null for _, statement in _stated(sources) if statement.not_null} | set(
        declared_key
    )
    return Facts(
        unique=unique,
        not_null=frozenset(not_null),
        primary_key=declared_key or _inferred_key(node, unique, not_null),
        foreign_keys=_distinct(
            statement.reference for _, statement in _stated(sources) if statement.reference
        ),
        rules=tuple(_rule(one, statement) for one, statement in _stated(sources) if statement.holds),
        counts=tuple(statement.count for _, statement in _stated(sources) if statement.count),
        public=tuple(
            PublicValues(claim.column, tuple(sorted(claim.among or ())), claim.low, claim.high, one.name)
            for one, statement in _stated(sources)
            for claim in statement.claims
            if not claim.length and (claim.among or claim.low is not None or claim.high is not None)
        ),
        all_facts=tuple(map(_as_fact, sources)),
    )


def _stated(sources: Iterable[FactSource]) -> Iterator[tuple[FactSource, Statement]]:
    return ((one, one.statement) for one in sources if one.statement is not None)


def _test(manifest: Manifest, node: Node, test: DataTest) -> FactSource:
    """Return what a test says of a node, if anything."""
    arguments = TestArguments(test, manifest)
    try:
        _refuse_tolerant(test)
        build = _builder(test)
        if build is None:
            return FactSource(test.name, test.kind, rows_that_break(test.sql, node))
        return FactSource(test.name, test.kind, build(arguments), condition=arguments.condition)
    except UnusableError as error:
        return FactSource(test.name, test.kind, None, str(error))


def has_own_query(test: DataTest) -> bool:
    """Return whether nothing but its SQL says what a test states."""
    return _builder(test) is None


def _builder(test: DataTest) -> Build | None:
    """Return what reads a test of this kind; a macro of the same name elsewhere may mean anything."""
    packages = PACKAGES if test.namespace is None else (test.namespace,)  # some manifests name none
    return next((KINDS[package, test.kind] for package in packages if (package, test.kind) in KINDS), None)


def _refuse_tolerant(test: DataTest) -> None:
    """Refuse a test that lets failures pass: it states nothing of every row."""
    config = test.config
    if config.get("enabled") is False:
        raise UnusableError("it is disabled")
    if str(config.get("severity") or "error").lower() != "error":
        raise UnusableError("it only warns")
    if config.get("error_if") not in STRICT or config.get("fail_calc") not in COUNT_EXPRESSIONS:
        raise UnusableError("it has a threshold")


def _rule(source: FactSource, statement: Statement) -> Rule:
    """Return the rule with the test's condition: rows of which that is not true may break it."""
    where = source.condition
    if statement.scope is not Scope.ROW:
        return Rule(source.name, statement.holds, statement.scope, where, statement.by)
    holds = f"not ({where}\n) or ({statement.holds}\n)" if where else statement.holds
    return Rule(source.name, holds, sets=equation(statement.holds))


def _as_fact(source: FactSource) -> Fact:
    statement = source.statement
    if statement is None:
        return Fact(source.name, source.kind, f"not used: {source.reason}", is_used=False)
    return Fact(
        source.name, source.kind, str(statement.effect), unique=statement.unique, not_null=statement.not_null
    )


def _whole_references(sources: Sequence[FactSource]) -> list[FactSource]:
    """Return a column that references different parents in different rows cannot be made from one of them."""
    reference_counts = Counter(
        column
        for column, _ in {
            (s.reference.column, s.reference.parent) for _, s in _stated(sources) if s.reference
        }
    )

    def whole(one: FactSource) -> FactSource:
        key = one.statement.reference if one.statement and one.statement.partial else None
        if key is None or reference_counts[key.column] == 1:
            return one
        return FactSource(one.name, one.kind, None, f"other rows of {key.column} reference another model")

    return [whole(one) for one in sources]


def _inferred_key(node: Node, unique: Sequence[tuple[str, ...]], not_null: set[str]) -> tuple[str, ...]:
    """Return the first single column that is unique and never null, else a unique set of columns, else none.

    The manifest's own `primary_key` is no help: it lists every such column, as if they were one key.
    """
    order = {name: place for place, name in enumerate(node.columns)}
    single = [columns[0] for columns in unique if len(columns) == 1 and columns[0] in not_null]
    if single:
        return (min(single, key=lambda name: order.get(name, len(order))),)
    return next((columns for columns in unique if len(columns) > 1), ())


def _distinct(keys: Iterable[ForeignKey]) -> tuple[ForeignKey, ...]:
    """Return one key a column, parent and parent column, however often it is stated."""
    return tuple(
        {(key.column, key.parent, key.parent_column): key for key in reversed(tuple(keys))}.values()
    )[::-1]


def _constraints(node: Node) -> Iterable[tuple[str, tuple[str, ...], Json]]:
    """Yield type, columns and text of every constraint that Postgres enforces on `node`."""
    if not node.has_contract or node.materialization not in ENFORCED_ON:
        return
    for raw in node.constraints:
        columns = tuple(node.column(name) for name in raw.get("columns") or ())
        if columns or raw.get("type") == "check":
            yield str(raw.get("type")), columns, raw
    for column in node.columns.values():
        for raw in column.constraints:
            yield str(raw.get("type")), (column.name,), raw


def _constraint(manifest: Manifest, node: Node, kind: str, columns: tuple[str, ...], raw: Json) -> FactSource:
    """Return what a constraint says, if anything."""
    name = str(raw.get("name") or f"constraint {kind} on {'.'.join((node.name, *columns[:1]))}")
    try:
        statement = _constraint_statement(manifest, node, kind, columns, raw, name)
        return FactSource(name, kind, statement)
    except UnusableError as error:
        return FactSource(name, kind, None, str(error))


def _constraint_statement(
    manifest: Manifest, node: Node, kind: str, columns: tuple[str, ...], raw: Json, name: str
) -> Statement:
    match kind:
        case "primary_key" | "unique":
            return Statement(Effect.KEY, unique=columns)
        case "not_null" if len(columns) == 1:
            claim = ValueClaim(columns[0], null=False)
            return Statement(Effect.NOT_NULL, not_null=columns[0], claims=(claim,))
        case "foreign_key":
            return Statement(Effect.REFERENCE, reference=_constraint_key(manifest, node, columns, raw, name))
        case "check" if raw.get("expression"):
            return row(sql(raw["expression"]))
    raise UnusableError("Postgres itself holds the twin to it")


def _constraint_key(
    manifest: Manifest, node: Node, columns: tuple[str, ...], raw: Json, name: str
) -> ForeignKey:
    parent_columns: list[str] = raw.get("to_columns") or []
    to = str(raw.get("to") or "")
    parent = resolve(manifest, to, node.parents, node.unique_id) or by_relation(manifest, to)
    if len(parent_columns) != 1 or len(columns) != 1 or parent is None:
        raise UnusableError("it names no single column of a model of this project")
    return ForeignKey(columns[0], parent.unique_id, parent.column(parent_columns[0]), name)
