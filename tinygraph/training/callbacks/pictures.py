"""DrawNetwork: a picture of the network with its gradients after each epoch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinygraph.training.callbacks.callback import Callback
from tinygraph.training.notebooks import in_notebook

if TYPE_CHECKING:
    from tinygraph.drawing import Drawing

__all__ = ["DrawNetwork", "picture"]


class DrawNetwork(Callback):
    """Draw the network after each epoch: its layers, the loss of a batch, and the gradients in them.

    The picture is written into a file, always the same one or one for each epoch. In a notebook, without a file, it is
    shown in place and drawn anew. The loss is that of the model in use: nothing is dropped out. Nothing in the model
    changes.

    Args:
        path: the file; its ending says of which kind, .svg, .png, .pdf or .html. "{epoch:02d}" in it stands for the
            epoch, counted from 1. By default the notebook, or elsewhere "network.svg".
        x, y: the batch; by default the last one of the epoch.
        view, open: as for `tg.draw`.
        every: draw after every so many epochs.

    Attributes:
        drawing: the last picture.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        x: Any = None,
        y: Any = None,
        view: str = "collapsed",
        open: Any = None,  # noqa: A002 - as `tg.draw` calls it
        every: int = 1,
    ) -> None:
        self.path = None if path is None else os.fspath(path)
        self.x, self.y, self.view, self.open, self.every = x, y, view, open, every
        self.drawing: Drawing | None = None
        self._shown: Any = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begin a new picture in a notebook."""
        self._shown = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Draw the network."""
        if (epoch + 1) % self.every:
            return
        batch = self.model.last_batch if self.x is None else (self.x, self.y, None)
        results = {name: value for name, value in (logs or {}).items() if name != "learning_rate"}
        title = ", ".join([f"Epoch {epoch + 1}", *[f"{name} {_short(value)}" for name, value in results.items()]])
        self.drawing = picture(self.model, batch, title=title, view=self.view, open=self.open)
        display = None if self.path is not None else _notebooks_display()
        if display is not None:
            self._show(display)
            return
        path = Path((self.path or "network.svg").format(epoch=epoch + 1))
        path.parent.mkdir(parents=True, exist_ok=True)
        self.drawing.save(path)

    def _show(self, display: Any) -> None:
        if self._shown is None:
            self._shown = display(self.drawing, display_id=True)
        else:
            self._shown.update(self.drawing)


def picture(model: Any, batch: Any, **options: Any) -> Drawing:
    """Return a picture of a model on a batch, with the gradients of its loss. The model stays as it is.

    Args:
        model: the model.
        batch: inputs, targets and weights.
        options: those of `tg.draw`.
    """
    from tinygraph.drawing import draw

    x, y, weights = batch
    kept = [(tensor, tensor.grad, tensor.numpy().copy()) for tensor in model.weights]
    try:
        loss = model.compute_loss(x, y, sample_weight=weights, training=False)
        loss.backward(retain_graph=True)
        return draw(loss, **options)
    finally:
        for tensor, gradient, value in kept:
            tensor.grad = gradient
            if not tensor.requires_grad:  # the state of a layer, which the call has moved on
                tensor.assign(value)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else "..."


def _notebooks_display() -> Any:
    """Return IPython's function that shows a thing, in a notebook; else None."""
    if not in_notebook():
        return None
    from IPython.display import display

    return display
