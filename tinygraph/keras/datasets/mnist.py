"""Handwritten digits, as Keras loads them."""

from typing import Any

from tinygraph import data

__all__ = ["load_data"]


def load_data(path: str = "mnist.npz") -> Any:
    """Load `tg.data.mnist()`: from the folder that TINYGRAPH_DATA names, else by a download.

    Args:
        path: the name of the file, for which Keras has another place; only the default is taken.

    Returns:
        (x_train, y_train), (x_test, y_test), all uint8: 60,000 and 10,000 images of shape (28, 28) and their labels.

    Raises:
        ValueError: `path` is given, or the file is not the expected one.
        FileNotFoundError: the file is nowhere and could not be downloaded.
    """
    if path != "mnist.npz":
        raise ValueError(
            f"mnist.load_data: path={path!r} is not read. Set the environment variable TINYGRAPH_DATA to the folder "
            "with mnist.npz"
        )
    return data.mnist()
