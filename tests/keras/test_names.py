"""Keras's modules of functions and small classes are ours, under Keras's names."""

import pytest

import tinygraph as tg
from tinygraph import keras, nn

from .beside import keras as the_other

MODULES = ["activations", "constraints", "initializers", "regularizers"]
SMALL = {
    "constraints": ["max_norm", "non_neg", "unit_norm"],
    "initializers": ["constant", "glorot_uniform", "he_normal", "identity", "orthogonal", "zeros"],
    "regularizers": ["l1", "l1_l2", "l2", "orthogonal_regularizer"],
}


@pytest.mark.parametrize("name", MODULES)
def test_the_face_is_thin(name):
    face, ours = getattr(keras, name), getattr(nn, name)
    own = {"Initializer"}  # a class to derive from; ours is the type of a function
    assert all(getattr(face, item) is getattr(ours, item) for item in set(face.__all__) - own)
    for small in SMALL.get(name, ()):
        assert getattr(face, small) is type(ours.get(small))


def test_optimisers_and_schedules():
    optimizers, schedules = keras.optimizers, keras.optimizers.schedules
    for face, ours in ((optimizers, tg.optim), (schedules, tg.optim.schedules)):
        names = set(face.__all__) - {"schedules"}
        assert all(getattr(face, name) is getattr(ours, name) for name in names)
    rate = schedules.ExponentialDecay(0.5, decay_steps=10, decay_rate=0.9)
    assert optimizers.get(optimizers.serialize(optimizers.SGD(rate, 0.9))).momentum == 0.9
    with pytest.raises(AttributeError, match=r"has no attribute 'RAdam'\. Write a class of your own"):
        optimizers.RAdam  # noqa: B018


@pytest.mark.filterwarnings("ignore")
def test_every_schedule_of_keras_is_there():
    theirs = {name for name in vars(the_other().optimizers.schedules) if not name.startswith("_")}
    assert theirs <= set(keras.optimizers.schedules.__all__)


def test_callbacks():
    ours = tg.training.callbacks
    shared = set(keras.callbacks.__all__) - {"CallbackList"}  # which is for loops that are written out
    assert all(getattr(keras.callbacks, name) is getattr(ours, name) for name in shared)
    with pytest.raises(AttributeError, match="Did you mean 'EarlyStopping'"):
        keras.callbacks.EarlyStoping  # noqa: B018
    others = {name for name in vars(the_other().callbacks) if not name.startswith("_")} - set(keras.callbacks.__all__)
    assert others <= {"OrbaxCheckpoint", "ProgbarLogger", "RemoteMonitor"}


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match=r"has no attribute 'he_norma'\. Did you mean 'he_normal'\?"):
        tg.keras.initializers.he_norma  # noqa: B018


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MODULES)
def test_every_name_of_keras_is_there(name):
    theirs = {item for item in vars(getattr(the_other(), name)) if not item.startswith("_")}
    missing = {item for item in theirs if not hasattr(getattr(keras, name), item)}
    assert missing <= {"STFT", "STFTInitializer", "stft", "Initializer", "IdentityInitializer", "OrthogonalInitializer"}
