"""Notebooks: whether the program runs in one."""

from __future__ import annotations

import sys

__all__ = ["in_notebook"]


def in_notebook() -> bool:
    """Return whether the program runs in a notebook. IPython is not imported for it; Colab's shell derives from its."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return any([kind.__name__ == "ZMQInteractiveShell" for kind in type(shell).__mro__])
