"""`import tinygraph` loads little, and the rest is found when it is asked for."""

import subprocess
import sys

import pytest

PRELUDE = """
import sys
import numpy as np
import tinygraph as tg
from tinygraph.engine import table

t = tg.Tensor([[2.0, 1.0], [1.0, 3.0]])
"""


def fresh(program: str) -> str:
    """Return the output of a program in a process of its own."""
    done = subprocess.run([sys.executable, "-c", PRELUDE + program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_everyday_calls_read_no_more_of_the_table():
    program = """
z = np.tanh(t @ t + 1).mean(axis=0)[0] * np.max(t)
z.backward()
assert np.argmax(t) == 3 and (t > 1).any() and np.var(t).item() > 0
print(sorted(table._unread) == sorted(table._SELDOM), "tinygraph.derivatives.linalg" in sys.modules)
"""
    assert fresh(program) == "True False"


@pytest.mark.parametrize(
    ("call", "shape"),
    [
        ("np.linalg.inv(t)", (2, 2)),  # an operation
        ("np.linalg.cond(t)", ()),  # written out with others
        ("np.fft.fft(t)", (2, 2)),
        ("np.add.reduceat(t, [0, 1])", (2, 2)),
        ("np.heaviside(t, 0.5)", (2, 2)),
        ("np.argsort(t)", (2, 2)),
        ("t.round()", (2, 2)),
        ("np.pad(t, 1)", (4, 4)),
    ],
)
def test_a_function_of_a_seldom_entered_room_is_found_at_the_first_call(call, shape):
    assert fresh(f"print(np.shape({call}))") == str(shape)


def test_what_to_use_instead_is_known_at_the_first_call():
    program = """
try:
    np.save("nowhere.npy", t)
except tg.UnsupportedError as error:
    print("t.data" in str(error) and "no derivative for this function yet" not in str(error))
"""
    assert fresh(program) == "True"


def test_rooms_that_are_read_later_enter_nothing_that_is_there():
    program = """
there = set(table._TABLE) | set(table._COMPOSITIONS) | table._PLAIN
entered, enter = [], table.derivative

def noted(function, *rules, compute=None):
    entered.append(function)
    enter(function, *rules, compute=compute)

table.derivative = noted
table.read_all()
print(len(entered) > 10, there.isdisjoint(entered), len(set(entered)) == len(entered), table._unread)
"""
    assert fresh(program) == "True True True set()"


def test_scipy_is_loaded_when_it_is_asked_for():
    pytest.importorskip("scipy")
    program = """
loaded = lambda: sorted(name for name in ("scipy", "tinygraph.scipy", "tinygraph.scipy.linalg") if name in sys.modules)
before = loaded()
tg.scipy.linalg.solve(t, [1.0, 2.0])
print(before, len(loaded()))
"""
    assert fresh(program) == "[] 3"


def test_layers_are_loaded_without_the_compiler():
    program = """
from tinygraph import nn
from tinygraph.export import load_arrays
print(sorted({name.partition(".")[0] for name in sys.modules} & {"pandas", "scipy", "tqdm", "onnx", "matplotlib"}))
print([name for name in sys.modules if name.startswith("tinygraph.compiler")])
"""
    assert fresh(program).split("\n") == ["[]", "[]"]
