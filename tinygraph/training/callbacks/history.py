"""History: the results of each epoch, which `fit` returns."""

from __future__ import annotations

from typing import Any

from tinygraph.training.callbacks.callback import Callback
from tinygraph.training.callbacks.curves import curves

__all__ = ["History"]


class History(Callback):
    """The results of a training, epoch by epoch.

    Attributes:
        history: a list with a number for each epoch, by name: "loss", "accuracy", "val_loss", ...
        epoch: the numbers of the epochs.
        interrupted: True if the training was ended by Ctrl-C.
    """

    kept = ("_noted", "epoch", "history")

    def __init__(self) -> None:
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []
        self.interrupted = False
        self._noted: dict[str, list[int]] = {}  # the epochs of the numbers in `history`

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the results of an epoch."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
            self._noted.setdefault(name, []).append(epoch)

    def plot(self, *names: str) -> Any:
        """Plot the results over the epochs, and return the figure: a panel for each quantity.

            history.plot("loss", "accuracy").savefig("training.png")

        Args:
            names: the quantities, without "val_"; by default all.

        Raises:
            ImportError: matplotlib is not installed.
            ValueError: there is no epoch, or no such quantity.
        """
        whole = {name: self.epoch for name, values in self.history.items() if len(values) == len(self.epoch)}
        return curves(self.history, {**self._noted, **whole}, names or None)

    def state_after(self, epoch: int, logs: dict[str, Any] | None) -> dict[str, Any]:
        """Return the state with the results of an epoch, also of one that it was not told yet."""
        if logs is None or epoch in self.epoch:
            return self.state_dict()
        twin = History()
        twin.load_state_dict(self.state_dict())
        twin.on_epoch_end(epoch, logs)
        return twin.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Begin with earlier results."""
        self.epoch = list(state["epoch"])
        self.history = {name: list(values) for name, values in state["history"].items()}
        self._noted = {name: list(epochs) for name, epochs in state.get("_noted", {}).items()}

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {values[-1]:.4g}" for name, values in self.history.items() if _is_number(values[-1]))
        return f"<History of {len(self.epoch)} epochs: {last}>"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)
