"""Checks of values are made by compiled programs, too, and by the files that they are saved to."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.functions import checks
from tinygraph.testing.strategies import arrays, shapes

from ..derivatives.laws import Call, enter, obey


@st.composite
def inside(draw, *rest):
    """Numbers that every check passes, and what else a check is given."""
    return Call((draw(arrays(draw(shapes(min_side=1)), low=1 / 16, high=15 / 16)), *rest))


LAWS = enter(
    {
        checks.class_numbers: inside(1, "law"),
        checks.probabilities: inside("law"),
        checks.within: inside(0, 1, "law"),
    }
)


@pytest.mark.parametrize("entry", LAWS, ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


def step_of(weights):
    optimizer = tg.optim.SGD([weights], learning_rate=0.1)

    def step(x, labels):
        loss = tg.cross_entropy(x @ weights, labels, from_logits=True)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


@pytest.mark.parametrize("labels", [[0, 1, 3], [-1, 0, 2]])
def test_labels_that_are_no_classes(labels):
    x, weights = np.eye(3), tg.Tensor(np.ones((3, 3)))
    step = tg.compile(step_of(weights))
    step(x, np.array([0, 1, 2]))
    before = weights.data.copy()
    message = f"^cross_entropy: labels run from {min(labels)} to {max(labels)}, but num_classes is 3$"
    for function in (step, step_of(weights)):
        with pytest.raises(ValueError, match=message):
            function(x, np.array(labels))
        np.testing.assert_array_equal(weights.data, before)
    step(x, np.array([0, 1, 2]))
    assert np.any(weights.data != before)


def test_a_single_class_has_a_label():
    logits, labels = np.ones((4, 1)), np.zeros(4, np.int64)

    def loss(logits, labels):
        return tg.cross_entropy(logits, labels, from_logits=True)

    compiled = tg.compile(loss)
    assert compiled(logits, labels) == loss(logits, labels) == 0
    with pytest.raises(ValueError, match="labels run from 0 to 1"):
        compiled(logits, np.array([0, 0, 1, 0]))


def together(result):
    return result if isinstance(result, tuple) else (result,)


@pytest.mark.parametrize("name", ["binary_cross_entropy", "cross_entropy"])
@pytest.mark.parametrize("transform", [lambda f: f, tg.grad, tg.value_and_grad], ids=["value", "grad", "both"])
def test_probabilities_outside_0_and_1(name, transform):
    def loss(p, y):
        return getattr(tg, name)(p, y, from_logits=False)

    y = np.array([[0.0, 1.0]])
    compiled, eager = tg.compile(transform(loss)), transform(loss)
    for found, expected in zip(together(compiled(y / 2, y)), together(eager(y / 2, y)), strict=True):
        np.testing.assert_allclose(found, expected)
    for function in (compiled, eager):
        with pytest.raises(ValueError, match=f"^{name}: probabilities must lie between 0 and 1, got 0.0 to 1.5"):
            function(y * 1.5, y)


def test_one_hot_of_labels_that_are_no_classes():
    rows = tg.compile(lambda labels: tg.one_hot(labels, 2))
    np.testing.assert_array_equal(rows(np.array([1, 0])), [[0, 1], [1, 0]])
    with pytest.raises(ValueError, match=r"^one_hot: labels run from 0 to 2, but num_classes is 2$"):
        rows(np.array([0, 2]))


def test_a_saved_program_checks_with_numpy_alone(tmp_path):
    step = tg.compile(step_of(tg.Tensor(np.ones((3, 3)))))
    step(np.eye(3), np.array([0, 1, 2]))
    step.save(tmp_path / "step.py")
    program = "import numpy, sys, step; sys.exit(step.step(numpy.eye(3), numpy.array([0, 1, 3])))"
    found = subprocess.run([sys.executable, "-S", "-c", f"import sys; sys.path += {sys.path!r}; {program}"],
                           cwd=tmp_path, capture_output=True, text=True, check=False)  # fmt: skip
    assert found.returncode == 1
    assert "ValueError: cross_entropy: labels run from 0 to 3, but num_classes is 3" in found.stderr
    assert "tinygraph" not in (tmp_path / "step.py").read_text().partition("\n")[2]


def test_nothing_is_updated_before_a_check_that_fails():
    """The update does not wait for the loss, which is of the weights from before."""
    weights = tg.Tensor(np.ones((3, 3)))

    def step(x, labels):
        logits = x @ weights
        weights.data -= x
        return tg.cross_entropy(logits, labels, from_logits=True)

    compiled = tg.compile(step)
    compiled(np.eye(3), np.array([0, 1, 2]))
    before = weights.data.copy()
    with pytest.raises(ValueError, match="labels run from 0 to 3"):
        compiled(np.eye(3), np.array([0, 1, 3]))
    np.testing.assert_array_equal(weights.data, before)
