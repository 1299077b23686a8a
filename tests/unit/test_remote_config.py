"""What Gretel and NeMo are sent, and what is refused before anything is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from synth.backends import (
    Backends,
    accept,
    gretel_config,
    nemo_config,
    open_backend,
    variables_of_backends,
)
from synth.backends.gretel import GretelBackend
from synth.backends.nemo import NemoBackend
from synth.backends.redaction import redact
from synth.backends.sheet import ENTITY
from synth.domain import BackendOptions, ForeignKey, Model, Options, Relation, Request, Task
from synth.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping


def request_of(rows: int = 1000, **backend_options: Any) -> Request:
    return Request(
        rows=rows,
        seed=9,
        categories=frozenset(),
        public=frozenset(),
        run_id="run",
        model="model.shop.orders",
        backend_options=BackendOptions(**backend_options),
    )


def gretel(options: Mapping[str, object], rows: int = 1000, **backend_options: Any) -> dict[str, Any]:
    """The body of the one model that Gretel is sent, by its type."""
    (step,) = gretel_config.steps(request_of(rows, sections={"gretel": options}, **backend_options))
    models: Any = step.config["models"]
    (model,) = models
    return dict(model)


def test_actgan_is_the_default_with_both_filters_on() -> None:
    body = gretel({})["actgan"]
    assert body["generate"] == {"num_records": 1030}
    assert body["privacy_filters"] == {"outliers": "auto", "similarity": "auto"}
    assert body["params"]["epochs"] == "auto"


def test_parameters_and_filters_are_the_users_where_they_are_given() -> None:
    options = {"model": "actgan", "params": {"epochs": 7}, "privacy_filters": {"outliers": None}}
    body = gretel(options)["actgan"]
    assert body["params"]["epochs"] == 7
    assert body["privacy_filters"] == {"outliers": None, "similarity": "auto"}


def test_a_budget_chooses_a_model_that_has_one() -> None:
    params = gretel({}, epsilon=2.0, delta=1e-6)["tabular_dp"]["params"]
    assert (params["epsilon"], params["delta"]) == (2.0, 1e-6)


def test_a_budget_of_navigator_ft_stands_in_its_privacy_params() -> None:
    body = gretel({"model": "navigator_ft"}, epsilon=8.0)["navigator_ft"]
    privacy_fields = {"dp": True, "epsilon": 8.0, "delta": "auto", "per_sample_max_grad_norm": 0.1}
    assert body["privacy_params"] == privacy_fields
    assert "privacy_params" not in gretel({"model": "navigator_ft"})["navigator_ft"]


def test_gretels_own_words_for_a_budget_are_taken() -> None:
    options = {"model": "navigator_ft", "privacy_params": {"epsilon": 4.0, "delta": 0.001}}
    privacy = gretel(options)["navigator_ft"]["privacy_params"]
    assert (privacy["epsilon"], privacy["delta"]) == (4.0, 0.001)


def test_a_transformation_goes_before_the_training() -> None:
    transform = {"globals": {"locales": ["en_US"]}, "steps": []}
    steps = gretel_config.steps(request_of(sections={"gretel": {"transform_v2": transform}}))
    assert [step.name for step in steps] == ["transform", "train"]
    assert steps[0].config["models"] == [{"transform_v2": transform}]


@pytest.mark.parametrize(
    ("options", "backend_options", "said_of_it"),
    [
        ({"model": "synthetics/default"}, {}, "withdrawn its model or template 'synthetics/default'"),
        ({"model": "synthetics"}, {}, "one of actgan, navigator_ft, tabular_dp"),
        ({"model": "navigator-ft"}, {}, "did you mean `navigator_ft`"),
        ({"parms": {}}, {}, "unknown key `meta.synth.gretel.parms`; did you mean `params`"),
        ({"params": {"epoch": 3}}, {}, "unknown key `meta.synth.gretel.params.epoch`; did you mean `epochs`"),
        ({"params": {"epochs": "many"}}, {}, "`meta.synth.gretel.params.epochs"),
        ({"privacy_filters": {"outliers": "extreme"}}, {}, "`meta.synth.gretel.privacy_filters.outliers"),
        ({"model": "tabular_dp", "privacy_filters": {}}, {}, "tabular_dp has none"),
        ({"model": "actgan"}, {"epsilon": 1.0}, "actgan has no differential privacy"),
        ({"privacy_params": {"epsilon": 1.0}}, {"epsilon": 2.0}, "keep one"),
        ({"privacy_params": {"delta": 0.1}}, {}, "needs an `epsilon`"),
        ({}, {"delta": 0.1}, "needs an `epsilon`"),
        ({"privacy_params": {"epsilon": 2339.0}}, {}, "`meta.synth.gretel.privacy_params.epsilon`"),
        ({}, {"epsilon": 2339.0}, "from 0.1 to 100"),
        ({"timeout": -1}, {}, "`meta.synth.gretel.timeout`"),
    ],
)
def test_what_gretel_does_not_have_is_named(
    options: dict[str, object], backend_options: dict[str, float], said_of_it: str
) -> None:
    with pytest.raises(ConfigError) as failure:
        gretel(options, 1000, **backend_options)
    assert said_of_it in str(failure.value)


def test_more_rows_than_a_model_makes_are_refused() -> None:
    assert gretel({"model": "navigator_ft"}, rows=127_000)
    with pytest.raises(ConfigError, match="at most 130,000 rows, not 128,000"):
        gretel({"model": "navigator_ft"}, rows=128_000)


def nemo(options: Mapping[str, object], **backend_options: Any) -> dict[str, Any]:
    (step,) = nemo_config.steps(request_of(sections={"nemo": options}, **backend_options))
    return dict(step.config)


def test_nemo_holds_nothing_out_and_makes_some_rows_to_spare() -> None:
    config = nemo({"generation": {"temperature": 0.7}})
    assert config["data"] == {"holdout": 0, "max_holdout": 0, "random_state": 9}
    assert config["generation"]["num_records"] == 1030
    assert config["generation"]["temperature"] == 0.7
    assert config["privacy"] == {"dp_enabled": False}


def test_nemo_keeps_to_a_budget() -> None:
    privacy_fields = {"dp_enabled": True, "epsilon": 6.0, "delta": "auto", "per_sample_max_grad_norm": 1.0}
    assert nemo({}, epsilon=6.0)["privacy"] == privacy_fields


@pytest.mark.parametrize(
    ("options", "backend_options", "said_of_it"),
    [
        ({"trainning": {}}, {}, "did you mean `training`"),
        ({"training": {"epochs": 3}}, {}, "unknown key `meta.synth.nemo.training.epochs`"),
        ({"generation": {"num_records": 3}}, {}, "unknown key `meta.synth.nemo.generation.num_records`"),
        ({}, {"epsilon": 0.01}, "from 0.1 to 100 for nemo"),
        ({}, {"delta": 0.01}, "needs an `epsilon`"),
    ],
)
def test_what_nemo_does_not_have_is_named(
    options: dict[str, object], backend_options: dict[str, float], said_of_it: str
) -> None:
    with pytest.raises(ConfigError) as failure:
        nemo(options, **backend_options)
    assert said_of_it in str(failure.value)


def test_rows_of_an_entity_are_learned_together_by_the_models_that_can() -> None:
    entities = np.array([7, 7, 9])
    navigator = {"gretel": {"model": "navigator_ft"}}
    for request, group in (
        (request_of(sections=navigator), None),
        (replace(request_of(sections=navigator), entities=entities), ENTITY),
    ):
        (step,) = gretel_config.steps(request)
        models: Any = step.config["models"]
        assert models[0]["navigator_ft"]["group_training_examples_by"] == group
        assert gretel_config.is_grouped(request) == bool(group)
    assert not gretel_config.is_grouped(replace(request_of(), entities=entities))
    (step,) = nemo_config.steps(replace(request_of(), entities=entities))
    data: Any = step.config["data"]
    assert data["group_training_examples_by"] == ENTITY


def task(backend: str, **model: Any) -> Task:
    relation = Relation("db", "marts", "orders")
    facts: dict[str, Any] = {"primary_key": ("order_id",), "unique": (("order_id",),), **model}
    described_model = Model("model.shop.orders", "orders", relation, "models/orders.yml", "table", **facts)
    return Task(described_model, relation, Options(backend=backend))


@pytest.mark.parametrize("backend", ["gretel", "nemo"])
def test_a_budget_that_would_protect_rows_and_not_entities_is_refused(backend: str) -> None:
    budget = BackendOptions(epsilon=1.0)
    accept(task(backend, backend_options=budget))
    accept(task(backend, backend_options=budget, entity="order_id"))
    key = ForeignKey("user_id", "model.shop.users", "id", "test")
    accept(task(backend, backend_options=budget, foreign_keys=(key,), unique=(("user_id",),)))
    for facts in ({"entity": "user_id"}, {"foreign_keys": (key,)}):
        with pytest.raises(ConfigError, match="user_id may have several"):
            accept(task(backend, backend_options=budget, **facts))
        accept(task(backend, **facts))


def test_the_local_backend_keeps_a_budget_by_guarantee() -> None:
    accept(task("local"))
    accept(task("local", backend_options=BackendOptions(epsilon=1.0)))


@pytest.mark.parametrize(
    "address", ["nemo.example.com", "ftp://x", "https://user:secret@x", "https://x/?key=secret"]
)
def test_an_address_that_is_none_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(ConfigError, match="NEMO_ENDPOINT must be an address") as failure:
        NemoBackend.connect({"NEMO_ENDPOINT": address})
    assert "secret" not in str(failure.value)


def test_a_backend_shows_no_secret() -> None:
    variables = {"GRETEL_API_KEY": "grtu-secret", "GRETEL_PROJECT": "synth-demo"}
    assert "secret" not in repr(vars(GretelBackend.connect(variables)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("CUDA out of memory.\nTraceback …", "CUDA out of memory"),
        ("cannot convert 'Jane Doe' to float", "cannot convert … to float"),
        ("bad row: jane@example.com, 1987-02-03", "bad row: … …"),
        ("see https://x/y?X-Signature=abc for more", "see … for more"),
        ("key grtu0123456789 is invalid", "key … is invalid"),
        ("x" * 500, "x" * 200),
        (None, ""),
        ("", ""),
    ],
)
def test_what_a_service_says_is_shown_without_values_and_secrets(text: object, message: str) -> None:
    assert redact(text) == message


def test_each_backend_sees_its_own_variables_only() -> None:
    environment = {
        "GRETEL_API_KEY": "grtu",
        "NEMO_TOKEN": "t",
        "PGPASSWORD": "p",
        "AWS_SECRET_ACCESS_KEY": "s",
    }
    assert variables_of_backends(environment) == {"GRETEL_API_KEY": "grtu", "NEMO_TOKEN": "t"}
    with pytest.raises(ConfigError, match="GRETEL_API_KEY is not set"):
        open_backend("gretel", {"NEMO_API_KEY": "grtu"})


def test_a_backend_is_opened_once_a_run() -> None:
    backends = Backends({"NEMO_ENDPOINT": "https://nemo.example.com"})
    assert backends["nemo"] is backends["nemo"]
    assert backends["local"] is not Backends({})["local"]
    backends.cancel()
