"""Programs as a person writes them, with loops, writes and decisions, and their ports to JAX."""

from __future__ import annotations

from . import factorisations, networks, products, simulations, solvers, stencils
from .kernel import Kernel, objective

KERNELS: list[Kernel] = [
    *stencils.KERNELS,
    *factorisations.KERNELS,
    *products.KERNELS,
    *networks.KERNELS,
    *simulations.KERNELS,
    *solvers.KERNELS,
]

__all__ = ["KERNELS", "Kernel", "objective"]
