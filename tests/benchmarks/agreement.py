"""The results of all libraries and spellings must agree before a time is taken."""

from __future__ import annotations

import numpy as np
from turns import Child
from workload import Workload


def disagreements(work: Workload, children: list[Child]) -> dict[tuple[str, str], str]:
    """The ways that failed, and those whose first results are not those of the first way, with the reason.

    A way at another size has other results, and is not compared.
    """
    names = {spelling.name for spelling in work.spellings}
    faults, expected = {}, None
    for child in children:
        library = child.task["library"]
        if child.refused:
            faults[library, ""] = child.refused
        for way, facts in child.ways.items():
            if "refused" in facts:
                faults[library, way] = facts["refused"]
                continue
            expected = expected or facts["results"]
            if way in names and not np.allclose(facts["results"], expected, rtol=work.close, atol=work.close * 1e-2):
                faults[library, way] = f"finds {facts['results']} where {expected} was found"
    return faults
