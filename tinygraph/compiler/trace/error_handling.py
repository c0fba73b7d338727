"""Error handling: what NumPy does about floating-point errors around the recorded run, and inside it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.compiler.trace.refused import refused

__all__ = ["ErrorHandling"]


class ErrorHandling:
    """The handling of floating-point errors in a run.

    Attributes:
        around: the handling in force when the run began, as `np.geterr` returns it.
        raises: whether it raises errors.
        blocks: the number of `np.errstate` blocks of the user's that the run is inside now; `world` counts them.
    """

    def __init__(self) -> None:
        self.around: dict[str, Any] = {**np.geterr()}
        self.raises = "raise" in self.around.values()
        self.blocks = 0

    def ignored(self) -> set[str]:
        """Return the kinds of errors that the blocks of the user's ignore at this point of the run.

        Raises:
            UnsupportedError: a block handles an error in another way.
        """
        found = set()
        for kind, how in np.geterr().items():
            if how == self.around[kind]:
                continue
            if how != "ignore":
                raise refused(
                    f'np.errstate({kind}="{how}") stands inside the function',
                    f'Put it around the call, with np.errstate({kind}="{how}"): step(x), where a program heeds it',
                )
            found.add(kind)
        return found
