"""The values that flow through a run. Frozen, and without an import from the rest of `synth` but values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from synth.stated import Fact, History, ProjectTest, RowCount, Rule

    Shares: TypeAlias = Literal["uniform"] | Mapping[Any, float]

T = TypeVar("T")


class Kind(StrEnum):
    """How a Postgres type is read, learned and written back."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    DATE = "date"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamptz"
    TIME = "time"
    INTERVAL = "interval"
    UUID = "uuid"
    TEXT = "text"
    OPAQUE = "opaque"  # everything else, carried as its text: json, arrays, bytea, ranges, …


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
class Relation:
    """A table or view of the warehouse, by its unquoted names."""

    database: str
    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a relation as the catalog describes it; `data_type` is what `format_type` prints."""

    name: str
    data_type: str
    kind: Kind
    not_null: bool
    precision: int | None = None  # of numeric(p, s)
    scale: int | None = None  # of numeric(p, s) and money
    length: int | None = None  # of varchar(n) and char(n)
    bits: int | None = None  # of integers and floats


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """`column` holds values of `parent_column` in the model `parent`, says the dbt test `test`."""

    column: str
    parent: str  # unique_id
    parent_column: str
    test: str


@dataclass(frozen=True, slots=True)
class Rows:
    """How many rows a twin has: a number, or a multiple of the source's."""

    count: int | None = None
    factor: float = 1.0

    def of(self, source_rows: int) -> int:
        """The twin's row count for a source of `source_rows` rows."""
        return self.count if self.count is not None else round(source_rows * self.factor)

    def __str__(self) -> str:
        return str(self.count) if self.count is not None else f"{self.factor:g}x"


class Policy(StrEnum):
    """What becomes of a twin whose checks could not be decided."""

    BLOCK = "block"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Options:
    """Settings that a flag, the environment, a model or the project may each give; None is not given."""

    backend: str | None = None
    rows: Rows | None = None
    seed: int | None = None
    on_inconclusive: Policy | None = None
    evaluation_timeout: float | None = None  # seconds
    limits: Mapping[str, float] = field(default_factory=dict)  # of checks, by name; each is given on its own

    def over(self, other: Options) -> Options:
        """These options, completed by those of `other` where they are silent."""
        return Options(
            backend=_first(self.backend, other.backend),
            rows=_first(self.rows, other.rows),
            seed=_first(self.seed, other.seed),
            on_inconclusive=_first(self.on_inconclusive, other.on_inconclusive),
            evaluation_timeout=_first(self.evaluation_timeout, other.evaluation_timeout),
            limits={**other.limits, **self.limits},
        )


def _first(ours: T | None, theirs: T | None) -> T | None:
    return theirs if ours is None else ours


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a model asks of its backend that not every backend can do.

    Attributes:
        epsilon: the privacy budget of learning, with `delta`; None is no differential privacy.
        keep_remote: leave rows and jobs where they are, when a remote service has done its work.
        sections: settings in a backend's own words, by its name.
    """

    epsilon: float | None = None
    delta: float | None = None
    keep_remote: bool = False
    sections: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Model:
    """A dbt node that asks for a twin, with everything its manifest says that a twin can use."""

    unique_id: str
    name: str
    relation: Relation
    path: str  # the file that declares it, for messages
    materialized: str
    options: Options = Options()
    entity: str | None = None
    primary_key: tuple[str, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()  # every set of columns that a test or constraint calls unique
    not_null: frozenset[str] = frozenset()
    foreign_keys: tuple[ForeignKey, ...] = ()
    roles: Mapping[str, Role] = field(default_factory=dict)  # declared by the user, by column
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # classifiers, tags, meta; by column
    seed_columns: tuple[str, ...] = ()  # kept as they are in the source
    balance: Mapping[str, Shares] = field(default_factory=dict)  # of columns drawn as the user wants
    sensitive: frozenset[str] = frozenset()  # columns that an attacker would like to infer
    target_column: str | None = None  # what a model learned from the twin should predict
    wishes: Wishes = Wishes()
    written: Mapping[str, str] = field(default_factory=dict)  # what dbt's files say, each part by its digest
    facts: tuple[Fact, ...] = ()  # every test and constraint, used or not
    rules: tuple[Rule, ...] = ()
    counts: tuple[RowCount, ...] = ()
    history: History | None = None  # of a snapshot
    tests: tuple[ProjectTest, ...] = ()  # of the project, also those that say nothing of the twin beforehand


@dataclass(frozen=True, slots=True)
class Task:
    """One twin to make: a model with every setting decided."""

    model: Model
    target: Relation
    backend: str
    rows: Rows
    seed: int
    on_inconclusive: Policy = Policy.BLOCK
    evaluation_timeout: float = 900.0  # seconds
    limits: Mapping[str, float] = field(default_factory=dict)


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
        given: columns of the rows to return, row by row, which the others are drawn to go with.
        balance: how often each value of a column is wanted; not beside `given`.
        progress: to be called with what has been done, how much that makes, and of how much; 0 is not known.
        wishes: of the model.
        scored: to be called with what a remote service thinks of its rows, from 0 to 100 each.
        entities: whom each training row is about, where the user said it and somebody has several rows.
        wait: for remote jobs; else `PendingError` says their names, and the same request finds them again.
    """

    rows: int
    seed: int
    categories: frozenset[str]
    public: frozenset[str]
    run_id: str
    model: str
    given: pd.DataFrame | None = field(default=None, compare=False, repr=False)
    balance: Mapping[str, Shares] = field(default_factory=dict)
    progress: Callable[[str, int, int], None] | None = field(default=None, compare=False, repr=False)
    wishes: Wishes = Wishes()
    scored: Callable[[Mapping[str, float]], None] | None = field(default=None, compare=False, repr=False)
    entities: NDArray[Any] | None = field(default=None, compare=False, repr=False)
    wait: bool = field(default=True, compare=False)


