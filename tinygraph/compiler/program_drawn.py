"""The program of a compiled function as a picture: as it was recorded, as it was written, or the difference."""

from __future__ import annotations

from typing import Any, Literal

from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rewriting_drawn import drawn_rewriting
from tinygraph.compiler.run.pictured import differentiated_in, named_states, pictured
from tinygraph.compiler.run.versions import Version
from tinygraph.drawing import Drawing, draw

__all__ = ["drawn_program"]


def drawn_program(version: Version, rewritten: bool | Literal["diff"], options: dict[str, Any]) -> Drawing:
    """Return the picture of a program; see `Compiled.draw`."""
    if rewritten == "diff":
        return drawn_rewriting(version.runner, **options)
    program, graph = version.program, pictured(version.runner.graph) if rewritten else version.program.graph
    steps = [node for node in graph.nodes if isinstance(node, Step)]
    own = {step.index: step.section for step in steps} if rewritten else program.sections
    sections = {node.index: own.get(node.index, "forward") for node in graph.nodes} if program.sections else {}
    names = {**named_states(graph), **program.updates_in(graph)}
    pulled = differentiated_in(graph, program) if rewritten else program.differentiated
    passes = {"sections": sections, "differentiated": pulled, "updates": program.replaced_in(graph)}
    return draw(graph, **{"names": names, **passes, **options})
