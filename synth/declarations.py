"""Which models ask for a twin, and how: `meta.synthesize` and `meta.synth`, completed with dbt's facts."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from pydantic import Field

from synth.backends import known_backends
from synth.column_options import public_values, roles, sensitive
from synth.domain import (
    OPTIONS,
    BackendOptions,
    History,
    Model,
    Ownership,
    ProjectTest,
    Refusal,
    Relation,
    entity_words,
)
from synth.errors import ConfigError, ManifestError, SynthError
from synth.facts import Facts, facts
from synth.facts.of_queries import asks_how_fresh, meets_others
from synth.project.digests import source_digests
from synth.project.labels import labels_of
from synth.project.manifest import relation_of
from synth.validation import NameField, SharesField, Strict, keys_of, layer_of, validate, with_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from synth.project.manifest import Manifest, Node
    from synth.project.profiles import Connection

TWIN_RESOURCE_TYPES = frozenset({"model", "snapshot", "seed"})
TAG = "synthesize"
SECTION = "synth"


class ModelOptions(Strict):
    """What `meta.synth` of a model has beside the options that other places may decide, too."""

    entity: NameField | None = Field(
        None, description="Column that says whom a row is about; `none`: each row is on its own."
    )
    reference: bool | None = Field(None, description="About nobody, so that it is copied as it is.")
    seed_columns: list[NameField] = Field(
        default_factory=list,
        description="Columns kept as they are in the source; the rest is drawn to go with them.",
    )
    balance: dict[NameField, SharesField] = Field(
        default_factory=dict,
        description="Shares of a column's values, or `uniform`; in place of `seed_columns`.",
    )
    target: NameField | None = Field(None, description="Column that models are to predict.")
    keep_remote: bool = Field(
        default=False, description="Leave rows and jobs with the remote service when it is done."
    )


MODEL_SCHEMA = with_options(ModelOptions, OPTIONS)


@dataclass(frozen=True, slots=True)
class Declarations:
    """Every model that asks for a twin, each that cannot have one, and what their user should hear."""

    models: tuple[Model, ...]
    warnings: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()

    @property
    def everything(self) -> tuple[Model, ...]:
        """Every model that asks for a twin, also where little more than its name is known."""
        return (*self.models, *(refusal.model for refusal in self.refusals))


def read_models(manifest: Manifest, connection: Connection) -> Declarations:
    """Return every tagged model of the manifest with its options, roles and facts, ordered by `unique_id`.

    A model that cannot have a twin, or whose `meta` is wrong, is a refusal among others.

    Raises:
        ManifestError: the manifest was written for another target.
    """
    nodes = tagged_nodes(manifest)
    _refuse_other_target(nodes, manifest, connection)
    tests, digests, read = _tests(manifest), source_digests(manifest, nodes), facts(manifest)
    models, refusals, vocabulary = [], [], _vocabulary(manifest)
    for node in nodes:
        try:
            _check(node, manifest, connection)
            model = _model(node, read(node.unique_id))
        except SynthError as error:
            refusals.append(Refusal(_nameable(node, connection), str(error)))
            continue
        models.append(
            replace(
                model,
                tests=tuple(tests[node.unique_id]),
                vocabulary=vocabulary,
                file_digests=digests.get(node.unique_id, {}),
            )
        )
    return Declarations(tuple(models), tuple(_untagged_warnings(manifest)), tuple(refusals))


def _vocabulary(manifest: Manifest) -> frozenset[str]:
    """Return the words that name things in the project."""
    nodes = manifest.nodes.values()
    return entity_words((node.name for node in nodes), (name for node in nodes for name in node.columns))


def tagged_nodes(manifest: Manifest) -> tuple[Node, ...]:
    """Return the models, snapshots and seeds that ask for a twin, or seem to, ordered by `unique_id`."""
    disabled_nodes = [node for node in manifest.disabled_nodes if node.unique_id not in manifest.nodes]
    tagged = (
        node
        for node in (*manifest.nodes.values(), *disabled_nodes)
        if node.resource_type in TWIN_RESOURCE_TYPES and _asks(node) is not False
    )
    return tuple(sorted({node.unique_id: node for node in tagged}.values(), key=lambda node: node.unique_id))


def _asks(node: Node) -> bool | None:
    """Return whether a node asks for a twin; None where what it says is neither yes nor no."""
    value = node.meta.get(TAG)
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value.strip().lower(), value)
    if value is None or isinstance(value, bool):
        return value is True
    return None


def _place(node: Node) -> str:
    return f"{node.declared_in} ({node.unique_id})"


def _refusal_error(node: Node, reason: str, remedy: str) -> ManifestError:
    return ManifestError(
        f"{_place(node)} asks for a twin, but {reason}; {remedy}, or set `meta: {{{TAG}: false}}` on it."
    )


def _nameable(node: Node, connection: Connection) -> Model:
    """Return as much of a refused model as results and messages name."""
    relation = Relation(
        node.database or connection.database, node.schema or connection.schema, node.alias or node.name
    )
    return Model(node.unique_id, node.name, relation, node.declared_in, node.materialization)


def _check(node: Node, manifest: Manifest, connection: Connection) -> None:
    """Refuse a node that can have no twin, whatever else is said of it."""
    if _asks(node) is None:
        raise ConfigError(f"{_place(node)}: `meta.{TAG}` must be true or false, not {node.meta[TAG]!r}.")
    if node.unique_id not in manifest.nodes:
        raise _refusal_error(node, "it is disabled", "enable it")
    if node.materialization == "ephemeral":
        raise _refusal_error(node, "an ephemeral model is no relation", "materialize it as a table or a view")
    if node.language == "python":
        raise _refusal_error(node, "a Python model does not run on Postgres", "write it in SQL")
    if not node.relation_name:
        raise _refusal_error(node, "the manifest names no relation for it", "run `dbt parse`")
    elsewhere = _elsewhere(node, manifest, connection)
    if elsewhere:
        raise _refusal_error(node, f"it {elsewhere}", "run dbt with the target that synth runs with")


def _refuse_other_target(nodes: Iterable[Node], manifest: Manifest, connection: Connection) -> None:
    """Refuse a manifest none of whose models is where this target puts it."""
    places = {node.unique_id: _elsewhere(node, manifest, connection) for node in nodes if node.relation_name}
    if not places or not all(places.values()):
        return
    name, elsewhere = next(iter(places.items()))
    others = ", ".join(name for name in connection.targets if name != connection.target)
    raise ManifestError(
        f"{manifest.path} was written for another target: {name} {elsewhere}. Run `dbt run --target "
        f"{connection.target}`, or synth with the --target that dbt ran with"
        f"{f' (others: {others})' if others else ''}."
    )


def _elsewhere(node: Node, manifest: Manifest, connection: Connection) -> str:
    """Return where a node is and where the target would have it; empty if that is the same."""
    try:
        relation = relation_of(node)
    except ManifestError:
        return ""  # another fault, and said as such
    if relation.database != connection.database:
        place, connected_database = f"database '{relation.database}'", connection.database
    elif (schema := _expected_schema(node, manifest, connection)) not in {None, relation.schema}:
        place, connected_database = f"schema '{relation.schema}'", str(schema)
    else:
        return ""
    return f"is in {place}, target '{connection.target}' means '{connected_database}'"


def _expected_schema(node: Node, manifest: Manifest, connection: Connection) -> str | None:
    """Return the schema of dbt's own `generate_schema_name`; None when the project names schemas itself."""
    if manifest.schema_macros & {"*", manifest.project, node.package}:
        return None
    if node.config.get("target_schema"):  # the older way to place a snapshot, used as it stands
        return str(node.config["target_schema"])
    custom = node.config.get("schema")
    return connection.schema if custom is None else f"{connection.schema}_{str(custom).strip()}"


