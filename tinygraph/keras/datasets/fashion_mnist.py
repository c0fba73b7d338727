"""Pictures of clothes, as Keras loads them."""

from typing import Any

from tinygraph import data

__all__ = ["load_data"]


def load_data() -> Any:
    """Load `tg.data.fashion_mnist()`: from the folder that TINYGRAPH_DATA names, else by a download.

    Returns:
        (x_train, y_train), (x_test, y_test), all uint8: 60,000 and 10,000 images of shape (28, 28) and their labels.

    Raises:
        ValueError: a file is not the expected one.
        FileNotFoundError: a file is nowhere and could not be downloaded.
    """
    return data.fashion_mnist()
