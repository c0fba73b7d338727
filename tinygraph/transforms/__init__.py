"""Transforms: from a function to its gradient, Jacobian, Hessian, or products with them.

A transform takes a function of arrays, also nested in dicts, lists and tuples, and works on plain arrays: it calls the
function with Tensors in their place, runs the backward pass, and returns arrays. A result that depends on a Tensor from
outside the function is a Tensor, and so is one of a nested transform, so that no gradient is lost.
"""

from tinygraph.transforms.checkpointing import checkpoint
from tinygraph.transforms.gradients import grad, value_and_grad
from tinygraph.transforms.matrices import hessian, jacobian
from tinygraph.transforms.products import hvp, jvp, vjp
from tinygraph.transforms.tracing import trace

__all__ = ["checkpoint", "grad", "hessian", "hvp", "jacobian", "jvp", "trace", "value_and_grad", "vjp"]
