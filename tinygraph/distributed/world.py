"""The world: the ranks that `mpiexec` started. An error on one rank ends all of them."""

from __future__ import annotations

import atexit
import sys
import time
from traceback import format_exception
from types import TracebackType
from typing import Any

from tinygraph.distributed.communicator import Communicator
from tinygraph.distributed.groups import CALLS, GOODBYE, enter, group_of

__all__ = ["comm_or_world", "mpi"]

# Seconds in which `mpiexec` passes a traceback on: it may drop what it has not read when a rank aborts.
FORWARDING = 0.3

_known: dict[str, Communicator] = {}


def mpi(comm: Any = None) -> Communicator:
    """Return the communicator of all processes that `mpiexec` started; of one process without `mpiexec`.

    Call it on every rank. With several ranks, an error that nobody catches ends all of them: its rank prints the
    traceback, and `mpiexec` returns an exit code that is not 0. A rank that ends early is an error of those who wait
    for it.

    Args:
        comm: a communicator of mpi4py, for a group of some of the ranks; None for all of them.

    Raises:
        ImportError: mpi4py or an MPI library is missing. Without them each process of `mpiexec` would train a model of
            its own.
    """
    if comm is None and "world" in _known:
        return _known["world"]
    library = _library()
    raw = (library.COMM_WORLD if comm is None else comm).Dup()  # so that no message of anybody else's comes between
    name = "world" if comm is None else f"group {len(_known)}"
    found = Communicator(raw.Get_rank(), raw.Get_size(), name)
    enter(name, raw, found.rank, found.size)
    _known[name] = found
    if found.size > 1:
        _end_together(library, name)
    return found


def comm_or_world(comm: Communicator | None, call: str) -> Communicator:
    """Return a communicator that was given, or the world.

    Raises:
        TypeError: it is something else.
    """
    if comm is None:
        return mpi()
    if not isinstance(comm, Communicator):
        raise TypeError(f"{call}: comm= must be what tg.distributed.mpi() returns, got {type(comm).__name__}")
    return comm


def _library() -> Any:
    """Return mpi4py's module.

    Raises:
        ImportError: there is none, or it finds no MPI library.
    """
    try:
        from mpi4py import MPI
    except ImportError as error:
        raise ImportError(
            "mpi: mpi4py cannot be imported. Install it with pip install 'tinygraph[mpi]', and MPI itself, if the "
            f"machine has none, with pip install mpich ({error})"
        ) from error
    except RuntimeError as error:
        raise ImportError(f"mpi: mpi4py finds no MPI library. Install one, pip install mpich ({error})") from error
    return MPI


# --- the end ----------------------------------------------------------------------------------------------------------


def _end_together(library: Any, name: str) -> None:
    """Make an error on this rank end all ranks, and the end of this program known to the others."""
    atexit.register(_say_goodbye, library, name)
    if len([known for known in _known.values() if known.size > 1]) > 1:
        return
    before, rank, size = sys.excepthook, library.COMM_WORLD.Get_rank(), library.COMM_WORLD.Get_size()

    def end(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        sys.stdout.flush()
        said = f"tinygraph: rank {rank} of {size} ends all ranks with this error:\n"
        if before is sys.__excepthook__:  # in one piece: other ranks may write at the same time
            sys.stderr.write(said + "".join(format_exception(kind, error, traceback)))
        else:
            sys.stderr.write(said)
            before(kind, error, traceback)
        sys.stderr.flush()
        time.sleep(FORWARDING)
        library.COMM_WORLD.Abort(1)

    sys.excepthook = end


def _say_goodbye(library: Any, name: str) -> None:
    """Wait until the programs of all ranks have ended. A rank that calls something meanwhile learns of this end."""
    if library.Is_finalized():
        return
    sys.stdout.flush()
    group = group_of(name)
    while (group.headers(GOODBYE, 0, 0, 0)[:, 0] != CALLS.index(GOODBYE)).any():
        pass
