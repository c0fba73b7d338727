"""Two threads: the functions, as they stand in the text, that divide the rows of a fusion between two threads.

in_turns(rows_1, 60000, 512, images)        each thread takes the next block of 512 rows
in_two(rows_1, 60000, 512, images)          each thread has half of the rows
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["THREADING", "helpers"]

# A thread that lets go of Python's lock for a call of 20 microseconds has it back before another has woken up, who then
# waits until the lock is taken from the first by force. By default that is 5 milliseconds, and two threads took as long
# as one for a step of a small convolutional network: 30 milliseconds, and 18 with the shorter wait.
#
# Linux at times puts a thread on the processor of the one that wakes it, above all in a virtual machine, whose idle
# processors it takes for busy ones; then the two take turns, for milliseconds. Every second step of a small transformer
# took 11 milliseconds and more; where each thread has half of the processors for itself, nearly all took 8. The
# caller's own thread is left alone: which processors it may use is its own business.
#
# Another process may keep one of the processors busy, and a thread then waits for its turn there, some milliseconds.
# The thread that ends first helps: a call that has not begun is made by it, and one that takes a quarter longer than
# its own goes on on its processor.
ON_TWO_THREADS = '''\
def keep_to_half(which):
    """Let a thread use every second processor: it is not put on that of the other thread, who wakes it up."""
    thread_ids[which] = get_native_id()
    with suppress(AttributeError, OSError):  # not every system can do that, or lets one
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[which::2])


thread_ids = [None, None]
pools = [ThreadPoolExecutor(1, initializer=keep_to_half, initargs=(which,)) for which in (0, 1)]


def on_two_threads(*calls):
    """A call on each of two threads, which must not wait long for Python's lock."""
    patience = sys.getswitchinterval()
    if patience > 1e-5:
        sys.setswitchinterval(1e-5)
    futures, ended, start = [], SimpleQueue(), perf_counter()
    try:
        waiting = [[copy_context().run, *call] for call in calls]
        for pool, call in zip(pools, waiting, strict=True):
            futures.append(pool.submit(make_call, call))
            futures[-1].add_done_callback(ended.put)
        late = int(ended.get() is futures[0])
        if futures[late].cancel():  # it has not begun
            futures[late] = pools[1 - late].submit(make_call, waiting[late].copy())
            waiting[late].clear()  # its thread holds it until it wakes
        else:
            await_late(late, ended, (perf_counter() - start) / 4)
        return [future.result() for future in futures]
    finally:
        for future in futures:
            future.cancelled() or future.exception()  # both have ended, whatever happened
        if patience > 1e-5:
            sys.setswitchinterval(patience)


def make_call(call):
    """Make a call, and hold none of its arrays afterwards, so that others see who has them."""
    try:
        return call[0](*call[1:])
    finally:
        call.clear()


def await_late(late, ended, seconds):
    """Wait for a thread; after some time it goes on on the other's processors: other work may keep its own."""
    with suppress(Empty):
        return ended.get(timeout=seconds)
    with suppress(AttributeError, OSError):
        own = os.sched_getaffinity(thread_ids[late])
        os.sched_setaffinity(thread_ids[late], os.sched_getaffinity(thread_ids[1 - late]))
        try:
            ended.get()
        finally:
            os.sched_setaffinity(thread_ids[late], own)'''

# What it imports.
THREADING = frozenset((
    "from concurrent.futures import ThreadPoolExecutor", "from contextlib import suppress",
    "from contextvars import copy_context", "import os", "from queue import Empty, SimpleQueue", "import sys",
    "from threading import get_native_id", "from time import perf_counter",
))  # fmt: skip

# What is added up over the rows into arrays is added up in halves, so that it is the same numbers at every call.
IN_TWO = '''\
def in_two(part, rows, block, *arrays):
    """The rows in two halves."""
    half = (rows // block + 1) // 2 * block
    return on_two_threads((part, 0, half, 0, *arrays), (part, half, rows, 1, *arrays))'''

# Everything else goes block by block to the thread that is free: where other work took a part of one processor, 10
# million numbers took 37 milliseconds in halves 47.
IN_TURNS = '''\
def in_turns(part, rows, block, *arrays):
    """The rows in blocks, each for the thread that is free; what they give, in order."""
    starts = [None, None, *reversed(range(0, rows, block))]  # a thread ends with a None
    first, second = on_two_threads(
        (part, iter(starts.pop, None), 0, *arrays), (part, iter(starts.pop, None), 1, *arrays)
    )
    return [found for _, found in sorted([*(first or {}).items(), *(second or {}).items()])]'''


def helpers(in_turns: Iterable[bool]) -> list[str]:
    """Return the functions that a program needs.

    Args:
        in_turns: for each fusion on two threads whether these take the blocks in turns, and not half of them each.
    """
    kinds = {False: IN_TWO, True: IN_TURNS}
    found = [kinds[kind] for kind in sorted(set(in_turns))]
    return [ON_TWO_THREADS, *found] if found else []
