"""The admissions network against the published figures, and against the tutorial's update written out by hand."""

import numpy as np
import pytest

import tinygraph as tg
from demos import admissions as demo


def by_hand(records, epochs):
    """One record at a time: its error terms, added up, then one step with the mean."""
    w_input, w_output = (w.data.copy() for w in demo.initial())

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    for _ in range(epochs):
        change_input, change_output = np.zeros_like(w_input), np.zeros_like(w_output)
        for x, y in zip(records.x_train, records.y_train, strict=True):
            hidden = sigmoid(x @ w_input)
            output = sigmoid(hidden @ w_output)
            output_term = (y - output) * output * (1 - output)
            change_output += output_term * hidden
            change_input += x[:, None] * (output_term * w_output * hidden * (1 - hidden))
        w_input += demo.RATE * change_input / len(records.x_train)
        w_output += demo.RATE * change_output / len(records.x_train)
    return w_input, w_output


def test_steps_are_those_of_the_tutorial(monkeypatch):
    monkeypatch.setattr(demo, "EPOCHS", 20)
    records = demo.split(demo.made_up())
    w_input, w_output = demo.initial()
    demo.train(records, w_input, w_output)
    for ours, theirs in zip((w_input, w_output), by_hand(records, 20), strict=True):
        np.testing.assert_allclose(ours.data, theirs, rtol=0, atol=1e-12)


def test_default_run(default_run):
    figures = default_run("admissions")[0].figures
    assert len(figures["errors"]) == 900
    assert np.all(np.diff(figures["errors"]) < 0)
    assert 0 <= figures["accuracy"] <= 1


def test_made_up_table_is_like_the_real_one():
    table = demo.made_up()
    assert len(table.admit) == 400
    assert set(table.rank) == {1, 2, 3, 4}
    assert table.gre.min() >= 220 and table.gre.max() <= 800 and table.gpa.max() <= 4
    assert 0.2 < table.admit.mean() < 0.45


def test_default_run_says_that_the_table_is_made_up(no_data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, "EPOCHS", 811)
    demo.main(tmp_path)
    printed = capsys.readouterr().out
    assert "made-up" in printed and "published" not in printed


def test_published_figures(published, tmp_path):
    published("admissions.csv")
    figures = demo.main(tmp_path).figures
    assert figures["errors"][0] == pytest.approx(0.268560, abs=5e-7)
    assert figures["errors"][810] == pytest.approx(0.254414, abs=5e-7)
    assert figures["accuracy"] == 0.725
    assert figures["nobody"] == 26 / 40


def test_published_division_of_the_records(published):
    published("admissions.csv")
    records = demo.split(tg.data.admissions())
    assert records.x_train.shape == (360, 6) and records.x_test.shape == (40, 6)
    assert records.y_train.sum() + records.y_test.sum() == 127
    everything = np.concatenate([records.x_train, records.x_test])
    np.testing.assert_allclose(everything[:, :2].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(everything[:, :2].std(axis=0, ddof=1), 1)


def test_compiled_steps_are_the_eager_ones(monkeypatch):
    monkeypatch.setattr(demo, "EPOCHS", 30)
    records = demo.split(demo.made_up())
    runs = []
    for compiled in (False, True):
        w_input, w_output = demo.initial()
        runs.append((demo.train(records, w_input, w_output, compiled), w_input.data, w_output.data))
    for eager, compiled in zip(*runs, strict=True):
        np.testing.assert_allclose(compiled, eager, rtol=1e-13)
