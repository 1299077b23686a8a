"""Models that ask for a twin, and what is asked of those who make it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from synth.domain.layers import Options
from synth.domain.options import BackendOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from synth.domain.across import Derivation, LookupFormula
    from synth.domain.facts import Fact, Formula, History, ProjectTest, PublicValues, RowCount, Rule
    from synth.domain.layers import Layer
    from synth.domain.options import Guarantee, Policy, Rows, Shares
    from synth.domain.ownership import Ownership
    from synth.domain.relations import Excerpt, ForeignKey, Relation


class Role(StrEnum):
    """What a column is, and so what happens to it on the way to the twin."""

    KEY = "key"
    FOREIGN_KEY = "foreign_key"
    CATEGORY = "category"
    NUMBER = "number"
    DATETIME = "datetime"
    BOOLEAN = "boolean"
    NAME = "name"
    EMAIL = "email"
    PHONE = "phone"
    ADDRESS = "address"
    IP = "ip"
    URL = "url"
    NATURAL_KEY = "natural_key"
    DATE_OF_BIRTH = "date_of_birth"
    FREE_TEXT = "free_text"
    DROP = "drop"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Model:
    """A dbt node that asks for a twin, with everything its manifest says that a twin can use."""

    unique_id: str
    name: str
    relation: Relation
    path: str  # the file that declares it, for messages
    materialized: str
    options: Layer = field(default_factory=dict)  # what its own declaration decides
    entity: str | None = None  # the column that says whom a row is about, by declaration or by the graph
    ownership: Ownership | None = None  # whom the rows are about; None where nobody has decided it
    declared_reference: bool | None = None  # whether the owner says that it is about nobody
    reference: str = ""  # why it is about nobody and copied as it is; empty where it is not
    reference_doubt: str = ""  # why it is not copied, where all but the values of a column says so
    unlinked_columns: Mapping[str, str] = field(
        default_factory=dict
    )  # references that were given up, and why
    late_keys: tuple[ForeignKey, ...] = ()  # references in a circle, chosen when both twins are drawn
    primary_key: tuple[str, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()  # every set of columns that a test or constraint calls unique
    not_null: frozenset[str] = frozenset()
    foreign_keys: tuple[ForeignKey, ...] = ()
    new_numbers: tuple[str, ...] = ()  # columns whose keys are other ones in a copy of what is about nobody
    figures: tuple[str, ...] = ()  # numbers of such a copy that follow from other twins
    shared_keys: tuple[ForeignKey, ...] = ()  # of what no tagged model has, by the one whose twin has them
    roles: Mapping[str, Role] = field(default_factory=dict)  # declared by the user, by column
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # classifiers, tags, meta; by column
    descriptions: Mapping[str, str] = field(default_factory=dict)  # of its columns, as the project has them
    seed_columns: tuple[str, ...] = ()  # kept as they are in the source
    balance: Mapping[str, Shares] = field(default_factory=dict)  # of columns drawn as the user wants
    sensitive: frozenset[str] = frozenset()  # columns that an attacker would like to infer
    vocabulary: frozenset[str] = frozenset()  # words that name things in the project
    target_column: str | None = None  # what a model learned from the twin should predict
    backend_options: BackendOptions = field(default_factory=BackendOptions)
    file_digests: Mapping[str, str] = field(default_factory=dict)  # of what dbt's files say, by part
    facts: tuple[Fact, ...] = ()  # every test and constraint, used or not
    rules: tuple[Rule, ...] = ()
    formulas: tuple[Formula, ...] = ()  # what its SQL computes of other columns of the same row
    derivations: Mapping[str, Derivation] = field(default_factory=dict)  # of its columns, by its SQL
    row_sources: frozenset[str] = frozenset()  # nodes of which each row gives at most one of its own
    lookups: tuple[LookupFormula, ...] = ()  # its columns by rows that they refer to, by its SQL
    derived_keys: tuple[tuple[str, ...], ...] = ()  # sets of several columns that its SQL makes unique
    excerpt: Excerpt | None = None  # what of another model its rows are; its twin is the same of that twin
    counts: tuple[RowCount, ...] = ()
    public: tuple[PublicValues, ...] = ()  # what is said of values, first by declarations, then by tests
    history: History | None = None  # of a snapshot
    tests: tuple[ProjectTest, ...] = ()  # of the project, also those that say nothing of the twin beforehand

    @property
    def needed_models(self) -> tuple[str, ...]:
        """The models whose twins come before its own: those it references, and those whose rows it has."""
        rows_of = self.excerpt.parents if self.excerpt else ()
        return tuple(dict.fromkeys((*(key.parent for key in self.held_keys), *rows_of)))

    @property
    def mentioned_models(self) -> tuple[str, ...]:
        """The models whose twins it needs, and those whose keys it holds as soon as both are drawn."""
        return tuple(dict.fromkeys((*self.needed_models, *(key.parent for key in self.late_keys))))

    @property
    def held_keys(self) -> tuple[ForeignKey, ...]:
        """The columns that hold keys of other twins."""
        return (*self.foreign_keys, *self.shared_keys)

    @property
    def build(self) -> str:
        """The dbt command that builds its relation."""
        kind = self.unique_id.partition(".")[0]
        return f"dbt {kind if kind in {'snapshot', 'seed'} else 'run'} --select {self.name}"


@dataclass(frozen=True, slots=True)
class Task:
    """One twin to make: a model with every setting decided.

    Attributes:
        by_guarantee: the private engine makes it, and no check decides; `guarantee` is what it promises.
    """

    model: Model
    target: Relation
    options: Options = field(default_factory=Options)
    by_guarantee: bool = False

    def with_options(self, **changes: object) -> Task:
        """Return the task with some options changed."""
        return replace(self, options=replace(self.options, **changes))  # type: ignore[arg-type] # by name

    @property
    def backend(self) -> str:
        """Who makes the rows."""
        return self.options.backend

    @property
    def rows(self) -> Rows:
        """How many rows the twin has."""
        return self.options.rows

    @property
    def seed(self) -> int:
        """Of everything random."""
        return self.options.seed

    @property
    def on_inconclusive(self) -> Policy:
        """What becomes of the twin where no check can decide."""
        return self.options.on_inconclusive

    @property
    def guarantee(self) -> Guarantee:
        """What the private engine promises, where it makes the twin."""
        return self.options.guarantee


@dataclass(frozen=True, slots=True)
class Refusal:
    """A model that cannot have a twin as things stand, and why; it stops no other."""

    model: Model
    message: str


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """Owners of the training rows, and owners whose rows are to be drawn.

    Attributes:
        real: the learned columns of the owners of the training rows; may have no columns.
        owner: for each training row the position of its owner.
        twins: the owners to draw rows for, with the same columns.
        time: the column that orders the rows of an owner, if one does.
        draws: how often to draw rows for all of them.
        others: the owners of the rows that an engine of their own learns; `whose` has the position of the
            owner of each of these rows.
        count: the column of owners that says how many rows they have, if one does.
        births: days of birth of owners: they say when rows are, and nothing else is learned of them.
    """

    real: pd.DataFrame
    owner: NDArray[Any]
    twins: pd.DataFrame
    time: str | None
    draws: int
    others: pd.DataFrame | None = field(default=None, compare=False, repr=False)
    whose: NDArray[Any] | None = field(default=None, compare=False, repr=False)
    count: str | None = None
    births: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Request:
    """What a backend is asked for, beside the training rows.

    Attributes:
        rows: how many rows to return, at least 1.
        seed: the same training rows, request and version give the same rows (local backend).
        categories: columns whose values are labels, whatever their dtype.
        public: columns whose values are no secret and may be repeated, however rare.
        run_id: names the work wherever it leaves traces.
        model: the model's `unique_id`.
        conditioning: columns of the rows to return, row by row, which the others are drawn to go with.
        balance: how often each value of a column is wanted; not beside `conditioning`.
        progress: to be called with what has been done, how much that makes, and of how much; 0 is not known.
        backend_options: of the model.
        on_scores: to be called with what a remote service thinks of its rows, from 0 to 100 each.
        entities: whom each training row is about, where the user said it and somebody has several rows.
        beside: rows of the same table that an engine of their own learns; their entities count where a value
            must be shared. `about` says whom each is about, where somebody has several rows.
        wait: for remote jobs; else `PendingError` says their names, and the same request finds them again.
    """

    rows: int
    seed: int
    categories: frozenset[str]
    public: frozenset[str]
    run_id: str
    model: str
    conditioning: pd.DataFrame | None = field(default=None, compare=False, repr=False)
    balance: Mapping[str, Shares] = field(default_factory=dict)
    progress: Callable[[str, int, int], None] | None = field(default=None, compare=False, repr=False)
    backend_options: BackendOptions = field(default_factory=BackendOptions)
    on_scores: Callable[[Mapping[str, float]], None] | None = field(default=None, compare=False, repr=False)
    entities: NDArray[Any] | None = field(default=None, compare=False, repr=False)
    beside: pd.DataFrame | None = field(default=None, compare=False, repr=False)
    about: NDArray[Any] | None = field(default=None, compare=False, repr=False)
    wait: bool = field(default=True, compare=False)
