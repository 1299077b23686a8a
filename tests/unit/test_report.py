"""The report: complete, plain, safe against hostile names, and readable by everybody."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import pandas as pd
import pytest

import synth.report
from synth.domain import (
    Accuracy,
    Aspect,
    Check,
    ColumnFit,
    Evaluation,
    Model,
    Options,
    Policy,
    Relation,
    Task,
    Utility,
    Verdict,
)
from synth.evaluate.portrait import portrait
from synth.report import ColumnTreatment, Document, make_document, render_report, words
from synth.report.palette import DARK, LIGHT, SHAPES, TEXTS, contrast

if TYPE_CHECKING:
    from synth.domain.figures import Portrait

SCHEMA = Path(synth.report.__file__).with_name("evaluation.schema.json")
HOSTILE = ["<script>alert(1)</script>", "\"' onload=x &amp;<img src=//e.org>", "x" * 200, "עמודה מימין לשמאל"]
VOID = {"meta", "link", "br"}


class Page(HTMLParser):
    """Reads a page: its elements, its text, and that every element is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.pictures: list[set[str]] = []  # what every picture holds
        self.open: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "svg":
            self.pictures.append(set())
        elif "svg" in self.open:
            self.pictures[-1].add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def task(name: str = "people", policy: Policy = Policy.BLOCK) -> Task:
    model = Model(f"model.shop.{name}", name, Relation("w", "analytics", name), "models/m.yml", "table")
    return Task(model, Relation("w", "synthetic", name), Options(seed=3, on_inconclusive=policy))


def check(name: str, verdict: Verdict = Verdict.PASS, **facts: Any) -> Check:
    fields: dict[str, Any] = {
        "value": 0.01,
        "low": -0.01,
        "high": 0.03,
        "limit": 0.05,
        "explain": f"On {name}.",
    }
    return Check(name, verdict=verdict, **{**fields, "training": 900, "holdout": 200, **facts})


CHECKS = (
    check("exact_rows"),
    check("membership", value=0.51, low=0.49, high=0.53, limit=0.55),
    check("rare_labels", value=0.0, low=0.0, high=0.0, limit=0.0),
    check("pair_accuracy", aspect=Aspect.QUALITY),
    check("c2st", value=0.6, low=0.5, high=0.7, limit=0.9, aspect=Aspect.QUALITY, gating=False),
)


def evaluation(*checks: Check, **facts: Any) -> Evaluation:
    return Evaluation(
        fidelity=0.984,
        checks=checks or CHECKS,
        rows={"training": 900, "holdout": 200, "synthetic": 1_000},
        accuracies=(Accuracy(1, 0.97, 0.98), Accuracy(2, 0.94, 0.96), Accuracy(3, 0.9, 0.91)),
        columns=(ColumnFit("city", 0.97, 0.98, 0.0, 0.0), ColumnFit("age", 0.95, 0.99, 0.004, 0.1)),
        utility=(Utility("city", "auc", 0.9, 0.92),),
        **facts,
    )


def frame(seed: int, rows: int, names: list[str]) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({name: rng.integers(0, 90, rows) for name in names})


def picture(names: list[str]) -> Portrait:
    return portrait(frame(1, 900, names), frame(2, 200, names), frame(3, 1_000, names))


def hostile() -> Document:
    handling = [
        ColumnTreatment(column=name, data_type="text", role="key", origin=name, action="new")
        for name in HOSTILE
    ]
    document = evaluation(
        check("worst_column", explain=f"In '{HOSTILE[0]}'.", aspect=Aspect.QUALITY), *CHECKS
    )
    return make_document(
        task(HOSTILE[0]),
        "run-1",
        document,
        published_rows=1_000,
        treatments=handling,
        portrait=picture(HOSTILE),
        warnings=HOSTILE,
    )


