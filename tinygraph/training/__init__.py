"""Training: losses and metrics, under Keras 3's names, with its arguments and defaults.

loss = tg.training.losses.get("sparse_categorical_crossentropy")
accuracy = tg.training.metrics.SparseCategoricalAccuracy()
"""

from tinygraph.training import losses, metrics

__all__ = ["losses", "metrics"]
