"""Logistic regression against the published run, and against the same run written out by hand."""

import numpy as np
import pytest

from demos import logistic_regression as demo


def by_hand(x, y, rate, iterations):
    """The whole of gradient descent with the gradient worked out on paper: dcost/dz = (y_head − y) / m."""
    w, b, costs = np.full((len(x), 1), 0.01), 0.0, []
    for _ in range(iterations):
        y_head = 1 / (1 + np.exp(-(w.T @ x + b)))
        costs.append(np.sum(-y * np.log(y_head) - (1 - y) * np.log(1 - y_head)) / x.shape[1])
        w, b = w - rate * x @ (y_head - y).T / x.shape[1], b - rate * np.sum(y_head - y) / x.shape[1]
    return w, b, costs


def agrees_with_hand(pictures, rate, iterations=150):
    w, b, costs = demo.train(pictures.x_train, pictures.y_train, rate, iterations)
    w_by_hand, b_by_hand, costs_by_hand = by_hand(pictures.x_train, pictures.y_train, rate, iterations)
    np.testing.assert_allclose(costs, costs_by_hand, rtol=0, atol=1e-9)
    np.testing.assert_allclose(w.data, w_by_hand, rtol=0, atol=1e-9)
    assert b.item() == pytest.approx(b_by_hand, abs=1e-9)


def test_agrees_with_hand_written_numpy():
    agrees_with_hand(demo.handwriting(), rate=0.1)


def test_default_run_learns(default_run):
    figures = default_run("logistic_regression")[0].figures
    assert np.all(np.diff(figures["costs"]) < 0)
    assert figures["costs"][-1] < 0.1
    assert min(figures["accuracy"].values()) >= 99
    assert min(figures["scikit-learn"].values()) >= 99


def test_the_compiled_run_takes_the_same_steps_and_is_shown(default_run, no_data, capsys, tmp_path):
    figures = default_run("logistic_regression")[0].figures
    np.testing.assert_allclose(figures["compiled"], figures["costs"], rtol=0, atol=1e-12)
    pictures = demo.handwriting()
    capsys.readouterr()  # the default run prints, too, where this test is the first to ask for it
    demo.compiled_run(pictures, 0.1, figures["costs"][:5], seconds=1.0)
    printed = capsys.readouterr().out
    assert "5 steps as they are         1000.0 ms" in printed
    assert "# forward · z = w.T @ x + b" in printed and "# backward · z = w.T @ x + b" in printed
    program = printed.partition("The program:")[2]
    compile(program, "the program", "exec")
    assert "tinygraph." not in program.partition("def step")[2]


def test_published_run_agrees_with_hand_written_numpy(published):
    published("sign_digits.npz")
    agrees_with_hand(demo.sign_language(), rate=0.01)


def test_published_figures(published, tmp_path, capsys):
    published("sign_digits.npz")
    figures = demo.main(tmp_path).figures
    np.testing.assert_allclose(figures["costs"][::10], demo.PUBLISHED_COSTS, rtol=0, atol=1e-4)
    assert figures["accuracy"] == pytest.approx({"train": 92.816091954023, "test": 93.54838709677419}, abs=1e-9)
    assert figures["scikit-learn"] == pytest.approx({"train": 100, "test": 96.7742}, abs=1e-3)
    assert "published 93.548 %" in capsys.readouterr().out


def test_published_division_of_the_pictures(published):
    published("sign_digits.npz")
    pictures = demo.sign_language()
    assert pictures.x_train.shape == (4096, 348) and pictures.x_test.shape == (4096, 62)
    assert pictures.y_train.sum() + pictures.y_test.sum() == 205
    assert pictures.x_train.min() >= 0 and pictures.x_train.max() <= 1
