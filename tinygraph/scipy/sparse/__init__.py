"""`scipy.sparse` beside Tensors: `tinygraph.scipy.sparse.linalg` solves systems with a sparse matrix."""

from tinygraph.scipy.sparse import linalg

__all__ = ["linalg"]
