"""Look for programs that break the law: `python -m tests.compiler.searching --seconds 60 --kinds loops,branches`.

Each program has a seed, so that a run can be repeated. A program that breaks the law is made small: lines are left out,
and expressions replaced by parts of them, as long as it breaks the law in the same way.
"""

from __future__ import annotations

import argparse
import ast
import collections
import faulthandler
import functools
import random
import re
import signal
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tinygraph as tg
from tests.compiler.agreeing import DifferenceError, RefusedError, outcome
from tests.compiler.authors import KINDS
from tests.compiler.cases import WAYS, made_up
from tests.compiler.programs import ALL
from tinygraph.compiler.rolling import runs

SECONDS = 10  # that a program may run


def case_of(seed: int, kinds: list[str], most: int) -> dict[str, Any]:
    """The program of a seed, with some of the kinds of lines, its calls, and a rewrite to leave out now and then."""
    draw = random.Random(seed)
    case = made_up(draw.choice, draw.sample(kinds, min(len(kinds), draw.randint(1, most))))
    return {**vars(case), "left_out": [draw.choice(ALL)] if draw.random() < 0.3 else []}


class TooLong(BaseException):
    """A program runs for ever. It is no `Exception`, which the law would compare."""


def _stop(*_: Any) -> None:
    raise TooLong


def run(case: dict[str, Any], folder: Path) -> str:
    signal.signal(signal.SIGALRM, _stop)
    signal.alarm(SECONDS)
    try:
        compile_ = functools.partial(tg.compile, otherwise="eager") if case["eagerly"] else tg.compile
        return outcome(case["text"], case["calls"], folder, left_out=case["left_out"], compile_=compile_)
    finally:
        signal.alarm(0)


def sign(error: BaseException) -> str:
    """The same for errors that have one cause, mostly."""
    text = re.sub(r"call \d+|result \d+|argument \d+|[-\d.e+]+|program_\d+.py", "", str(error).partition("\n")[0])
    cause = error.__cause__ or error
    frames = traceback.extract_tb(cause.__traceback__)
    last = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].name}" if frames and cause is not error else ""
    return f"{type(error).__name__} {text[:90]} {last}"


# --- making small -----------------------------------------------------------------------------------------------------


def smaller(text: str) -> Iterator[str]:
    """Yield texts of a module with less in `program`: a line, a block around lines, or a part of an expression."""
    tree = ast.parse(text)
    (program,) = [item for item in tree.body if isinstance(item, ast.FunctionDef) and item.name == "program"]
    for node in [*ast.walk(program)]:
        for name, value in ast.iter_fields(node):
            if isinstance(value, list):
                for place, item in enumerate([*value]):
                    for less in _less(item, len(value) == 1):
                        value[place : place + 1] = less
                        yield ast.unparse(tree)
                        value[place : place + len(less)] = [item]
            elif isinstance(value, ast.expr):
                for less in _parts(value):
                    setattr(node, name, less)
                    yield ast.unparse(tree)
                    setattr(node, name, value)


def _less(item: Any, alone: bool) -> list[list[Any]]:
    if isinstance(item, ast.stmt) and not isinstance(item, ast.Pass):
        return [[ast.Pass()] if alone else [], *[body for body in (getattr(item, "body", None),) if body]]
    return [[part] for part in _parts(item)]


def _parts(item: Any) -> list[ast.expr]:
    if not isinstance(item, ast.expr) or isinstance(item, ast.Name | ast.Attribute | ast.Constant):
        return []
    return [part for part in ast.iter_child_nodes(item) if isinstance(part, ast.expr)]


