"""The irises: both of Keras's forms are the same network, and read flowers that were kept for the test."""

import numpy as np

from demos import iris as demo


def test_default_run_knows_held_out_flowers(default_run):
    figures = default_run("iris")[0].figures
    assert len(figures["accuracies"]) == 5
    assert figures["accuracy"] == np.mean(figures["accuracies"])
    assert figures["accuracy"] >= 95


def test_default_run_shows_both_forms_and_early_stopping(default_run):
    figures = default_run("iris")[0].figures
    assert figures["apart"] == 0
    assert 3 < figures["early_epochs"] < demo.EPOCHS
    assert figures["early_accuracy"] >= 80


def test_a_third_of_each_kind_is_kept():
    x_train, x_test, y_train, y_test = demo.flowers(1)
    assert (x_train.shape, x_test.shape) == ((100, 4), (50, 4))
    assert sorted(y_train.sum(axis=0)) == [33, 33, 34]
    assert sorted(y_test.sum(axis=0)) == [16, 17, 17]


def test_both_forms_train_alike_from_the_same_weights():
    x, _, y, _ = demo.flowers(0)
    one, other = demo.sequential(), demo.functional()
    one.predict(x, verbose=0)
    other.set_weights(one.get_weights())
    for model in (one, other):
        model.fit(x, y, epochs=3, shuffle=False, verbose=0)
    np.testing.assert_array_equal(one.predict(x, verbose=0), other.predict(x, verbose=0))
