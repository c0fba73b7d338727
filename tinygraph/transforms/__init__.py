"""Transforms: from a function to its gradient, Jacobian, Hessian, or products with them.

Each takes a function of arrays, nested in any way in dicts, lists and tuples, and works on plain arrays: the
function is called with Tensors in their place, the pass is run, and arrays come back. Where a result depends on a
Tensor that the function found elsewhere, or where transforms are nested, it is a Tensor, so that no gradient is lost.
"""

from tinygraph.transforms.checkpointing import checkpoint
from tinygraph.transforms.gradients import grad, value_and_grad
from tinygraph.transforms.matrices import hessian, jacobian
from tinygraph.transforms.products import hvp, jvp, vjp
from tinygraph.transforms.tracing import trace

__all__ = ["checkpoint", "grad", "hessian", "hvp", "jacobian", "jvp", "trace", "value_and_grad", "vjp"]
