"""A program before and after its rewrites in one picture: steps that went, new ones, and those computed together."""

from __future__ import annotations

from typing import Any

from tinygraph.compiler.phases import ROLL, phase_by_phase
from tinygraph.compiler.program.loop_marks import Begin
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.run.pictured import differentiated_in, pictured
from tinygraph.compiler.run.runner import Runner
from tinygraph.compiler.schedule.blocks import Fusion
from tinygraph.compiler.schedule.unnesting import unnested
from tinygraph.drawing.changes import MOST_WHOLE, DifferenceDrawing, drawn_difference, with_marks
from tinygraph.drawing.scenes.columns import columns
from tinygraph.drawing.scenes.passes import Passes, has_columns
from tinygraph.graph import Difference, Graph

__all__ = ["drawn_phase", "drawn_rewriting"]


def drawn_rewriting(runner: Runner, **options: Any) -> DifferenceDrawing:
    """Return the picture; that of a large training step has its three columns, with marks.

    Args:
        runner: of the written program.
        options: see `tinygraph.diff`.
    """
    old, new = pictured(_before(runner)), pictured(runner.graph)
    difference = Difference.of(old, new)
    program, sections = runner.task.program, (_sections(old, runner), _sections(new, runner))
    passes = Passes(sections[1], differentiated_in(new, program), program.replaced_in(new))
    if max(len(old), len(new)) > MOST_WHOLE and has_columns(new, passes):
        return with_marks(columns(new, passes), difference, _fused(runner), **options)
    return drawn_difference(difference, sections=sections, words=_fused(runner), **options)


def drawn_phase(runner: Runner, before: Graph, after: Graph, **options: Any) -> DifferenceDrawing:
    """Return the picture of a phase's changes.

    Args:
        runner: of the written program.
        before, after: the graphs of steps before the phase and after it.
        options: see `tinygraph.diff`.
    """
    old, new = pictured(unnested(before)), pictured(unnested(after))
    sections = _sections(old, runner), _sections(new, runner)
    return drawn_difference(Difference.of(old, new), sections=sections, **options)


def _before(runner: Runner) -> Graph:
    """Return the graph before the rewrites; of a program with loops that in which they have been found."""
    task = runner.task
    if any(type(step.function) is Begin for step in runner.graph.nodes):
        for phase, graph in phase_by_phase(task.original, task.program, task.phases):
            if phase.name == ROLL.name:
                return unnested(graph)
    return task.original


def _sections(graph: Graph, runner: Runner) -> dict[int, str]:
    """Return the section of each call by its index; none for a program without a backward pass."""
    if not runner.task.program.sections:
        return {}
    return {step.index: step.section for step in graph.nodes if isinstance(step, Step) and not step.is_input}


def _fused(runner: Runner) -> dict[int, str]:
    """Return for each call that is computed with others, block by block, the number of its group in words."""
    groups = [item.steps for item in runner.plan.items if isinstance(item, Fusion) and len(item.steps) > 1]
    return {step.index: f"fused {number}" for number, steps in enumerate(groups, 1) for step in steps}