def _model(node: Node, facts: Facts) -> Model:
    options, sections = model_options(node.meta.get(SECTION), _place(node))
    layer = layer_of(options, OPTIONS)
    if options.seed_columns and options.balance:
        raise ConfigError(
            f"{_place(node)}: `meta.{SECTION}` has both `seed_columns` and `balance`, which decide the same "
            "rows; keep one."
        )
    return Model(
        unique_id=node.unique_id,
        name=node.name,
        relation=relation_of(node),
        path=node.declared_in,
        materialized=node.materialization,
        options=layer,
        entity=None if _alone(node, options.entity) else node.column(str(options.entity)),
        ownership=_own(node) if options.entity and _alone(node, options.entity) else None,
        declared_reference=options.reference,
        primary_key=facts.primary_key,
        unique=facts.unique,
        not_null=facts.not_null,
        foreign_keys=facts.foreign_keys,
        facts=facts.all_facts,
        rules=facts.rules,
        counts=facts.counts,
        public=(*public_values(node, _place(node)), *facts.public),
        history=_history(node),
        roles=roles(node, _place(node)),
        labels={name: labels for name, column in node.columns.items() if (labels := labels_of(node, column))},
        descriptions={name: column.description for name, column in node.columns.items()},
        seed_columns=tuple(dict.fromkeys(node.column(name) for name in options.seed_columns)),
        balance={node.column(name): shares for name, shares in options.balance.items()},
        sensitive=sensitive(node, _place(node)),
        target_column=node.column(options.target) if options.target else None,
        backend_options=BackendOptions(
            epsilon=layer.get("epsilon"),
            delta=layer.get("delta"),
            keep_remote=options.keep_remote,
            sections=sections,
        ),
    )


