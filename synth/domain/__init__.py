"""The values that flow through a run. Frozen, and without an import from the rest of `synth`."""

from synth.domain.across import Across, Derivation, Way
from synth.domain.capabilities import Capabilities
from synth.domain.evaluation import Accuracy, Aspect, Check, ColumnFit, Evaluation, Utility, Verdict
from synth.domain.facts import (
    Fact,
    Formula,
    History,
    ProjectTest,
    PublicValues,
    RowCount,
    Rule,
    Scope,
    Uniqueness,
)
from synth.domain.models import HistoryRequest, Model, Refusal, Request, Role, Task
from synth.domain.options import (
    PAID_SOURCE,
    BackendOptions,
    Guarantee,
    Options,
    Policy,
    Privacy,
    Rows,
    Shares,
)
from synth.domain.ownership import Ownership, OwnershipStep
from synth.domain.rarity import RARE
from synth.domain.relations import Column, Excerpt, ForeignKey, Kind, Relation
from synth.domain.results import GOOD, ModelResult, RunResult, Status
from synth.domain.words import (
    IDENTIFIERS,
    NUMBERS,
    entity_words,
    is_identifier,
    is_numbering,
    plain_words,
    split_words,
)

__all__ = [
    "GOOD",
    "IDENTIFIERS",
    "NUMBERS",
    "PAID_SOURCE",
    "RARE",
    "Accuracy",
    "Across",
    "Aspect",
    "BackendOptions",
    "Capabilities",
    "Check",
    "Column",
    "ColumnFit",
    "Derivation",
    "Evaluation",
    "Excerpt",
    "Fact",
    "ForeignKey",
    "Formula",
    "Guarantee",
    "History",
    "HistoryRequest",
    "Kind",
    "Model",
    "ModelResult",
    "Options",
    "Ownership",
    "OwnershipStep",
    "Policy",
    "Privacy",
    "ProjectTest",
    "PublicValues",
    "Refusal",
    "Relation",
    "Request",
    "Role",
    "RowCount",
    "Rows",
    "Rule",
    "RunResult",
    "Scope",
    "Shares",
    "Status",
    "Task",
    "Uniqueness",
    "Utility",
    "Verdict",
    "Way",
    "entity_words",
    "is_identifier",
    "is_numbering",
    "plain_words",
    "split_words",
]
