"""The errors where mpi4py or MPI is missing."""

import sys
import types

import pytest

import tinygraph as tg

assert tg.distributed.__all__
assert not [name for name in sys.modules if name.startswith("mpi4py")]
sys.modules["mpi4py"] = None
with pytest.raises(ImportError, match=r"mpi4py cannot be imported. Install it with pip install 'tinygraph\[mpi\]'"):
    tg.distributed.mpi()


class Broken(types.ModuleType):
    """An mpi4py that finds no library."""

    def __getattr__(self, name):
        raise RuntimeError("cannot load MPI library")


sys.modules["mpi4py"] = Broken("mpi4py")
with pytest.raises(ImportError, match=r"finds no MPI library\. Install one, pip install mpich"):
    tg.distributed.mpi()
print("true")