def _alone(node: Node, entity: str | None) -> bool:
    """Return whether each row is its own entity, as `entity: none` says unless a column is called so."""
    return not entity or (entity.lower() == "none" and "none" not in node.columns)


def _own(node: Node) -> Ownership:
    return Ownership(node.unique_id, evidence="declared", is_declared=True)


def model_options(
    written_options: object, where: str
) -> tuple[ModelOptions, Mapping[str, Mapping[str, object]]]:
    """Return the options of a model, and apart from them those that belong to a backend, by its name.

    Raises:
        ConfigError: an option is unknown or wrong; names `where` and the key.
    """
    key = f"meta.{SECTION}"
    if not isinstance(written_options, dict):
        values = {} if written_options is None else written_options
        return validate(MODEL_SCHEMA, values, where=where, key=key), {}
    names = known_backends().keys() - keys_of(MODEL_SCHEMA)
    sections = {name: value for name, value in written_options.items() if name in names}
    for name, value in sections.items():
        if not isinstance(value, dict):
            raise ConfigError(f"{where}: `{key}.{name}` must be a mapping: options of that backend.")
    others = {name: value for name, value in written_options.items() if name not in names}
    return validate(MODEL_SCHEMA, others, where=where, key=key, besides=sorted(names)), sections


def _history(node: Node) -> History | None:
    """Return the columns by which a snapshot keeps versions, as its project calls them."""
    if node.resource_type != "snapshot":
        return None
    key, names = node.config.get("unique_key"), node.config.get("snapshot_meta_column_names") or {}
    return History(
        key=tuple(node.column(str(name)) for name in (key if isinstance(key, list) else [key])),
        start=node.column(names.get("dbt_valid_from") or "dbt_valid_from"),
        end=node.column(names.get("dbt_valid_to") or "dbt_valid_to"),
        far_end=bool(node.config.get("dbt_valid_to_current")),
    )


def _tests(manifest: Manifest) -> Mapping[str, Sequence[ProjectTest]]:
    """Return the tests that read each node, by its `unique_id`."""
    tests_by_model: dict[str, list[ProjectTest]] = defaultdict(list)
    for test in (*manifest.tests, *manifest.singular):
        parents = tuple(dict.fromkeys(test.parents))
        stores = bool(test.config.get("store_failures"))
        project_test = ProjectTest(
            test.unique_id,
            test.name,
            test.fqn,
            parents,
            test.attached_node,
            test.column,
            stores,
            fresh=asks_how_fresh(test.sql),
            meets_others=not test.attached_node and meets_others(test.sql),
        )
        for parent in parents:
            tests_by_model[parent].append(project_test)
    return tests_by_model


def _untagged_warnings(manifest: Manifest) -> Iterable[str]:
    for node in manifest.nodes.values():
        if node.resource_type not in TWIN_RESOURCE_TYPES or TAG in node.meta:
            continue
        if SECTION in node.meta:
            yield f"{_place(node)} has `meta.{SECTION}` but no `meta.{TAG}: true`, so it gets no twin."
        for key in get_close_matches(TAG, map(str, node.meta), cutoff=0.85):
            yield f"{_place(node)} has `meta.{key}`, which means nothing to synth; did you mean `{TAG}`?"
