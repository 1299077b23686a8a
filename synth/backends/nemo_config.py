"""The configuration that NeMo Safe Synthesizer is sent: ours, complete, and checked before it is submitted.

Fields and defaults follow the schemas of nemo-safe-synthesizer 0.1 and nemo-microservices 1.5; where the two
have different ones, each family of the protocol is sent its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from synth.backends.remote import JobStep, spare
from synth.backends.sheet import ENTITY
from synth.errors import ConfigError
from synth.validation import Strict, validate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from synth.domain import BackendOptions, Request

KEY = "meta.synth.nemo"
Auto = Literal["auto"]
LOWEST, HIGHEST = 0.1, 100.0  # epsilon that the service takes


class Training(Strict):
    """`training`."""

    num_input_records_to_sample: int | Auto = "auto"
    batch_size: int = 1
    gradient_accumulation_steps: int = 8
    weight_decay: float = 0.01
    lr_scheduler: str = "cosine"
    lora_r: int = 32
    lora_alpha_over_r: float = 1.0
    rope_scaling_factor: int | Auto = "auto"
    validation_ratio: float = 0.0
    validation_steps: int = 15


class Generation(Strict):
    """`generation`; the number of records follows from `rows`."""

    temperature: float = Field(default=0.9, gt=0)
    repetition_penalty: float = Field(default=1.0, gt=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    patience: int = Field(default=3, ge=1)
    invalid_fraction_threshold: float = Field(default=0.8, ge=0, le=1)


class NemoOptions(Strict):
    """`meta.synth.nemo` of a model."""

    training: dict[str, Any] = Field(default_factory=dict)
    generation: dict[str, Any] = Field(default_factory=dict)
    per_sample_max_grad_norm: float = Field(default=1.0, gt=0)
    timeout: float | None = Field(default=None, gt=0)


@dataclass(frozen=True, slots=True)
class NemoJobOptions:
    """What a model's options come to."""

    training: Mapping[str, Any]
    generation: Mapping[str, Any]
    privacy: Mapping[str, Any]
    timeout: float | None


def choose(backend_options: BackendOptions, where: str) -> NemoJobOptions:
    """Return every parameter, decided.

    Raises:
        ConfigError: an option is unknown or wrong.
    """
    options = validate(NemoOptions, dict(backend_options.section("nemo")), where=where, key=KEY)
    training = validate(Training, options.training, where=where, key=f"{KEY}.training")
    generation = validate(Generation, options.generation, where=where, key=f"{KEY}.generation")
    return NemoJobOptions(
        training.model_dump(),
        generation.model_dump(),
        _privacy(backend_options, options, where),
        options.timeout,
    )


def _privacy(backend_options: BackendOptions, options: NemoOptions, where: str) -> Mapping[str, Any]:
    if backend_options.epsilon is None:
        if backend_options.delta is not None:
            raise ConfigError(f"{where}: a privacy budget needs an `epsilon`.")
        return {"dp_enabled": False}
    if not LOWEST <= backend_options.epsilon <= HIGHEST:
        raise ConfigError(f"{where}: `meta.synth.epsilon` must be from {LOWEST:g} to {HIGHEST:g} for nemo.")
    return {
        "dp_enabled": True,
        "epsilon": float(backend_options.epsilon),
        "delta": "auto" if backend_options.delta is None else float(backend_options.delta),
        "per_sample_max_grad_norm": options.per_sample_max_grad_norm,
    }


def steps(request: Request) -> tuple[JobStep, ...]:
    """Return the one job of a request; the service holds nothing out, because the split is ours."""
    choice = choose(request.backend_options, request.model)
    group = {} if request.entities is None else {"group_training_examples_by": ENTITY}
    config = {
        "data": {"holdout": 0, "max_holdout": 0, "random_state": request.seed, **group},
        "training": dict(choice.training),
        "generation": {**choice.generation, "num_records": spare(request.rows)},
        "privacy": dict(choice.privacy),
        "evaluation": {"enabled": True, "mia_enabled": False, "aia_enabled": False},
        "replace_pii": None,
    }
    return (JobStep("train", config),)
