"""Open axes: one program for many sizes of an axis that only passes through, such as that of a batch.

Read the files in this order:

    signatures      a signature as a pattern, and the sizes in it
    families        the programs of one pattern, and the open programs that are made of their recordings
    open_program    a recorded program for any size, from the recordings at three
    explaining      one nest of values for several sizes, with forms where they differ
    forms           numbers that depend on a size: 2 * n, n // 2, 1.0 / n
    open_text       one text for many sizes, from the texts that the compiler writes for three
    sized_runner    an open text, executed for one size
"""

from tinygraph.compiler.axes.families import Family, Recording, has_its_shapes
from tinygraph.compiler.axes.signatures import pattern_of, with_names
from tinygraph.compiler.axes.sized_runner import SizedRunner

__all__ = ["Family", "Recording", "SizedRunner", "has_its_shapes", "pattern_of", "with_names"]