class Verdict(StrEnum):
    """What a check, or all checks of a model together, found."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"


class Aspect(StrEnum):
    """What a check asks about."""

    PRIVACY = "privacy"
    QUALITY = "quality"


@dataclass(frozen=True, slots=True)
class Check:
    """One measured figure with its 95 % interval, and what it means for publishing.

    Attributes:
        training: how many training rows (entities, values, …) were compared; `holdout` likewise.
        needed: holdout entities that would decide an INCONCLUSIVE check; 0 when unknown or decided.
        gating: whether the verdict counts; a check that is only shown never blocks.
        customised: whether the user moved the limit.
    """

    name: str
    value: float
    low: float
    high: float
    limit: float
    verdict: Verdict
    explain: str
    aspect: Aspect = Aspect.PRIVACY
    training: int = 0
    holdout: int = 0
    needed: int = 0
    gating: bool = True
    customised: bool = False


@dataclass(frozen=True, slots=True)
class Accuracy:
    """1 - TVD to training of the columns (order 1), pairs (2) or triples (3), mean of all; higher is nearer.

    Attributes:
        synthetic: of the twin; `ceiling` of as many unseen real rows.
    """

    order: int
    synthetic: float
    ceiling: float


@dataclass(frozen=True, slots=True)
class ColumnFit:
    """How near one column of the twin is to training; `ceiling` is how near unseen real rows are."""

    name: str
    accuracy: float
    ceiling: float
    null_training: float
    null_synthetic: float


@dataclass(frozen=True, slots=True)
class Utility:
    """How well a model learned from the twin predicts a column of unseen real rows.

    Attributes:
        metric: auc or r2.
        synthetic: learned from the twin; `real` learned from as many training rows.
    """

    target: str
    metric: str
    synthetic: float
    real: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Training against holdout: how near the twin is to fresh real rows, and whether it repeats real ones.

    Attributes:
        fidelity: share of the real-data ceiling that the twin reaches, 0 to 1; None when not measurable.
        checks: each with its verdict; the gate blocks on FAIL and ERROR.
        rows: sizes of the three tables, by name.
        attempt: which question about these very source rows this was; only a pass leaves the number as it is.
        retry_reason: why there was another one after too many.
        redrawn: rows of the twin that were drawn anew, because they were those of a few real people.
        broken: of the rows drawn, how many broke each rule and were drawn anew, by test or constraint.
    """

    fidelity: float | None
    checks: tuple[Check, ...]
    rows: Mapping[str, int]
    accuracies: tuple[Accuracy, ...] = ()
    columns: tuple[ColumnFit, ...] = ()
    utility: tuple[Utility, ...] = ()
    attempt: int = 1
    retry_reason: str = ""
    redrawn: int = 0
    broken: Mapping[str, int] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the checks that count."""
        order = (Verdict.ERROR, Verdict.FAIL, Verdict.INCONCLUSIVE)
        found = {check.verdict for check in self.checks if check.gating}
        return next((verdict for verdict in order if verdict in found), Verdict.PASS)


class Status(StrEnum):
    """How a model left a run."""

    PUBLISHED = "published"
    SYNTHESIZED = "synthesized"  # checked, stored and staged; not published (yet)
    REJECTED = "rejected"  # the evaluation or a stated rule said no
    ERROR = "error"
    SKIPPED = "skipped"  # a model it belongs together with failed
    PENDING = "pending"  # a remote job works on; the same command comes back to it
    UNCHANGED = "unchanged"  # nothing it is made from changed, so what is published stays


GOOD = frozenset({Status.PUBLISHED, Status.SYNTHESIZED, Status.UNCHANGED})


@dataclass(frozen=True, slots=True)
class ModelResult:
    """The outcome of one task; `tests` are the outcomes of dbt's tests on the twin, by name."""

    task: Task
    status: Status
    rows: int = 0
    evaluation: Evaluation | None = None
    artifacts: tuple[str, ...] = ()
    seconds: float = 0.0
    scores: Mapping[str, float] = field(default_factory=dict)  # of a remote service, from 0 to 100
    message: str = ""
    warnings: tuple[str, ...] = ()
    tests: Mapping[str, str] = field(default_factory=dict)
    jobs: tuple[str, ...] = ()  # remote ones that work on, such as gretel/synth-…-train


@dataclass(frozen=True, slots=True)
class RunResult:
    """The outcome of a run."""

    run_id: str
    results: tuple[ModelResult, ...]

    @property
    def exit_code(self) -> int:
        """0 when everything asked for was published, 3 when nothing but remote jobs is awaited, else 1."""
        bad = {result.status for result in self.results} - GOOD
        return (3 if bad == {Status.PENDING} else 1) if bad else 0
