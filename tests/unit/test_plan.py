"""Every setting of a task is decided, in an order that makes parents first."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.domain import BackendOptions, ForeignKey, Model, Policy, Privacy, Relation, Rows
from synth.errors import ConfigError
from synth.plan import clusters, plan
from synth.settings import Flags, Settings, resolve

if TYPE_CHECKING:
    from pathlib import Path

    from synth.domain import Layer

PROFILES = (
    "shop: {outputs: {default: {type: postgres, host: h, port: 5432, user: u, password: p, "
    "dbname: warehouse, schema: dev}}}"
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder: Path = tmp_path_factory.mktemp("project")
    (folder / "dbt_project.yml").write_text("name: shop\nprofile: shop\n")
    (folder / "profiles.yml").write_text(PROFILES)
    return resolve(Flags(project_dir=folder, profiles_dir=folder), {})


def model(
    name: str, *parents: str, schema: str = "dev", alias: str = "", options: Layer | None = None
) -> Model:
    keys = tuple(
        ForeignKey(f"{parent}_id", f"model.shop.{parent}", "id", f"{name}_to_{parent}") for parent in parents
    )
    return Model(
        unique_id=f"model.shop.{name}",
        name=name,
        relation=Relation("warehouse", schema, alias or name),
        path="models/_models.yml",
        materialized="table",
        options=options or {},
        foreign_keys=keys,
    )


def order(settings: Settings, *models: Model) -> list[str]:
    return [task.model.name for task in plan(models, settings).tasks]


def test_a_task_has_every_setting_and_its_target_is_beside_the_other_twins(settings: Settings) -> None:
    (task,) = plan([model("users", alias="people")], settings).tasks
    assert (task.backend, task.rows, task.seed) == ("local", Rows(), 0)
    assert task.target == Relation("warehouse", "synthetic", "people")


def test_flags_and_environment_beat_the_model_which_beats_the_project(settings: Settings) -> None:
    layered_settings = dataclasses.replace(
        settings, overrides={"seed": 1}, defaults={"seed": 3, "rows": Rows(count=3), "backend": "local"}
    )
    (task,) = plan([model("users", options={"seed": 2, "rows": Rows(count=2)})], layered_settings).tasks
    assert (task.seed, task.rows) == (1, Rows(count=2))
    (task,) = plan([model("users")], layered_settings).tasks
    assert (task.seed, task.rows) == (1, Rows(count=3))


def test_parents_come_before_their_children_and_else_names_decide(settings: Settings) -> None:
    models = [model("a", "c"), model("d"), model("c", "d"), model("b")]
    assert order(settings, *models) == ["b", "d", "c", "a"]
    assert order(settings, *reversed(models)) == ["b", "d", "c", "a"]


def test_a_parent_that_gets_no_twin_and_a_model_itself_are_no_obstacle(settings: Settings) -> None:
    assert order(settings, model("a", "a", "elsewhere")) == ["a"]


def refusals(settings: Settings, *models: Model) -> dict[str, str]:
    """Why models are refused, by name, beside one that is not."""
    work = plan([*models, model("other")], settings)
    assert "other" in [task.model.name for task in work.tasks]
    return {result.task.model.name: result.message for result in work.refused_results}


def test_models_that_reference_each_other_are_refused_alone_with_the_tests_that_say_so(
    settings: Settings,
) -> None:
    circle = [model("a", "b"), model("b", "a")]
    messages = refusals(settings, *circle)
    assert set(messages) == {"a", "b"}
    for part in ("in a circle", "a_to_b", "b_to_a", "`severity: warn`", "Next: "):
        assert part in messages["a"]
    assert order(settings, *circle, model("child", "a"), model("other")) == ["child", "other"]


def test_an_unknown_backend_of_a_model_refuses_it_alone(settings: Settings) -> None:
    messages = refusals(settings, model("a", options={"backend": "locla"}))
    assert "(model.shop.a): unknown backend 'locla'; did you mean `local`" in messages["a"]


@pytest.mark.parametrize("place", ["--backend", "vars.synth.backend"])
def test_an_unknown_backend_of_all_models_names_where_it_was_typed(settings: Settings, place: str) -> None:
    wrong = {"backend": "locla"}
    wrong_settings = dataclasses.replace(settings, defaults=wrong)
    if place == "--backend":
        wrong_settings = dataclasses.replace(settings, overrides=wrong, flags=Flags(options=wrong))
    with pytest.raises(ConfigError, match=f"{place}.*unknown backend 'locla'; did you mean `local`"):
        plan([model("a")], wrong_settings)


def test_a_guarantee_is_asked_for_by_its_name_or_by_an_epsilon_of_the_model(settings: Settings) -> None:
    by_name = model("a", options={"privacy": Privacy.GUARANTEED})
    own = dataclasses.replace(model("b"), backend_options=BackendOptions(epsilon=1.0))
    by_checks = dataclasses.replace(
        model("c", options={"privacy": Privacy.CHECKED}), backend_options=BackendOptions(epsilon=1.0)
    )
    of_project = dataclasses.replace(settings, defaults={"epsilon": 2.0})
    tasks = {task.model.name: task for task in plan([by_name, own, by_checks, model("d")], of_project).tasks}
    assert [tasks[name].by_guarantee for name in "abcd"] == [True, True, False, False]
    assert tasks["d"].guarantee.epsilon == 2.0
    assert tasks["d"].on_inconclusive is Policy.PROTECT
    messages = refusals(settings, model("a", options={"backend": "nemo", "privacy": Privacy.GUARANTEED}))
    assert "backend nemo cannot honour `privacy: guaranteed`" in messages["a"]


def test_without_the_extra_only_those_who_ask_for_a_guarantee_are_refused(settings: Settings) -> None:
    bare = dataclasses.replace(settings, private=False)
    assert plan([model("a")], bare).tasks[0].on_inconclusive is Policy.BLOCK
    requests: list[Layer] = [{"privacy": Privacy.GUARANTEED}, {"on_inconclusive": Policy.PROTECT}]
    for options in requests:
        messages = refusals(bare, model("a", options=options))
        assert (
            "needs the extra `dp`, which is not installed. Next: pip install 'dbt-synth[dp]'" in messages["a"]
        )


def test_models_of_one_twin_name_are_refused_alone_with_both_names(settings: Settings) -> None:
    messages = refusals(settings, model("a", alias="x"), model("b", alias="x", schema="dev_other"))
    assert set(messages) == {"a", "b"}
    assert re.search(r"model\.shop\.a .* and model\.shop\.b .* one twin, 'x'", messages["b"])


def test_a_twin_may_not_take_the_name_of_our_own_tables(settings: Settings) -> None:
    assert "_synth_ are kept" in refusals(settings, model("a", alias="_synth_runs"))["a"]


@pytest.mark.parametrize(
    ("schema", "owner"),
    [
        ("dev", "target 'default' of the dbt profile"),
        ("real", r"model\.shop\.a"),
        ("real__staging", r"model\.shop\.a"),
    ],
)
def test_twins_never_go_where_real_tables_are(settings: Settings, schema: str, owner: str) -> None:
    wrong_settings = dataclasses.replace(settings, schema="real", staging_schema="real__staging")
    if schema == "dev":
        wrong_settings = dataclasses.replace(settings, schema="dev")
    with pytest.raises(ConfigError, match=f"schema '{schema}' holds real tables, of {owner}"):
        plan([model("a", schema=schema if schema != "dev" else "b")], wrong_settings)


def test_clusters_join_what_foreign_keys_join_and_keep_the_order(settings: Settings) -> None:
    models = [
        model("a", "b"),
        model("b"),
        model("c", "d"),
        model("d"),
        model("e"),
        model("f", "a", "d", "zz"),
    ]
    groups = clusters(plan(models, settings).tasks)
    assert [[task.model.name for task in group] for group in groups] == [["b", "d", "a", "c", "f"], ["e"]]
    assert clusters(()) == ()


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20))
def test_any_graph_without_a_circle_is_ordered_and_split_completely(
    settings: Settings, edges: list[tuple[int, int]]
) -> None:
    parents = {
        child: [f"m{parent}" for parent, other in edges if other == child and parent < child]
        for child in range(10)
    }
    tasks = plan([model(f"m{child}", *parents[child]) for child in range(10)], settings).tasks
    place = {task.model.name: position for position, task in enumerate(tasks)}
    assert all(place[parent] < place[f"m{child}"] for child in parents for parent in parents[child])
    groups = clusters(tasks)
    home = {task.model.name: number for number, group in enumerate(groups) for task in group}
    assert sorted(home) == sorted(place)
    assert all(home[parent] == home[f"m{child}"] for child in parents for parent in parents[child])
