"""The four shapes of sequences: what each network reaches on the digits that were kept for the test."""

import numpy as np

from demos import rnn as demo


def test_default_run_reads_and_writes_digits(default_run):
    figures = default_run("rnn")[0].figures
    assert figures["one to one"] > 0.9
    assert figures["many to one"] > 0.9
    error, best = figures["one to many"]
    assert best < error < 1.1 * best


def test_each_row_makes_the_digit_more_certain(default_run):
    shares = default_run("rnn")[0].figures["many to many"]
    assert len(shares) == 8
    assert shares[0] < 0.5 < 0.8 < shares[-1]
    assert np.all(np.diff(shares) > -0.05)


def test_sequences_are_the_rows_of_the_pictures():
    data = demo.digits()
    assert data.x_train.shape == (1347, 8, 8) and data.x_test.shape == (450, 8, 8)
    assert data.x_train.dtype == np.float32 and data.x_train.max() == 1
