"""Putting away: a call's numbers are replaced by regular ones where only elements that were left out depend on them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.engine.links import Like
from tinygraph.engine.masks import is_product, of_product
from tinygraph.engine.probing import Probe, is_array, read_for, regular, traced
from tinygraph.engine.table import Operation


def put_away(op: Operation, reach: Any, z: Any, args: Any, keywords: Any, plain_z: Any, plain_args: Any) -> Any:
    """Return a call's result and arguments with other numbers where only elements that were left out depend on them."""
    if is_product(op.function, plain_args):
        of_two = [of_product(at, reach, *plain_args[:2]) if at in op.needs else None for at in range(2)]
        kept = [
            item if mask is None or type(item) is Like else np.where(mask, item, 0.5)
            for item, mask in zip(args, of_two, strict=False)
        ]
        return z, (*kept, *args[2:])
    probe = Probe(op, reach, plain_z, plain_args, keywords)
    read = probe.read()
    if read is None:
        return z, args
    *masks, of_result = read
    if of_result is not None and type(z) is not Like:
        z = np.where(of_result, z, probe.filler(probe.z))
    return z, tuple([
        item if mask is None or type(item) is Like else np.where(mask, item, probe.filler(other))
        for mask, item, other in zip(masks, args, probe.args, strict=True)
    ])  # fmt: skip


def put_away_traced(op: Operation, reach: Any, z: Any, args: Any, keywords: Any) -> Any:
    """Do the same as `put_away` in a program, which knows the reach when it runs."""
    product = is_product(op.function, args)
    of_linalg = (getattr(op.function, "__module__", None) or "").startswith("numpy.linalg")
    draw = np.random.default_rng(0)
    numbers = [regular(item, draw) if of_linalg and is_array(item) else item for item in args]
    kept = []
    for place, item in enumerate(args):
        if place in op.needs and is_array(item) and type(item) is not Like:
            mask = (
                of_product(place, reach, *args[:2]) if product else traced(read_for, op, place, reach, args, keywords)
            )
            item = item if mask is None else np.where(mask, item, numbers[place] if of_linalg else 0.5)
        kept.append(item)
    if op.needs_result and type(z) is not Like:
        mask = traced(read_for, op, -1, reach, args, keywords)
        z = np.where(mask, z, op.function(*numbers, **keywords) if of_linalg else 0.5)
    return z, tuple(kept)
