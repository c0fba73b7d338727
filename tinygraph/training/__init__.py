"""Training: losses, metrics and callbacks, under Keras 3's names, with its arguments and defaults.

loss = tg.training.losses.get("sparse_categorical_crossentropy")
accuracy = tg.training.metrics.SparseCategoricalAccuracy()
model.fit(x, y, callbacks=[tg.training.callbacks.EarlyStopping("loss", patience=2)])
"""

from tinygraph.training import callbacks, losses, metrics

__all__ = ["callbacks", "losses", "metrics"]
