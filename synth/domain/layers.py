"""Every option, defined once: its key, flag, variable, default, help, and what it means for fingerprints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Any, TypeAlias, get_type_hints

from synth.domain.options import Guarantee, Policy, Privacy, Rows
from synth.domain.parsing import (
    parse_count,
    parse_delta,
    parse_epsilon,
    parse_limit,
    parse_name,
    parse_policy,
    parse_privacy,
    parse_rows,
    parse_seconds,
    parse_seed,
    parse_switch,
)

Layer: TypeAlias = Mapping[str, Any]  # what one place decides: values by the names of options


@dataclass(frozen=True, slots=True)
class Option:
    """How an option is written, and what it decides.

    Attributes:
        parse: makes a value of what YAML or a shell has; raises `ValueError`, which says what to give.
        help: what it decides, in one sentence.
        usual: the default in words, where its value does not say it.
        choices: the words to choose from, if they are few.
        is_mapping: it holds a value for each of some names; `parse` is for one of them, and the places
            complete each other. A shell writes `name=value,name=value`.
        is_switch: it is true or false; its flags are `--name` and `--no-name`.
        has_flag: flag and variable exist; else it is for files only.
        makes_twin: another value makes another twin, so that nothing can be skipped.
        asks_gate: another value is another question to the gate; only a few may be asked of the same rows.
        name: its key in YAML, of which flag and variable are made; `definitions` says it.
        default: its value where no place decides; as the name.
    """

    parse: Callable[[object], Any]
    help: str
    usual: str = ""
    choices: tuple[str, ...] = ()
    is_mapping: bool = False
    is_switch: bool = False
    has_flag: bool = True
    makes_twin: bool = True
    asks_gate: bool = True
    name: str = ""
    default: Any = None

    @property
    def flag(self) -> str:
        """The flag of the command line; of a switch, the one that turns it on."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"SYNTH_{self.name.upper()}"

    @property
    def default_text(self) -> str:
        """The default as a user reads it."""
        if self.usual:
            return self.usual
        text = f"{self.default:g}" if isinstance(self.default, float) else str(self.default)
        return text.lower().replace("e-0", "e-")

    def read(self, text: object) -> Any:
        """Return the value of what a flag or variable holds.

        Raises:
            ValueError: it is no value of this option; the text says what to give.
        """
        if not self.is_mapping:
            return self.parse(text)
        pairs = [pair.partition("=") for pair in str(text).split(",")]
        if not all(name.strip() and equals for name, equals, _ in pairs):
            raise ValueError("give name=value, with commas between several")
        return {name.strip(): self.parse(value.strip()) for name, _, value in pairs}


def definitions(options: type) -> tuple[Option, ...]:
    """Return the options that a dataclass of options defines, in its order."""
    types, usual = get_type_hints(options, include_extras=True), options()
    return tuple(
        replace(types[one.name].__metadata__[0], name=one.name, default=getattr(usual, one.name))
        for one in fields(options)
    )


def merge(*layers: Layer) -> Layer:
    """Return what the layers decide together: the first that has an option, or a name in a mapping."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            if isinstance(value, Mapping):
                merged[name] = {**value, **merged.get(name, {})}
            else:
                merged.setdefault(name, value)
    return merged


def values_that_decide(options: Any, what: str) -> dict[str, object]:
    """Return the values of decided options whose definition says so.

    Args:
        options: of a dataclass of options.
        what: the attribute of `Option` that says it, `makes_twin` or `asks_gate`.
    """
    return {one.name: getattr(options, one.name) for one in definitions(type(options)) if getattr(one, what)}


@dataclass(frozen=True, slots=True)
class Options:
    """What flags, the environment, a model and the project may each decide about a twin, all decided."""

    backend: Annotated[
        str, Option(parse_name, "Who makes the rows: local, gretel, nemo or an installed backend.")
    ] = "local"
    rows: Annotated[
        Rows, Option(parse_rows, "Rows of each twin: 5000, or 2x.", usual="as many as the source has")
    ] = Rows()  # noqa: RUF009 - frozen
    seed: Annotated[
        int, Option(parse_seed, "Seed of everything random. Same data, seed and version: same bytes.")
    ] = 0
    on_inconclusive: Annotated[
        Policy,
        Option(
            parse_policy,
            "What becomes of an undecided twin: publish it with a warning (warn), do not publish it (block), "
            "or make it again by guarantee if its privacy does not pass, or it is of little use (protect).",
            usual="protect; block without the extra dp",
            choices=tuple(map(str, Policy)),
            asks_gate=False,
        ),
    ] = Policy.PROTECT
    privacy: Annotated[
        Privacy | None,
        Option(
            parse_privacy,
            "By what a twin is published: by checks that it passes (checked), or by guarantee (guaranteed).",
            usual="checked",
            choices=tuple(map(str, Privacy)),
            asks_gate=False,
        ),
    ] = None
    epsilon: Annotated[
        float,
        Option(
            parse_epsilon,
            "Privacy budget of a twin by guarantee. A smaller one protects better.",
            asks_gate=False,
        ),
    ] = 3.0
    delta: Annotated[
        float, Option(parse_delta, "Chance that the guarantee does not hold.", asks_gate=False)
    ] = 1e-6
    max_rows_per_entity: Annotated[
        int,
        Option(parse_count, "Rows of one entity that a twin by guarantee learns from.", asks_gate=False),
    ] = 5
    discover: Annotated[
        bool,
        Option(
            parse_switch,
            "Spend a share of epsilon on labels and bounds that nothing public states. Else such a model is "
            "refused a guarantee.",
            is_switch=True,
            asks_gate=False,
        ),
    ] = True
    limits: Annotated[
        Mapping[str, float],
        Option(
            parse_limit,
            "Limits of checks, by name. The report marks them.",
            usual="as the page Privacy has them",
            is_mapping=True,
        ),
    ] = field(default_factory=dict)
    evaluation_timeout: Annotated[
        float,
        Option(
            parse_seconds,
            "Seconds after which an evaluation is an error. Half of them are for further splits.",
            makes_twin=False,
            asks_gate=False,
        ),
    ] = 900.0

    @property
    def guarantee(self) -> Guarantee:
        """What the private engine is to promise."""
        return Guarantee(self.epsilon, self.delta, self.max_rows_per_entity, self.discover)


OPTIONS = definitions(Options)
