"""Twins by guarantee: what is public of a column, what is made without a look, and what is paid."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synth.columns.patterns import read_pattern
from synth.columns.placeholders import has_placeholder, placeholders
from synth.columns.roles import assign_unseen
from synth.columns.unseen import PRESENT, assemble_unseen, private_columns, unseen_keys
from synth.domain import (
    Aspect,
    Check,
    Column,
    Evaluation,
    Formula,
    Guarantee,
    Kind,
    Model,
    Options,
    Ownership,
    Policy,
    Privacy,
    PublicValues,
    Relation,
    Role,
    Rule,
    Task,
    Verdict,
    merge,
)
from synth.errors import ModelError
from synth.facts.enforceable import EnforceableFacts
from synth.guarantee import OTHER
from synth.runs.costs import beyond_budget, domain_of, rows_per_entity
from synth.sampling.repair import orders_of, repair_rows
from synth.twins.gate import is_for_guarantee, passes
from synth.twins.publicly import Publicly, PublicParents, publicly, refuse_unknown, without_labels
from synth.warehouse.spending import Spending

MODEL = Model(
    "model.shop.people",
    "people",
    Relation("w", "analytics", "people"),
    "models/_models.yml",
    "table",
    primary_key=("id",),
    unique=(("id",),),
)
TASK = Task(MODEL, Relation("w", "synthetic", "people"))
RNG = np.random.default_rng(0)


def column(name: str, kind: Kind, **more: Any) -> Column:
    return Column(name, {"text": "text"}.get(kind, str(kind)), kind, **{"not_null": False, **more})


COLUMNS = (
    column("id", Kind.INTEGER, bits=32, not_null=True),
    column("email", Kind.TEXT),
    column("plan", Kind.TEXT),
    column("city", Kind.TEXT),
    column("amount", Kind.DECIMAL, precision=8, scale=2),
    column("total", Kind.DECIMAL, precision=8, scale=2),
    column("joined", Kind.DATE),
    column("status", Kind.TEXT),
)


def public_of(model: Model = MODEL, enforceable: EnforceableFacts | None = None) -> Publicly:
    return publicly(
        model,
        COLUMNS,
        twins=(),
        enums={"status": ("new", "old")},
        enforceable=enforceable or EnforceableFacts(),
        parents=PublicParents(lambda _: None),
    )


# --- what is public


def test_a_name_beside_contacts_is_that_of_somebody() -> None:
    name, plan = column("name", Kind.TEXT), column("plan_name", Kind.TEXT)
    phone = column("phone", Kind.TEXT)

    def roles(*columns: Column, model: Model = MODEL) -> list[Role]:
        return [one.role for one in assign_unseen(model, columns)]

    assert roles(name, plan, phone) == [Role.NAME, Role.CATEGORY, Role.PHONE]
    assert roles(name, plan) == [Role.CATEGORY, Role.CATEGORY]
    by_owner = replace(MODEL, roles={"name": Role.CATEGORY})
    assert roles(name, phone, model=by_owner) == [Role.CATEGORY, Role.PHONE]
    by_test = replace(MODEL, public=(PublicValues("name", labels=("a", "b"), source="a test"),))
    assert roles(name, phone, model=by_test) == [Role.CATEGORY, Role.PHONE]


def test_roles_without_a_look_follow_names_types_and_facts() -> None:
    roles = {one.column.name: one.role for one in assign_unseen(MODEL, COLUMNS)}
    assert roles == {
        "id": Role.KEY,
        "email": Role.EMAIL,
        "plan": Role.CATEGORY,
        "city": Role.CATEGORY,
        "amount": Role.NUMBER,
        "total": Role.NUMBER,
        "joined": Role.DATETIME,
        "status": Role.CATEGORY,
    }


def test_domains_come_from_tests_declarations_types_and_rules_and_the_rest_is_paid_for() -> None:
    message = (
        PublicValues("plan", ("free", "firm"), source="accepted_values_plan"),
        PublicValues("amount", low=0.0, source="declared"),
    )
    enforceable = EnforceableFacts(
        of_rows=(Rule("amounts_are_small", '("amount" <= 500)'),),
        formulas={Formula("total", '"amount" * 2'): frozenset({"amount"})},
    )
    public = public_of(replace(MODEL, public=message), enforceable)
    assert public.domains["plan"].labels == ("free", "firm")
    assert (public.domains["amount"].low, public.domains["amount"].high) == (0.0, 500.0)
    assert public.domains["amount"].decimals == 2
    assert public.domains["status"].labels == ("new", "old")
    assert public.domains["email"].labels == (PRESENT,)  # nothing but whether it is there
    assert "total" not in public.domains  # the project's SQL computes it
    assert public.incomplete == ("city", "joined")
    assert public.sources["plan"] == "accepted_values_plan"
    assert public.sources["city"] == "paid for"


@pytest.mark.parametrize(
    ("name", "more", "usual"),
    [
        ("annual_rate", {"scale": 4, "precision": 6}, (2.0**-10, 1)),
        ("annual_rate", {"scale": 2, "precision": 5}, (0.5, 128)),
        ("discountPct", {}, (2.0**-10, 1)),
        ("term_months", {}, (0.5, 128)),
        ("n_rooms", {}, (0.5, 64)),
        ("opened_year", {}, (1024, 2048)),
        ("amount", {}, (0.5, 65_536)),
    ],
)
def test_a_name_says_where_numbers_mostly_are(
    name: str, more: dict[str, Any], usual: tuple[float, float]
) -> None:
    model = replace(MODEL, primary_key=(), unique=())
    public = publicly(
        model,
        [column(name, Kind.DECIMAL, **more)],
        twins=(),
        enums={},
        enforceable=EnforceableFacts(),
        parents=PublicParents(lambda _: None),
    )
    assert public.domains[name].usual == usual


def test_an_owner_who_lets_nothing_be_discovered_gets_the_lines_to_add() -> None:
    with pytest.raises(ModelError, match=r"plan: `labels: \[a, b, …\]`; .*joined: `low: 2020-01-01"):
        refuse_unknown(MODEL, public_of())


# --- what is made


def test_which_columns_are_counted_does_not_depend_on_the_rows() -> None:
    treatments = assign_unseen(MODEL, COLUMNS)
    full: dict[str, list[Any]] = {
        "id": [1, 2],
        "email": ["a@b.c", "d@e.f"],
        "plan": ["free", "firm"],
        "city": ["Oslo", "Rome"],
        "amount": [1.0, 2.0],
        "total": [2.0, 4.0],
        "joined": [None, None],
        "status": ["new", None],
    }
    schema = pa.schema({one.name: pa.string() for one in COLUMNS if one.kind is Kind.TEXT})
    types = {"id": pa.int64(), "amount": pa.float64(), "total": pa.float64(), "joined": pa.date32()}

    def table(values: dict[str, list[Any]]) -> pa.Table:
        kinds = {**{name: schema.field(name).type for name in schema.names}, **types}
        return pa.table({name: pa.array(values[name], kinds[name]) for name in values})

    empty = {name: [None, None] for name in full}
    names = list(private_columns(table(full), treatments))
    assert names == list(private_columns(table({**empty, "id": [1, 2]}), treatments))
    assert "id" not in names
    assert "email" in names


def test_new_keys_lie_where_real_ones_hardly_ever_are() -> None:
    assert unseen_keys(COLUMNS[0], 2, RNG).to_pylist() == [2_000_000_001, 2_000_000_002]
    small = column("id", Kind.INTEGER, bits=16)
    assert unseen_keys(small, 1, RNG).to_pylist() == [30_001]
    texts = unseen_keys(column("code", Kind.TEXT, length=6), 500, RNG).to_pylist()
    assert len({*texts}) == 500
    assert {len(text) for text in texts} == {6}
    with pytest.raises(ModelError, match="no room"):
        unseen_keys(column("code", Kind.TEXT, length=1), 500, RNG)


def test_a_relation_is_made_of_drawn_rows_alone() -> None:
    treatments = tuple(
        one for one in assign_unseen(MODEL, COLUMNS) if one.column.name in {"id", "email", "amount"}
    )
    rows = pd.DataFrame({"email": [PRESENT, None, PRESENT], "amount": [1.25, 2.5, None]})
    twin = assemble_unseen(rows, treatments, parents=lambda _: None, rng=RNG)
    assert twin.column_names == ["id", "email", "amount"]
    assert len(twin.column("id").unique()) == 3
    assert twin.column("email").is_null().to_pylist() == [False, True, False]
    assert all(
        text.partition("@")[2].startswith("example.") for text in twin.column("email").to_pylist() if text
    )


def test_noise_alone_leaves_no_hole_in_a_column_of_keys() -> None:
    treatments = tuple(one for one in assign_unseen(MODEL, COLUMNS) if one.column.name in {"id", "email"})
    rows = pd.DataFrame({"email": np.arange(200) > 0})
    twin = assemble_unseen(rows, treatments, parents=lambda _: None, rng=RNG)
    assert twin.column("email").null_count == 0
    nullable = replace(treatments[0], column=replace(COLUMNS[0], not_null=False), is_required=False)
    assert list(private_columns(pa.table({"id": [1, None]}), (nullable,))) == []


def test_a_category_without_labels_is_null_as_often_as_noise_says() -> None:
    city = next(one for one in assign_unseen(MODEL, COLUMNS) if one.column.name == "city")
    nothing = without_labels(replace(city, pattern=None, is_required=False))
    rows = pd.DataFrame({"city": [OTHER] * 30 + [None] * 70})
    twin = assemble_unseen(rows, [nothing], parents=lambda _: None, rng=RNG)
    assert twin.column("city").null_count == 70
    assert OTHER not in twin.column("city").to_pylist()


@pytest.mark.parametrize(("name", "form"), [("city", r"\D+"), ("zip_code", r"\d{5}"), ("quirk", r"[\w ]+")])
def test_towns_and_postcodes_without_labels_are_made_up_as_such(name: str, form: str) -> None:
    """Of anything else nothing is known: it is text that says nothing."""
    (treatment,) = assign_unseen(MODEL, [column(name, Kind.TEXT)])
    nothing = without_labels(replace(treatment, is_required=True))
    assert nothing.role is (Role.FREE_TEXT if name == "quirk" else Role.ADDRESS)
    twin = assemble_unseen(pd.DataFrame(index=range(30)), [nothing], parents=lambda _: None, rng=RNG)
    assert all(re.fullmatch(form, text) for text in twin.column(name).to_pylist())


def test_numbers_of_something_without_labels_are_all_different() -> None:
    (treatment,) = assign_unseen(MODEL, [column("policy_no", Kind.TEXT)])
    nothing = without_labels(treatment)
    rows = pd.DataFrame({"policy_no": [OTHER] * 30 + [None] * 10})
    twin = assemble_unseen(rows, [nothing], parents=lambda _: None, rng=RNG).column("policy_no")
    assert (twin.null_count, len(twin.drop_null().unique())) == (10, 30)


PATTERNS = EnforceableFacts(
    of_rows=(
        Rule("check phone", "((phone)::text ~ '^\\+49 [0-9]{3,4} [0-9]{5,8}$'::text)"),
        Rule("check mail", "(email IS NULL) OR (email ~ '^[^@]+@[^@]+[.][a-z]+$'::text)"),
        Rule("check code", "(plan ~ '^[A-Z]{3}[0-9]{2}$'::text)"),
        Rule("domain of city", "((city)::text ~ '^[0-9]{5}$'::text)"),
        Rule("check amount", "(amount > (0)::numeric)"),
    )
)


def test_what_is_made_up_unseen_matches_the_patterns_of_constraints() -> None:
    columns = (*COLUMNS[:4], column("phone", Kind.TEXT))
    model = replace(MODEL, roles={"plan": Role.NATURAL_KEY})
    public = publicly(
        model, columns, twins=(), enums={}, enforceable=PATTERNS, parents=PublicParents(lambda _: None)
    )
    city = next(one for one in public.treatments if one.column.name == "city")
    assert city.role is Role.CATEGORY
    no_label_told = without_labels(replace(city, pattern=read_pattern("^[0-9]{5}$"), is_required=True))
    treatments = (*(one for one in public.treatments if one is not city), no_label_told)
    twin = assemble_unseen(pd.DataFrame(index=range(300)), treatments, parents=lambda _: None, rng=RNG)
    patterns = {
        "phone": r"\+49 00[0-9]{1,2} [0-9]{5,8}",
        "email": r"user[0-9]+@example\.[a-z]+",
        "plan": "[A-Z]{3}[0-9]{2}",
        "city": "[0-9]{5}",
    }
    for name, expression in patterns.items():
        assert all(re.fullmatch(expression, text) for text in twin.column(name).to_pylist()), name
    assert len(set(twin.column("plan").to_pylist())) == 300


def test_labels_and_bounds_of_constraints_are_public() -> None:
    rules = (
        Rule("check plan", "((plan)::text = ANY ((ARRAY['free'::varchar, 'paid'::varchar])::text[]))"),
        *PATTERNS.of_rows,
    )
    domains = public_of(enforceable=EnforceableFacts(of_rows=rules)).domains
    assert domains["plan"].labels == ("free", "paid")
    assert domains["amount"].low == 0.01


# --- which rules are kept


def test_rows_in_the_wrong_order_are_put_right_and_numbers_moved_to_bounds() -> None:
    rules = [
        Rule("ends after it begins", '("low" IS NULL) OR ("high" >= ("low")::numeric)'),
        Rule("not negative", "(low >= (0)::numeric)"),
        Rule("something else", "low in (1, 2)"),
    ]
    frame = pd.DataFrame({"low": [5.0, -1.0, 2.0], "high": [3.0, 4.0, 9.0]})
    assert repair_rows(frame, rules, ()).to_dict("list") == {"low": [3.0, 0.0, 2.0], "high": [5.0, 4.0, 9.0]}
    assert orders_of(rules[2]) == ()
    whole = pd.DataFrame({"number": pd.array([0, 3], "Int64")})
    number = column("number", Kind.INTEGER)
    assert repair_rows(whole, [Rule("some", "(number > 0)")], [number])["number"].to_list() == [1, 3]
    prices = pd.DataFrame({"price": [0.0, 3.0]})
    price = column("price", Kind.DECIMAL, precision=6, scale=2)
    assert repair_rows(prices, [Rule("some", "(price > 0)")], [price])["price"].to_list() == [0.01, 3.0]


# --- what decides, and what it costs


def evaluation(*checks: tuple[Aspect, Verdict], fidelity: float = 0.9, is_set: bool = False) -> Evaluation:
    figures = (
        Check("x", 0.1, 0.0, 0.2, 0.1, verdict, "About x.", aspect, has_custom_limit=is_set)
        for aspect, verdict in checks
    )
    return Evaluation(fidelity, tuple(figures), {})


@pytest.mark.parametrize(
    ("checks", "is_expected"),
    [
        ([(Aspect.PRIVACY, Verdict.PASS)], False),
        ([(Aspect.PRIVACY, Verdict.INCONCLUSIVE)], True),
        ([(Aspect.PRIVACY, Verdict.FAIL)], True),
        ([(Aspect.PRIVACY, Verdict.ERROR)], False),
        ([(Aspect.PRIVACY, Verdict.PASS), (Aspect.QUALITY, Verdict.INCONCLUSIVE)], False),
        ([(Aspect.PRIVACY, Verdict.PASS), (Aspect.QUALITY, Verdict.FAIL)], False),
        ([(Aspect.PRIVACY, Verdict.INCONCLUSIVE), (Aspect.QUALITY, Verdict.FAIL)], True),
    ],
)
def test_a_guarantee_stands_in_for_what_does_not_pass(
    checks: list[tuple[Aspect, Verdict]], is_expected: bool
) -> None:
    assert is_for_guarantee(TASK, evaluation(*checks)) is is_expected
    assert not is_for_guarantee(TASK.with_options(on_inconclusive=Policy.BLOCK), evaluation(*checks))


def test_a_twin_fails_only_in_quality_where_its_privacy_is_decided() -> None:
    useless = (Aspect.QUALITY, Verdict.FAIL)
    assert evaluation((Aspect.PRIVACY, Verdict.PASS), useless).fails_only_in_quality
    assert not evaluation((Aspect.PRIVACY, Verdict.INCONCLUSIVE), useless).fails_only_in_quality
    assert not evaluation((Aspect.QUALITY, Verdict.INCONCLUSIVE)).fails_only_in_quality


@pytest.mark.parametrize(
    ("fidelity", "is_set", "policy", "backend", "is_published"),
    [
        (0.9, False, Policy.PROTECT, "local", True),
        (0.5, False, Policy.PROTECT, "local", False),  # noise costs less
        (0.9, True, Policy.PROTECT, "local", False),  # a limit of the user's
        (0.9, False, Policy.WARN, "local", False),  # undecided is not failed
        (0.9, False, Policy.BLOCK, "local", False),
        (0.9, False, Policy.PROTECT, "nemo", False),
    ],
)
def test_a_private_twin_that_misses_a_limit_of_quality_is_published_where_it_is_of_use(
    fidelity: float, is_set: bool, policy: Policy, backend: str, is_published: bool
) -> None:
    checks = ((Aspect.PRIVACY, Verdict.PASS), (Aspect.QUALITY, Verdict.FAIL))
    result = evaluation(*checks, fidelity=fidelity, is_set=is_set)
    task = TASK.with_options(on_inconclusive=policy, backend=backend)
    assert passes(task, result) is is_published
    assert is_for_guarantee(task, result) is (
        policy is Policy.PROTECT and backend == "local" and not is_published
    )


@pytest.mark.parametrize("aspect", Aspect)
def test_what_an_engine_that_is_not_ours_fails_stays_rejected(aspect: Aspect) -> None:
    assert not is_for_guarantee(TASK.with_options(backend="nemo"), evaluation((aspect, Verdict.FAIL)))


def test_costs_add_up_by_entity_and_the_budget_ends_them() -> None:
    def task(name: str, ownership: Ownership | None) -> Task:
        model = replace(MODEL, unique_id=f"model.shop.{name}", name=name, ownership=ownership, unique=())
        return replace(TASK, model=model, by_guarantee=True)

    people = task("people", Ownership("model.shop.people", "id"))
    orders = task("orders", Ownership("model.shop.people", "person_id"))
    visits = task("visits", Ownership("model.shop.visits", "visitor"))
    assert [domain_of(one.model) for one in (people, orders, visits)] == [
        "model.shop.people",
        "model.shop.people",
        "column visitor",
    ]
    assert (rows_per_entity(people), rows_per_entity(orders)) == (1, 5)
    spending = {"model.shop.people": Spending(3.0, 1e-6, 1)}
    reasons = beyond_budget([people, orders, visits], spending, 6.0)
    assert list(reasons) == ["model.shop.orders"]
    assert "6 of 6 are spent, by 2 twins" in reasons["model.shop.orders"]
    assert beyond_budget([people, orders, visits], spending, None) == {}


def test_a_guarantee_has_defaults_and_options_beat_them() -> None:
    assert Options().guarantee == Guarantee(3.0, 1e-6, 5, discover=True)
    ours = Options(**merge({"epsilon": 1.0}, {"epsilon": 2.0, "delta": 1e-7, "privacy": Privacy.GUARANTEED}))
    assert (ours.guarantee, ours.privacy) == (Guarantee(1.0, 1e-7, 5, discover=True), Privacy.GUARANTEED)
    assert str(ours.guarantee) == "epsilon 1, delta 1e-07"


def test_a_range_that_may_not_be_null_is_empty() -> None:
    nothing = pa.chunked_array([], pa.string())
    days = Column("covered", "daterange", Kind.OPAQUE, not_null=True)
    assert has_placeholder(days, unique=False)
    assert (
        placeholders(days, 2, RNG, real=nothing, existing=nothing, unique=False).to_pylist() == ["empty"] * 2
    )
