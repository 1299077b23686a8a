"""An option is defined once, and is there in all places: files, flags, environment, page and fingerprint."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from docs.option_tables import PAGE, with_tables
from synth.cli import cli
from synth.declarations import model_options
from synth.domain import OPTIONS, Model, Option, Options, Relation, Rows, Task, merge
from synth.plan import plan
from synth.runs.attempts import requested_options
from synth.runs.fingerprint import SETTINGS, inputs
from synth.settings import RUN_OPTIONS, Flags, Settings, resolve
from synth.validation import layer_of

if TYPE_CHECKING:
    from pathlib import Path

PROFILE = "{type: postgres, host: h, port: 5432, user: u, password: p, dbname: w, schema: dev}"
MODEL = Model("model.shop.people", "people", Relation("w", "dev", "people"), "m.yml", "table")

every_option = pytest.mark.parametrize("option", OPTIONS, ids=lambda one: one.name)
every_run_option = pytest.mark.parametrize("option", RUN_OPTIONS, ids=lambda one: one.name)


def other_than(option: Option) -> str:
    """A value that is not the default, as a shell writes it."""
    if option.choices:
        return next(word for word in option.choices if word != option.default)
    if option.is_switch:
        return str(not option.default).lower()
    if option.is_mapping:
        return "near_copies=0.25"
    return {int: "7", float: "0.25", Rows: "7"}.get(type(option.default), "nemo")


def in_file(option: Option, text: str) -> Any:
    """The same as YAML has it."""
    return dict([text.split("=")]) if option.is_mapping else text


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "profiles.yml").write_text(f"shop: {{outputs: {{default: {PROFILE}}}}}")
    (tmp_path / "dbt_project.yml").write_text("{name: shop, profile: shop}")
    return tmp_path


def settings(project: Path, *, flags: Any = None, section: Any = None, **environ: str) -> Settings:
    if section:
        text = str({"name": "shop", "profile": "shop", "vars": {"synth": section}})
        (project / "dbt_project.yml").write_text(text)
    return resolve(Flags(project_dir=project, profiles_dir=project, options=flags or {}), environ)


def options_of(settings: Settings, model: Model = MODEL) -> Options:
    work = plan([model], settings)
    tasks = [*work.tasks, *(result.task for result in work.refused_results)]
    return tasks[0].options


@every_option
def test_flag_variable_model_and_project_decide_alike_and_in_this_order(
    option: Option, project: Path
) -> None:
    text = other_than(option)
    value, section = option.read(text), {option.name: in_file(option, text)}
    model = replace(MODEL, options=layer_of(model_options(section, "m.yml")[0], OPTIONS))
    assert value != option.default
    places = [
        settings(project, flags={option.name: text}),
        settings(project, **{option.variable: text}),
        settings(project, section=section),
    ]
    assert [getattr(options_of(place), option.name) for place in places] == [value] * 3
    assert getattr(options_of(settings(project, section={"seed": 1}), model), option.name) == value
    layers: list[Any] = [{option.name: number} for number in range(4)]
    assert merge(*layers)[option.name] == 0
    assert merge({}, *layers[2:])[option.name] == 2


@every_run_option
def test_options_of_a_run_are_read_from_shell_and_project(option: Option, project: Path) -> None:
    text = {"reference": "declared", "budget": "1"}.get(option.name) or other_than(option)
    value = option.read(text)
    assert getattr(settings(project, section={option.name: text}).options, option.name) == value
    if option.has_flag:
        assert getattr(settings(project, flags={option.name: text}).options, option.name) == value
        assert getattr(settings(project, **{option.variable: text}).options, option.name) == value


@pytest.mark.parametrize(
    "option", [one for one in OPTIONS if one.name != "backend"], ids=lambda one: one.name
)
def test_a_wrong_value_names_its_place(option: Option, project: Path) -> None:
    for place, error in (
        ({"flags": {option.name: "?"}}, f"{option.flag}: give "),
        ({option.variable: "?"}, f"{option.variable}: give "),
        ({"section": {option.name: "?"}}, f"`vars.synth.{option.name}`"),
    ):
        with pytest.raises(Exception, match=error):
            settings(project, **place)
    with pytest.raises(Exception, match=rf"m\.yml: `meta\.synth\.{option.name}`"):
        model_options({option.name: "?"}, "m.yml")


@every_option
@pytest.mark.parametrize("command", ["run", "ls", "plan"])
def test_commands_have_its_flag_with_default_and_variable(option: Option, command: str) -> None:
    flag = next(one for one in cli.commands[command].params if option.flag in one.opts)
    text = str(getattr(flag, "help", ""))
    assert f"[default: {option.default_text}]" in text
    assert f"[env: {option.variable}]" in text


@every_option
def test_another_value_makes_another_twin_and_asks_another_question(option: Option, project: Path) -> None:
    no_settings = settings(project)
    before = Task(MODEL, MODEL.relation)
    after = before.with_options(**{option.name: option.read(other_than(option))})

    def decisions(task: Task) -> str:
        question = requested_options(task, no_settings)
        return inputs(task, no_settings, columns=(), rows="", options=question, parents={})[SETTINGS]

    assert (decisions(before) != decisions(after)) is option.makes_twin
    assert (
        requested_options(before, no_settings) != requested_options(after, no_settings)
    ) is option.asks_gate


def test_only_a_time_limit_makes_no_other_twin_and_only_the_guarantee_asks_nothing_of_the_gate() -> None:
    assert [one.name for one in OPTIONS if not one.makes_twin] == ["evaluation_timeout"]
    assert [one.name for one in OPTIONS if one.asks_gate] == ["backend", "rows", "seed", "limits"]


def test_the_page_of_options_has_every_one() -> None:
    page = PAGE.read_text("utf-8")
    assert page == with_tables(page), "Next: python -m docs.option_tables"
    for option in (*OPTIONS, *RUN_OPTIONS):
        names = [option.name, option.flag, option.variable] if option.has_flag else [option.name]
        assert all(f"`{name}`" in page for name in names)


@pytest.mark.parametrize("text", ["near_copies", "=1", "near_copies=", "a=1,,b=2"])
def test_limits_of_a_shell_are_pairs(text: str, project: Path) -> None:
    with pytest.raises(Exception, match="--limits: give "):
        settings(project, flags={"limits": text})


def test_a_shell_writes_several_limits_with_commas(project: Path) -> None:
    read_settings = settings(project, SYNTH_LIMITS="near_copies=0.1, pair_accuracy=2e-2")
    assert read_settings.overrides == {"limits": {"near_copies": 0.1, "pair_accuracy": 0.02}}