WITH_PICTURES = make_document(
    task(), "run-1", evaluation(), published_rows=1_000, portrait=picture(["city", "age"])
)
UNDECIDED_EVALUATION = evaluation(check("exact_rows", Verdict.INCONCLUSIVE), *CHECKS[1:])
FAILED_EVALUATION = evaluation(check("exact_rows", Verdict.FAIL, value=0.6, low=0.5, high=0.7), *CHECKS[1:])
BROKEN_EVALUATION = evaluation(check("near_copies", Verdict.ERROR, value=0.0, low=-1.0, high=1.0), *CHECKS)
DOCUMENTS = {
    "pass": WITH_PICTURES,
    "hostile": hostile(),
    "without pictures": make_document(task(), "run-1", evaluation(), published_rows=1_000),
    "fail": make_document(
        task(), "run-1", FAILED_EVALUATION, published_rows=None, portrait=picture(["city", "age"])
    ),
    "inconclusive": make_document(task(), "run-1", UNDECIDED_EVALUATION, published_rows=None),
    "warned": make_document(task(policy=Policy.WARN), "run-1", UNDECIDED_EVALUATION, published_rows=1_000),
    "error": make_document(task(), "run-1", BROKEN_EVALUATION, published_rows=None),
    "keys only": make_document(task(), "run-1", None, published_rows=1_000),
    "no holdout": make_document(
        task(), "run-1", Evaluation(None, CHECKS[:1], {"training": 900, "synthetic": 9}), published_rows=9
    ),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_document_follows_the_schema_and_comes_back_as_it_was(name: str) -> None:
    content = DOCUMENTS[name].model_dump(mode="json")
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text("utf-8"))).validate(content)
    assert Document.model_validate_json(json.dumps(content, allow_nan=False)) == DOCUMENTS[name]


def test_the_committed_schema_is_that_of_the_document() -> None:
    schema = Document.model_json_schema(mode="serialization")
    assert json.loads(SCHEMA.read_text("utf-8")) == schema, (
        "Next: python -c 'import json; from synth.report import Document; print(json.dumps("
        'Document.model_json_schema(mode="serialization"), indent=2))\' > synth/report/evaluation.schema.json'
    )


def test_a_document_with_an_unknown_key_is_refused() -> None:
    schema = json.loads(SCHEMA.read_text("utf-8"))
    content = {**WITH_PICTURES.model_dump(mode="json"), "rows_of_people": []}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, schema)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_report_is_whole_and_loads_nothing(name: str) -> None:
    page = render_report(DOCUMENTS[name])
    read = Page(page)
    assert read.open == []
    assert not {"script", "img", "iframe", "object", "embed", "base", "form"} & {
        tag for tag, _ in read.elements
    }
    for tag, attributes in read.elements:
        assert not any(key.startswith("on") for key in attributes), tag
        for key in ("href", "src"):
            assert (attributes.get(key) or "#").startswith(("#", "data:,")), attributes
    assert not re.search(r"@import|url\(", page)
    assert len(page.encode()) < 1_500_000


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_picture_has_a_title_and_a_description(name: str) -> None:
    read = Page(render_report(DOCUMENTS[name]))
    pictures = [attributes for tag, attributes in read.elements if tag == "svg"]
    ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for attributes, within in zip(pictures, read.pictures, strict=True):
        if attributes.get("aria-hidden") == "true":
            continue
        assert attributes["role"] == "img"
        assert {"title", "desc"} <= within
        assert set((attributes["aria-labelledby"] or "").split()) <= set(ids)


def test_the_numbers_of_every_picture_stand_beside_it_as_text() -> None:
    text = Page(render_report(WITH_PICTURES)).text
    picture_content = WITH_PICTURES.portrait
    for item in picture_content.distributions:
        for cell in item.cells:
            assert cell.label in text
            assert f"{cell.training:.1%}" in text
    assert picture_content.associations is not None
    assert f"{picture_content.associations.training[1][0]:.2f}" in text
    assert picture_content.roc is not None
    assert f"{picture_content.roc.auc:.3f}" in text
    for accuracy in WITH_PICTURES.accuracies:
        assert f"{accuracy.synthetic:.1%} of {accuracy.ceiling:.1%}" in text
    assert "0.510 (0.490 to 0.530)" in text


