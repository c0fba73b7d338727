"""Datasets under Keras's names: `mnist.load_data()` and `fashion_mnist.load_data()`."""

from typing import Any, NoReturn

import tinygraph.keras.datasets.fashion_mnist as fashion_mnist
import tinygraph.keras.datasets.mnist as mnist

__all__ = ["fashion_mnist", "mnist"]

_PICKLE = "its file is a pickle, which runs code when it is read"
_OWN_IMAGES = f"{_PICKLE}; tg.data.image_folder reads a folder of images"
_OWN_TEXTS = f"{_PICKLE}; keras.utils.pad_sequences and tg.nn.Embedding take word numbers of your own"

# The datasets of Keras that are not here, each with its reason and what to use instead.
ABSENT = {
    "boston_housing": (
        "scikit-learn took it out over a column that is built on the share of Black residents; "
        "sklearn.datasets.fetch_california_housing has prices of houses, too"
    ),
    "california_housing": "scikit-learn has it: sklearn.datasets.fetch_california_housing(return_X_y=True)",
    "cifar10": _OWN_IMAGES,
    "cifar100": _OWN_IMAGES,
    "imdb": _OWN_TEXTS,
    "reuters": _OWN_TEXTS,
}


class Absent:
    """A dataset of Keras that is not here; `load_data` says why."""

    def __init__(self, name: str) -> None:
        self.name = name

    def load_data(self, *args: Any, **options: Any) -> NoReturn:
        """Say why there is no such dataset, and what to use.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(f"keras.datasets.{self.name} is not in tinygraph: {ABSENT[self.name]}")

    def __repr__(self) -> str:
        return f"<{self.name} is not in tinygraph: {ABSENT[self.name]}>"


def __getattr__(name: str) -> Any:
    if name in ABSENT:
        return Absent(name)
    from tinygraph.elsewhere import absent

    raise absent(__name__, name, {}, [*__all__, *ABSENT])
