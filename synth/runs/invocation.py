"""What a command asks of a run, decided before the run begins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from synth.domain import Model, ModelResult, Relation, Task


@dataclass(frozen=True, slots=True)
class Invocation:
    """What a command asks of a run.

    Attributes:
        tasks: the twins to make, parents before children.
        twins: where the twin of every tagged model is, selected or not, by `unique_id`.
        args: the flags of the command, without secrets, for the results.
        models: every tagged model.
        context: `tasks`, and what they reference though others make it for this run; parents first.
        is_selection: whether the user chose among the models.
        is_named_run: whether the user gave the run its name, so that other commands may work for it, too.
        keep: whether twins are staged for a later `synth publish`, and not published.
        publish: whether twins are published that were staged before, and none is made.
        force: whether twins are made anew although nothing changed.
        invocation_id: of this command; the run's own unless it is named.
        refused_results: the outcomes of models of which nothing is begun.
        block_reasons: why parents are left as they are, though nothing is wrong with them, by `unique_id`.
    """

    tasks: tuple[Task, ...]
    twins: Mapping[str, Relation]
    args: Mapping[str, object]
    models: tuple[Model, ...] = ()
    context: tuple[Task, ...] = ()
    is_selection: bool = False
    is_named_run: bool = False
    keep: bool = False
    publish: bool = False
    force: bool = False
    invocation_id: str = ""
    refused_results: tuple[ModelResult, ...] = ()
    block_reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def everything(self) -> tuple[Task, ...]:
        """All tasks of the run, in the order in which it tells of them."""
        return (*(result.task for result in self.refused_results), *self.tasks)