def minimised(case: dict[str, Any], fails: Callable[[dict[str, Any]], bool], seconds: float) -> dict[str, Any]:
    """Return a smaller case that fails in the same way."""
    end = time.monotonic() + seconds
    for count in range(1, len(case["calls"])):
        shorter = {**case, "calls": case["calls"][:count]}
        if fails(shorter):
            case = shorter
            break
    if case["left_out"] and fails({**case, "left_out": []}):
        case = {**case, "left_out": []}
    head = case["text"].partition("\n\n\nrun = ")[0].partition("\n\n\ndef run")[0]
    for way in ("values", "gradients"):
        simpler = {**case, "text": f"{head}\n\n\n{WAYS[way]}\n"}
        if fails(simpler):
            case = simpler
            break
    found = True
    while found and time.monotonic() < end:
        found = False
        tried = {case["text"]}
        for text in smaller(case["text"]):
            if time.monotonic() > end:
                break
            if text in tried:
                continue
            tried.add(text)
            if fails({**case, "text": text}):
                case, found = {**case, "text": text}, True
                break
    return case


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--count", type=int, default=10**9)
    parser.add_argument("--small", type=float, default=20, help="seconds to make a fault small; 0 does not")
    parser.add_argument("--most", type=int, default=5, help="kinds in one program")
    parser.add_argument("--rolls", action="store_true", help="make loops of all that is repeated, however short")
    parser.add_argument("--eagerly", action="store_true", help='compile with otherwise="eager"')
    parser.add_argument("--refused", action="store_true", help="print the first program of each refusal")
    parser.add_argument("--show", action="store_true", help="print the programs")
    given = parser.parse_args()
    faulthandler.enable()
    if given.rolls:
        runs.ITERATIONS = 2
        runs.SAVED = 1
    folder = Path(tempfile.mkdtemp())
    kinds = [kind.strip() for kind in given.kinds.split(",")]
    outcomes: collections.Counter[str] = collections.Counter()
    by_kind: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    seen: dict[str, list[int]] = collections.defaultdict(list)
    end, spent = time.monotonic() + given.seconds, 0.0
    for seed in range(given.seed, given.seed + given.count):
        if time.monotonic() - spent > end:
            break
        case = {**case_of(seed, kinds, given.most), "eagerly": given.eagerly}
        case["left_out"] = [] if given.eagerly else case["left_out"]
        if given.show:
            print(f"--- {seed} {sorted(case['used'])}\n{case['text']}")
        try:
            found = run(case, folder)
        except RefusedError as error:
            found = f"refused: {error}"
            if found not in outcomes and given.refused:
                print(f"=== seed {seed}, {found}\n{case['text'].partition('def program')[2]}")
                print(error.__cause__, flush=True)
        except TooLong:
            found = "too long"
        except (DifferenceError, Exception) as error:
            found = "FAULT"
            name = sign(error)
            seen[name].append(seed)
            if len(seen[name]) == 1:
                began = time.monotonic()

                def fails(other: dict[str, Any], name: str = name) -> bool:
                    try:
                        run(other, folder)
                    except (RefusedError, TooLong):
                        return False
                    except (DifferenceError, Exception) as error:
                        return sign(error) == name
                    return False

                small = minimised(case, fails, given.small) if given.small else case
                print(f"=== seed {seed}, calls {len(small['calls'])}, {small['left_out']}: {name}")
                print(small["text"].partition("\n\n\n")[2] or small["text"])
                print(str(error)[:600], flush=True)
                spent += time.monotonic() - began
        outcomes[found] += 1
        for kind in case["used"]:
            by_kind[kind]["agreed" if found.startswith("agreed") else found.partition(":")[0]] += 1
    print(f"{sum(outcomes.values())} programs, seeds from {given.seed}")
    for key, count in outcomes.most_common():
        print(f"{count:6} {key}")
    for kind in KINDS:
        if kind in by_kind:
            print(f"   {kind}: " + ", ".join(f"{count} {key}" for key, count in by_kind[kind].most_common()))
    print("faults:", *[f"{len(seeds)} {name}: seeds {seeds[:9]}" for name, seeds in seen.items()], sep="\n  ")


if __name__ == "__main__":
    main()
