"""TensorBoard: results, weights and a picture of the network in files that TensorBoard shows."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tinygraph.training.callbacks.callback import Callback
from tinygraph.training.callbacks.pictures import picture

__all__ = ["TensorBoard"]


class TensorBoard(Callback):
    """Write the results of a training into files of TensorBoard: `tensorboard --logdir logs`. It needs tensorboardX.

    The tags are Keras's: "epoch_loss", and in the folder "validation" the same of the validation.

    Args:
        log_dir: the folder, one for each training that is to be compared.
        histogram_freq: write histograms of all weights after every so many epochs; 0 for none.
        write_graph: write a picture of the network with its gradients, after the first epoch. It needs Pillow and a
            drawing engine, and is left out where there are none.
        write_images: write the weights as images, together with the histograms.
        write_steps_per_second: write the number of steps in a second.
        update_freq: "epoch"; or a number of batches after which the results so far are written, too, as "batch_loss";
            "batch" stands for 1.
        profile_batch, embeddings_freq, embeddings_metadata: of Keras; only 0, 0 and None are taken.

    Raises:
        ValueError: an argument is not one of these.
        ImportError: at the beginning of a training: tensorboardX is not installed.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: int = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        for name, given in (("profile_batch", profile_batch), ("embeddings_freq", embeddings_freq)):
            if given:
                raise ValueError(f"TensorBoard: there is no {name} here, leave it at 0")
        if embeddings_metadata is not None:
            raise ValueError("TensorBoard: there is no embeddings_metadata here, leave it at None")
        update_freq = 1 if update_freq == "batch" else update_freq
        if update_freq != "epoch" and not (isinstance(update_freq, int) and update_freq >= 1):
            raise ValueError(
                f'TensorBoard: update_freq must be "epoch", "batch" or a number of batches, got {update_freq!r}'
            )
        self.log_dir, self.histogram_freq, self.write_graph = Path(log_dir), histogram_freq, write_graph
        self.write_images, self.write_steps_per_second = write_images, write_steps_per_second
        self.update_freq = update_freq
        self._writers: dict[str, Any] = {}
        self._batches = self._batches_before = 0
        self._epoch_begun = self._batch_begun = 0.0
        self._drawn = False

    # --- the moments ------------------------------------------------------------------------------------------------

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Open the files."""
        self._batches, self._drawn = 0, False
        self._writer("train")

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the clock."""
        self._epoch_begun, self._batches_before = time.perf_counter(), self._batches

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the clock."""
        self._batch_begun = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the results so far, if it is time."""
        self._batches += 1
        if isinstance(self.update_freq, int) and self._batches % self.update_freq == 0:
            self._write("train", "batch_{}", logs or {}, self._batches)
            if self.write_steps_per_second:
                speed = 1 / max(time.perf_counter() - self._batch_begun, 1e-9)
                self._write("train", "batch_{}", {"steps_per_second": speed}, self._batches)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the results of the epoch, and what else is due."""
        logs = logs or {}
        trained = {name: value for name, value in logs.items() if not name.startswith("val_")}
        trained["learning_rate"] = float(self.model.optimizer.learning_rate)
        if self.write_steps_per_second:
            seconds = max(time.perf_counter() - self._epoch_begun, 1e-9)
            trained["steps_per_second"] = (self._batches - self._batches_before) / seconds
        self._write("train", "epoch_{}", trained, epoch)
        validated = {name.removeprefix("val_"): value for name, value in logs.items() if name.startswith("val_")}
        if validated:
            self._write("validation", "epoch_{}", validated, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        if self.write_graph and not self._drawn:
            self._drawn = True
            self._write_picture(epoch)
        for writer in self._writers.values():
            writer.flush()

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Write the results of an evaluation over the number of steps that were trained."""
        steps = int(self.model.optimizer.iterations.item())
        self._write("validation", "evaluation_{}_vs_iterations", logs or {}, steps)

    def on_exit(self) -> None:
        """Close the files."""
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    # --- the files --------------------------------------------------------------------------------------------------

    def _writer(self, part: str) -> Any:
        if part not in self._writers:
            try:
                from tensorboardX import SummaryWriter
            except ImportError as error:
                raise ImportError(
                    "TensorBoard: tensorboardX is not installed. Write pip install 'tinygraph[train]'"
                ) from error
            self._writers[part] = SummaryWriter(str(self.log_dir / part))
        return self._writers[part]

    def _write(self, part: str, tag: str, numbers: Mapping[str, Any], step: int) -> None:
        writer = self._writer(part)
        for name, value in numbers.items():
            if np.ndim(value) == 0:
                writer.add_scalar(tag.format(name), float(value), step)

    def _write_weights(self, epoch: int) -> None:
        writer = self._writer("train")
        for path, tensor in self.model.tensors().items():
            name, values = path.replace(".", "/"), tensor.numpy()
            if not np.isfinite(values).all() or not values.size:
                continue
            writer.add_histogram(f"{name}/histogram", values, epoch)
            if self.write_images and (image := _image_of(values)) is not None:
                writer.add_images(f"{name}/image", image, epoch, dataformats="NHWC")

    def _write_picture(self, epoch: int) -> None:
        from tinygraph.drawing import DrawingError

        try:
            from PIL import Image

            drawn = picture(self.model, self.model.last_batch, view="collapsed").png()
        except (ImportError, DrawingError):
            return
        image = np.asarray(Image.open(io.BytesIO(drawn)).convert("RGB"))
        self._writer("train").add_image("network", image, epoch, dataformats="HWC")


def _image_of(values: Any) -> Any:
    """Return a weight as images, shape (images, height, width, 1), from 0 to 1; None for one of another shape."""
    values = np.squeeze(values)
    if values.ndim == 1:
        images = values.reshape(1, 1, -1, 1)
    elif values.ndim == 2:
        images = (values.T if values.shape[0] > values.shape[1] else values)[None, :, :, None]
    elif values.ndim == 3:
        images = np.moveaxis(values, -1, 0)[..., None]
    else:
        return None
    low, high = float(images.min()), float(images.max())
    return (images - low) / (high - low) if high > low else np.zeros_like(images)
