"""One rank ends early: dies.py error|exit|end|kill|all|caught."""

import os
import signal
import sys

import numpy as np

import tinygraph as tg

comm = tg.distributed.mpi()
last = comm.rank == comm.size - 1
how = sys.argv[1]
total = tg.distributed.total(np.ones(3), comm)
if how == "error" and last:
    raise ZeroDivisionError("the batch on this rank is wrong")
if how in ("exit", "caught") and last:
    sys.exit(3)
if how == "kill" and last:
    os.kill(os.getpid(), signal.SIGKILL)
if how == "all":
    raise ValueError("every rank finds it")
if how != "end" or not last:
    try:
        tg.distributed.total(np.ones(3), comm)
    except RuntimeError as error:
        if how != "caught":
            raise
        print(error)
