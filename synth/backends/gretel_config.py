"""The configurations that Gretel is sent: ours, complete, and checked before anything is submitted.

The service's own templates are fetched by name from the network when they are used, and change or vanish
without notice, so none is ever named. Fields and defaults follow the schemas of gretel-client 0.30.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from synth.backends.remote import JobStep, spare
from synth.backends.sheet import ENTITY
from synth.errors import ConfigError
from synth.validation import Strict, nearest, validate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from synth.domain import BackendOptions, Request, Task

KEY = "meta.synth.gretel"
MODELS = ("actgan", "navigator_ft", "tabular_dp")
MOST_ROWS = {"navigator_ft": 130_000}  # that the service generates in one job
RETIRED_KEYS = frozenset(
    {"amplify", "ctgan", "default", "lstm", "synthetics", "transform", "transforms", "classify"}
)
LOWEST, HIGHEST = 0.1, 100.0  # epsilon that the service takes
Auto = Literal["auto"]
Level = Literal["auto", "medium", "high"]


class GretelOptions(Strict):
    """`meta.synth.gretel` of a model."""

    model: str | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    privacy_filters: dict[str, Any] | None = None
    privacy_params: dict[str, Any] | None = None
    transform_v2: dict[str, Any] | None = None
    timeout: float | None = Field(default=None, gt=0)


class ActganParams(Strict):
    """`params` of actgan."""

    epochs: int | Auto = "auto"
    batch_size: int | Auto = "auto"
    embedding_dim: int = 128
    generator_dim: list[int] = Field(default=[1024, 1024])
    discriminator_dim: list[int] = Field(default=[1024, 1024])
    generator_lr: float = 0.0001
    generator_decay: float = 1e-06
    discriminator_lr: float = 0.00033
    discriminator_decay: float = 1e-06
    discriminator_steps: int = 1
    binary_encoder_cutoff: int = 150
    binary_encoder_nan_handler: str = "mode"
    auto_transform_datetimes: bool = True
    log_frequency: bool = True
    cbn_sample_size: int = 250_000
    pac: int = 10
    data_upsample_limit: int = 100
    conditional_vector_type: str = "single_discrete"
    reconstruction_loss_coef: float = 1.0
    force_conditioning: bool | Auto = "auto"


class PrivacyFilters(Strict):
    """`privacy_filters` of actgan; null switches one off."""

    outliers: Level | None = "auto"
    similarity: Level | None = "auto"


class NavigatorParams(Strict):
    """`params` of navigator_ft."""

    num_input_records_to_sample: int | Auto = "auto"
    batch_size: int = 1
    gradient_accumulation_steps: int = 8
    weight_decay: float = 0.01
    warmup_ratio: float = 0.05
    lr_scheduler: str = "cosine"
    learning_rate: float = 0.0005
    lora_r: int = 32
    lora_alpha_over_r: float = 1.0
    lora_target_modules: list[str] = Field(default=["q_proj", "k_proj", "v_proj", "o_proj"])
    rope_scaling_factor: int | Auto = "auto"
    validation_ratio: float = 0.0
    validation_steps: int = 15


class PrivacyParams(Strict):
    """`privacy_params` of navigator_ft, and the privacy budget of tabular_dp."""

    epsilon: float | None = Field(default=None, ge=LOWEST, le=HIGHEST)
    delta: float | Auto | None = None
    per_sample_max_grad_norm: float | None = Field(default=None, gt=0)


class TabularDpParams(Strict):
    """`params` of tabular_dp; its privacy budget stands in `privacy_params`."""

    infer_domain: bool = True


@dataclass(frozen=True, slots=True)
class Budget:
    """A privacy budget; delta `auto` lets the service choose 1 / rows ** 1.2."""

    epsilon: float
    delta: float | Auto
    clip: float


@dataclass(frozen=True, slots=True)
class GretelJobOptions:
    """What a model's options come to."""

    model: str
    params: Mapping[str, Any]
    filters: Mapping[str, Any]
    budget: Budget | None
    transform: Mapping[str, Any] | None
    timeout: float | None


def choose(backend_options: BackendOptions, where: str) -> GretelJobOptions:
    """Return the model of Gretel's that the options name, with every parameter decided.

    Raises:
        ConfigError: an option is unknown, wrong, or not one of that model.
    """
    options = validate(GretelOptions, dict(backend_options.section("gretel")), where=where, key=KEY)
    budget = _budget(options, backend_options.epsilon, backend_options.delta, where)
    model = _model(options, budget, where)
    if budget and model == "actgan":
        raise ConfigError(
            f"{where}: actgan has no differential privacy. Next: `model: tabular_dp` or `navigator_ft`, or "
            "no epsilon and delta."
        )
    if options.privacy_filters is not None and model != "actgan":
        raise ConfigError(f"{where}: `{KEY}.privacy_filters` are filters of actgan; {model} has none.")
    schemas: dict[str, type[Strict]] = {"actgan": ActganParams, "navigator_ft": NavigatorParams}
    schema = schemas.get(model, TabularDpParams)
    params = validate(schema, options.params, where=where, key=f"{KEY}.params").model_dump()
    filters = validate(
        PrivacyFilters, options.privacy_filters or {}, where=where, key=f"{KEY}.privacy_filters"
    )
    if model == "tabular_dp":
        budget = budget or Budget(1.0, "auto", 0.1)
    return GretelJobOptions(
        model, params, filters.model_dump(), budget, options.transform_v2, options.timeout
    )


