"""The values that flow through a run. Frozen, and without an import from the rest of `synth`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


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


@dataclass(frozen=True, slots=True)
class Options:
    """Settings that a flag, the environment, a model or the project may each give; None is not given."""

    backend: str | None = None
    rows: Rows | None = None
    seed: int | None = None

    def over(self, other: Options) -> Options:
        """These options, completed by those of `other` where they are silent."""
        return Options(
            backend=self.backend if self.backend is not None else other.backend,
            rows=self.rows if self.rows is not None else other.rows,
            seed=self.seed if self.seed is not None else other.seed,
        )


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


@dataclass(frozen=True, slots=True)
class Task:
    """One twin to make: a model with every setting decided."""

    model: Model
    target: Relation
    backend: str
    rows: Rows
    seed: int


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
    """

    rows: int
    seed: int
    categories: frozenset[str]
    public: frozenset[str]
    run_id: str
    model: str


class Verdict(StrEnum):
    """What a check, or all checks of a model together, found."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Check:
    """One measured figure with its 95 % interval, and what it means for publishing."""

    name: str
    value: float
    low: float
    high: float
    limit: float
    verdict: Verdict
    explain: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Training against holdout: how near the twin is to fresh real rows, and whether it repeats real ones.

    Attributes:
        fidelity: share of the real-data ceiling that the twin reaches, 0 to 1; None when not measurable.
        checks: each with its verdict; the gate blocks on FAIL and ERROR.
        rows: sizes of the three tables, by name.
    """

    fidelity: float | None
    checks: tuple[Check, ...]
    rows: Mapping[str, int]

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the checks."""
        order = (Verdict.ERROR, Verdict.FAIL, Verdict.INCONCLUSIVE)
        found = {check.verdict for check in self.checks}
        return next((verdict for verdict in order if verdict in found), Verdict.PASS)


class Status(StrEnum):
    """How a model left a run."""

    PUBLISHED = "published"
    SYNTHESIZED = "synthesized"  # checked, stored and staged; not published (yet)
    REJECTED = "rejected"  # the evaluation or a stated rule said no
    ERROR = "error"
    SKIPPED = "skipped"  # a model it belongs together with failed


@dataclass(frozen=True, slots=True)
class ModelResult:
    """The outcome of one task."""

    task: Task
    status: Status
    rows: int = 0
    evaluation: Evaluation | None = None
    artifacts: tuple[str, ...] = ()
    seconds: float = 0.0
    message: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunResult:
    """The outcome of a run."""

    run_id: str
    results: tuple[ModelResult, ...]

    @property
    def exit_code(self) -> int:
        """0 when everything asked for was published, else 1."""
        good = {Status.PUBLISHED, Status.SYNTHESIZED}
        return 0 if all(result.status in good for result in self.results) else 1