def test_hostile_names_stay_text() -> None:
    page = render_report(DOCUMENTS["hostile"])
    read = Page(page)
    assert "<script" not in page
    assert "<img" not in page
    for name in HOSTILE:
        assert name in read.text
    assert HOSTILE[0] in read.text


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("pass", "No leakage was found by these 3 attacks, and the twin reaches 98.4% of the fidelity"),
        ("fail", "Failed: not published"),
        ("fail", "1 of 4 checks failed."),
        ("inconclusive", "Undecided: not published"),
        ("inconclusive", "The table is too small to decide 1 of 4 checks."),
        ("warned", "Undecided, and let through"),
        ("error", "Not computed: not published"),
        ("keys only", "there is nothing that could be compared"),
        ("no holdout", "Without held-out rows there is nothing to compare distances with."),
    ],
)
def test_the_first_screen_says_the_verdict_in_plain_words(name: str, says: str) -> None:
    text = " ".join(Page(render_report(DOCUMENTS[name])).text.split())
    assert says in text
    assert "What this does not prove." in text
    assert "No differential privacy guarantee." in text


def test_differential_privacy_is_stated_with_its_budget_and_what_it_leaves_out() -> None:
    document = make_document(task(), "run-1", evaluation(), published_rows=1_000, epsilon=2.5)
    text = " ".join(Page(render_report(document)).text.split())
    assert "No differential privacy guarantee." not in text
    assert "ε = 2.5" in text
    assert "nor the decision to publish" in text


def test_a_failed_check_is_explained_on_the_first_screen() -> None:
    page = render_report(DOCUMENTS["fail"])
    assert "On exact_rows." in page[: page.index("<nav")]


def test_a_figure_beyond_its_limit_that_passes_is_called_chance() -> None:
    by_chance = check("near_copies", value=10.0, low=0.0, high=12.0, limit=3.0)
    beyond, within = (
        render_report(make_document(task(), "run-1", evaluation(one), published_rows=1_000))
        for one in (by_chance, check("near_copies", value=1.0, low=0.0, high=12.0, limit=3.0))
    )
    assert "chance explains as many; the limit, 3, is for what it does not explain" in beyond
    assert "chance explains as many" not in within


def test_a_moved_limit_is_called_customised() -> None:
    custom_evaluation = evaluation(check("exact_rows", limit=20, has_custom_limit=True), *CHECKS[1:])
    text = " ".join(
        Page(render_report(make_document(task(), "r", custom_evaluation, published_rows=9))).text.split()
    )
    assert "customised limit" in text
    assert "Customised: exact_rows 20" in text
    assert "Customised:" not in Page(render_report(WITH_PICTURES)).text


def test_redrawn_rows_and_repeated_attempts_are_told() -> None:
    redrawn_evaluation = evaluation(redrawn_rows=7, attempt=4, retry_reason="the source was mended")
    text = " ".join(
        Page(render_report(make_document(task(), "r", redrawn_evaluation, published_rows=9))).text.split()
    )
    assert "7 rows were drawn anew" in text
    assert "4, because: the source was mended" in text


def test_few_nulls_are_not_counted_out() -> None:
    by_name = {column.name: column for column in WITH_PICTURES.columns}
    assert (by_name["age"].null_training, by_name["city"].null_training) == (None, 0.0)
    assert "under ten rows" in render_report(WITH_PICTURES)


def test_figures_that_are_no_numbers_are_left_out_of_the_document() -> None:
    odd_evaluation = evaluation(check("exact_rows", Verdict.ERROR, value=float("nan"), high=float("inf")))
    (item,) = make_document(task(), "r", odd_evaluation, published_rows=None).checks
    assert (item.value, item.ci_high) == (None, None)
    assert "–" in render_report(make_document(task(), "r", odd_evaluation, published_rows=None))


def test_three_hundred_columns_make_no_large_file() -> None:
    names = [f"a_rather_long_name_of_a_column_{n}" for n in range(300)]
    page = render_report(make_document(task(), "r", evaluation(), published_rows=9, portrait=picture(names)))
    assert len(page.encode()) < 1_500_000
    assert "The 100 of 300 columns that differ most." in page


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_stands_out_in_both_schemes(scheme: dict[str, str]) -> None:
    for text, ground in TEXTS:
        assert contrast(scheme[text], scheme[ground]) >= 4.5, (text, ground)
    for shape, ground in SHAPES:
        assert contrast(scheme[shape], scheme[ground]) >= 3, (shape, ground)


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_templates_call_only_what_there_is() -> None:
    folder = Path(synth.report.__file__).with_name("templates")
    text = "".join(path.read_text() for path in folder.glob("*.j2"))
    names = set(re.findall(r"\bwords\.(\w+)", text))
    assert names
    assert not {name for name in names if not hasattr(words, name)}
