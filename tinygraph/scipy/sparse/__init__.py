"""`scipy.sparse` beside Tensors: systems with a sparse matrix. SciPy's own `A @ t` takes a Tensor t."""

from tinygraph.scipy.sparse import linalg

__all__ = ["linalg"]
