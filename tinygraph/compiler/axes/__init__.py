"""Open axes: one program for many sizes of an axis. `families` tells the story."""

from tinygraph.compiler.axes.families import Family
from tinygraph.compiler.axes.signatures import pattern_of, with_names
from tinygraph.compiler.axes.sized_runner import SizedRunner

__all__ = ["Family", "SizedRunner", "pattern_of", "with_names"]
