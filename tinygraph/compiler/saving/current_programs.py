"""Current programs: those that a file has where no call is given, which are those that would run now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tinygraph.compiler.run.versions import Version
from tinygraph.compiler.saving.saved_calls import SavedCall

__all__ = ["current_programs"]


def current_programs(
    by_signature: Mapping[Any, Sequence[Version]], calls: Mapping[Version, SavedCall | None]
) -> list[tuple[Version, int]]:
    """Return the programs that would run now, one for each path, each with the number of its signature.

    A file knows neither no_grad nor Tensors: of signatures that differ in them alone it has one.

    Args:
        by_signature: the programs of each signature.
        calls: for each program the call it was compiled for; None where a file cannot write it.
    """
    found: dict[Any, dict[Any, tuple[Version, int]]] = {}
    plain: dict[Any, bool] = {}
    for group, (key, versions) in enumerate([*by_signature.items()]):  # another thread may move one to the end
        for version in [item for item in versions if not item.counts_arguments and item.is_current()]:
            call = calls[version]
            texts = {} if call is None else call.ordered if version.ends().by_strides else call.texts
            words = group if call is None or call.left_out else tuple(texts.items())
            is_plain = call is not None and not call.tensors and key[-1:] != ("no_grad",)
            if words not in found or (is_plain and not plain[words]):
                found[words], plain[words] = {}, is_plain
            if all(other == group for _, other in found[words].values()):
                found[words].setdefault(version.decisions, (version, group))
    return [item for paths in found.values() for item in paths.values()]
