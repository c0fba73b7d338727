"""NumPy's warnings belong to the line of the user's that made the NaN."""

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import tinygraph as tg

SCRIPT = """\
import numpy as np, tinygraph as tg
t = tg.Tensor([-1.0, 2.0])
for _ in range(3):
    a = np.log(t)  # once
b = np.log(t)  # a second NaN
c = t / np.array([0.0, 1.0])  # an operator
s = np.sum(np.sqrt(tg.Tensor([0.0])))
s = np.sum(np.sqrt(t * 0 + np.array([0.0, 1.0])))
s.backward()  # backward
program = tg.compile(lambda x: np.sum(np.log(x)))
x = np.array([-1.0, 2.0])
program(x)  # compiled
program(x)  # compiled again
"""


def warned(script, folder, *options):
    """The lines that warnings name, and what stands in them."""
    path = folder / "script.py"
    path.write_text(script)
    environment = {"PYTHONPATH": str(Path(__file__).parents[1]), "PATH": "/usr/bin:/bin"}
    found = subprocess.run(
        [sys.executable, *options, str(path)], capture_output=True, text=True, check=True, env=environment
    )
    return [line for line in found.stderr.splitlines() if "RuntimeWarning" in line]


@pytest.mark.parametrize("options", [(), ("-X", "dev")], ids=["default", "development mode"])
def test_each_line_has_a_warning_of_its_own(tmp_path, options):
    found = warned(SCRIPT, tmp_path, *options)
    if options:  # a filter that comes first sees tinygraph's line; nothing is swallowed all the same
        assert sum("invalid value encountered in log" in line for line in found) >= 4
        return
    lines = [int(line.split("script.py:")[1].partition(":")[0]) for line in found]
    assert [lines.count(number) for number in (4, 5, 6, 12, 13)] == [1, 1, 1, 1, 1]
    assert set(lines) <= {4, 5, 6, 9, 12, 13}


def test_a_warning_that_is_an_error_is_one():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning, match="invalid value encountered in log"):
            np.log(tg.Tensor([-1.0]))


def test_what_is_ignored_stays_ignored():
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("ignore")
        np.log(tg.Tensor([-1.0]))
        with np.errstate(invalid="ignore"):
            warnings.simplefilter("always")
            np.log(tg.Tensor([-1.0]))
    assert found == []


def test_scikit_learn_copies_the_filter():
    selection = pytest.importorskip("sklearn.model_selection")
    from sklearn.linear_model import LinearRegression

    from tinygraph.users_code.warning_lines import at_users_line

    x = np.arange(12.0).reshape(-1, 1)
    with warnings.catch_warnings():
        warnings.filters.clear()  # pytest's own, which would be in place of those of a process of its own
        at_users_line()
        assert selection.cross_val_score(LinearRegression(), x, x[:, 0], cv=3).shape == (3,)


def test_warnings_of_others_are_left_alone():
    from tinygraph.users_code.warning_lines import _UsersLine

    assert not _UsersLine().match("invalid value encountered in log")  # from this line, which is not tinygraph's
    assert not _UsersLine().match("something else")