def of_task(task: Task) -> GretelJobOptions:
    """Return what the options of a task come to.

    Raises:
        ConfigError: as `choose`, or the task asks for something that Gretel cannot do.
    """
    model = task.model
    where = f"{model.path} ({model.unique_id})"
    choice = choose(model.backend_options, where)
    most = MOST_ROWS.get(choice.model)
    if most and task.rows.count and spare(task.rows.count) > most:
        raise ConfigError(
            f"{where}: {choice.model} makes at most {most:,} rows. Next: `rows`, or `model: actgan`."
        )
    return choice


def steps(request: Request) -> tuple[JobStep, ...]:
    """Return the jobs of a request, in order: a transformation of the rows if asked for, and the training.

    Raises:
        ConfigError: the request wants more rows than the model makes.
    """
    choice = choose(request.backend_options, request.model)
    rows = spare(request.rows)
    most = MOST_ROWS.get(choice.model, rows)
    if rows > most:
        raise ConfigError(
            f"{request.model}: {choice.model} makes at most {most:,} rows, not {request.rows:,}. "
            "Next: `rows`, or `model: actgan`."
        )
    train = JobStep("train", _config(choice.model, _body(choice, rows, by_entity=is_grouped(request))))
    if choice.transform is None:
        return (train,)
    return (JobStep("transform", _config("transform_v2", dict(choice.transform))), train)


def is_grouped(request: Request) -> bool:
    """Return whether the model learns the rows of an entity together; actgan and tabular_dp do not."""
    return (
        request.entities is not None
        and choose(request.backend_options, request.model).model == "navigator_ft"
    )


def probe() -> Mapping[str, object]:
    """Return a configuration that is as good as any to ask whether a job would be taken."""
    return _config("actgan", {"params": ActganParams().model_dump(), "generate": {"num_records": 1}})


def timeout(request: Request) -> float | None:
    """Return how many seconds a job may take, if the user says so."""
    return choose(request.backend_options, request.model).timeout


def _config(model: str, body: dict[str, Any]) -> dict[str, object]:
    return {"schema_version": "1.0", "models": [{model: body}]}


def _body(choice: GretelJobOptions, rows: int, *, by_entity: bool) -> dict[str, Any]:
    body: dict[str, Any] = {"params": dict(choice.params), "generate": {"num_records": rows}}
    budget = choice.budget
    if choice.model == "actgan":
        body["privacy_filters"] = dict(choice.filters)
    elif choice.model == "tabular_dp" and budget:
        body["params"] |= {"epsilon": budget.epsilon, "delta": budget.delta}
    else:
        group = ENTITY if by_entity else None
        body |= {"group_training_examples_by": group, "order_training_examples_by": None}
        body["generate"]["use_structured_generation"] = True
        if budget:
            body["privacy_params"] = {
                "dp": True,
                "epsilon": budget.epsilon,
                "delta": budget.delta,
                "per_sample_max_grad_norm": budget.clip,
            }
    return body


def _model(options: GretelOptions, budget: Budget | None, where: str) -> str:
    if options.model is None:
        return "tabular_dp" if budget else "actgan"
    if options.model in MODELS:
        return options.model
    name = options.model.rpartition("/")[2]
    if name in RETIRED_KEYS or "/" in options.model:
        raise ConfigError(
            f"{where}: Gretel has withdrawn its model or template '{options.model}'; `{KEY}.model` is one of "
            f"{', '.join(MODELS)}, and `params` beside it changes their defaults."
        )
    raise ConfigError(f"{where}: unknown `{KEY}.model` '{options.model}'; {nearest(options.model, MODELS)}")


def _budget(options: GretelOptions, epsilon: float | None, delta: float | None, where: str) -> Budget | None:
    """Return the budget, from `epsilon` and `delta` of the model or from Gretel's own words for them."""
    own = validate(PrivacyParams, options.privacy_params or {}, where=where, key=f"{KEY}.privacy_params")
    if epsilon is not None and own.epsilon is not None:
        raise ConfigError(
            f"{where}: `epsilon` stands in `meta.synth` and in `{KEY}.privacy_params`; keep one."
        )
    epsilon = own.epsilon if epsilon is None else epsilon
    delta_of = own.delta if delta is None else delta
    if epsilon is None:
        if options.privacy_params is not None or delta is not None:
            raise ConfigError(f"{where}: a privacy budget needs an `epsilon`.")
        return None
    if not LOWEST <= epsilon <= HIGHEST:
        raise ConfigError(f"{where}: `meta.synth.epsilon` must be from {LOWEST:g} to {HIGHEST:g} for gretel.")
    return Budget(epsilon, "auto" if delta_of is None else delta_of, own.per_sample_max_grad_norm or 0.1)
