"""Timetables: numbered memories with the times when each is in use. A request gets the first that is free for it.

The first memory that is free from 3 to 5 is found in a tree over the numbers, whose leaves say until when each memory
is free from now on: of many memories most are in use, and nobody looks at them.
"""

from __future__ import annotations

import bisect
import heapq
from collections.abc import Callable

__all__ = ["Timetable"]

_NEVER = 1 << 62


class Timetable:
    """Memories by their numbers. Requests come in groups, and in a group in the order in which they begin.

    Attributes:
        times: for each memory when it is in use, in order: the first and the last time of each use.
    """

    def __init__(self) -> None:
        self.times: list[list[tuple[int, int]]] = []

    def begin(self, requests: int) -> None:
        """Begin a group of requests: time begins anew."""
        known = len(self.times)
        self._leaves = 1 << max(1, (known + requests - 1).bit_length())
        self._until = [0] * (2 * self._leaves)  # the tree: a leaf of a memory in use is 0, a node the largest below it
        self._changes = [(0, number) for number in range(known)]  # when memories are next taken or free: a heap
        self._due = [0] * known

    def take(self, first: int, last: int, suits: Callable[[int], bool] = lambda number: True) -> int:
        """Return the number of the first memory that suits and is free from one time to another; else of a new one."""
        self._go_to(first)
        passed = []
        while (number := self._first_free(last)) is not None and not suits(number):
            passed.append((number, self._until[self._leaves + number]))
            self._set(number, 0)
        for unsuited, until in passed:
            self._set(unsuited, until)
        if number is None:
            number = len(self.times)
            self.times.append([])
            self._due.append(0)
        bisect.insort(self.times[number], (first, last))
        self._set(number, 0)
        self._expect(number, last + 1)
        return number

    def _go_to(self, now: int) -> None:
        """Note which memories are taken or free by now."""
        while self._changes and self._changes[0][0] <= now:
            time, number = heapq.heappop(self._changes)
            if time != self._due[number]:
                continue
            times = self.times[number]
            position = bisect.bisect(times, (now, _NEVER))
            if position and times[position - 1][1] >= now:
                self._set(number, 0)
                self._expect(number, times[position - 1][1] + 1)
            else:
                until = times[position][0] if position < len(times) else _NEVER
                self._set(number, until)
                self._expect(number, until)

    def _expect(self, number: int, time: int) -> None:
        self._due[number] = time
        heapq.heappush(self._changes, (time, number))

    def _set(self, number: int, until: int) -> None:
        tree, node = self._until, self._leaves + number
        tree[node] = until
        while node > 1:
            node //= 2
            tree[node] = max(tree[2 * node], tree[2 * node + 1])

    def _first_free(self, last: int) -> int | None:
        """Return the first memory that is free from now until after a time."""
        tree, node = self._until, 1
        if tree[1] <= last:
            return None
        while node < self._leaves:
            node = 2 * node if tree[2 * node] > last else 2 * node + 1
        return node - self._leaves
