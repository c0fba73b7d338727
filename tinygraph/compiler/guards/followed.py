"""Code that is followed: the user's, and that of tinygraph's models, optimisers and steps. A library's code is not.

`np.mean(model(x))` is followed into `model`, whose settings may change from call to call, and not into `np.mean`.
"""

from __future__ import annotations

import functools
import os
import sys
from types import ModuleType
from typing import Any

__all__ = ["followed", "is_foreign", "is_ours"]

_ROOMS_FOLLOWED = (
    "tinygraph.nn",
    "tinygraph.optim",
    *(f"tinygraph.training.{room}" for room in ("steps", "recipe", "losses")),
)
# Modules there that write files and texts, which no step does.
_FILES_OF_MODELS = frozenset(
    f"tinygraph.nn.{name}" for name in ("architecture", "arguments", "model_files", "saving", "summary")
)
_NOT_FOLLOWED = frozenset(("numpy", "scipy", "tinygraph", "pytest", "hypothesis", "_pytest"))


@functools.cache
def followed(module: Any) -> bool:
    """Return whether code of a module is the user's, or a model's, as opposed to a library's.

    Args:
        module: the `__module__` of a function or a class: None for code that was given to `exec`. Compiled code may
            have another object there than a string.
    """
    module = module or ""
    if not isinstance(module, str):
        return False
    if module.startswith(_ROOMS_FOLLOWED):
        return module not in _FILES_OF_MODELS
    top = module.partition(".")[0]
    if top not in sys.stdlib_module_names:
        return top not in _NOT_FOLLOWED and not _is_installed_apart(top)
    # A file of the user's may have the name of one of Python's.
    file = getattr(sys.modules.get(top), "__file__", None)
    return bool(file) and not str(file).startswith(os.path.dirname(os.__file__))


def is_ours(module: str | None) -> bool:
    """Return whether code is that of a layer or an optimiser of tinygraph's, which nobody writes anew while it runs."""
    return (module or "").startswith("tinygraph.")


def is_foreign(module: Any) -> bool:
    """Return whether a module is a library's, and none of tinygraph's."""
    return not followed(module) and not (isinstance(module, str) and module.partition(".")[0] == "tinygraph")


def _is_installed_apart(top: str) -> bool:
    """Return whether a package was installed, as opposed to written here, and knows nothing of tinygraph."""
    file = str(getattr(sys.modules.get(top), "__file__", None) or "")
    if top == "__main__" or not any(folder in file for folder in ("site-packages", "dist-packages")):
        return False
    package = [vars(module) for name, module in [*sys.modules.items()] if name.partition(".")[0] == top and module]
    values = (value for namespace in package for value in [*namespace.values()])
    return not any(_is_of_tinygraph(value) for value in values)


def _is_of_tinygraph(value: Any) -> bool:
    module = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    return isinstance(module, str) and module.partition(".")[0] == "tinygraph"
