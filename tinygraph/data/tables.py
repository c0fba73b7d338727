"""The datasets, as arrays."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinygraph.data.files import find
from tinygraph.data.idx import load_idx

__all__ = ["FASHION", "Admissions", "admissions", "fashion_mnist", "mnist", "sign_digits", "tiny_shakespeare"]

Array = NDArray[Any]

# The names of the classes of Fashion-MNIST, by their labels.
FASHION = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


class Admissions(NamedTuple):
    """400 applications to a graduate school, one row each."""

    admit: Array  # 0 or 1
    gre: Array  # the Graduate Record Examination, 220 to 800
    gpa: Array  # the grade point average, up to 4
    rank: Array  # of the applicant's school: 1 the most renowned, 4 the least


def sign_digits() -> tuple[Array, Array]:
    """Load photographs of hands that sign the digits 0 to 9.

    Returns:
        Images, uint8 of shape (2062, 64, 64), and labels, uint8 of shape (2062,), in the order of the published
        arrays: sign zero is at 204:409, sign one at 822:1027.

    Raises what `find` does.

    Source: Mavi, "A new dataset and proposed convolutional neural network architecture for classification of American
    Sign Language digits" (2020).
    """
    with np.load(find("sign_digits.npz")) as arrays:
        return arrays["X"], arrays["y"]


def mnist() -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Load handwritten digits.

    Returns:
        (x_train, y_train), (x_test, y_test), all uint8: 60,000 and 10,000 images of shape (28, 28) and their labels.

    Raises what `find` does.

    Source: LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition" (1998).
    """
    with np.load(find("mnist.npz")) as arrays:
        return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


def fashion_mnist() -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Load pictures of clothes, in the shapes of MNIST. `FASHION` has the names of the ten classes.

    Returns:
        (x_train, y_train), (x_test, y_test), all uint8: 60,000 and 10,000 images of shape (28, 28) and their labels.

    Raises what `find` does. The four files, as they are published, stand in a folder fashion_mnist.

    Source: Xiao, Rasul and Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning
    algorithms" (2017).
    """
    x_train, y_train, x_test, y_test = (
        load_idx(find(f"fashion_mnist/{part}-ubyte.gz"))
        for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    )
    return (x_train, y_train), (x_test, y_test)


def admissions() -> Admissions:
    """Load 400 applications to graduate school: hypothetical data of UCLA's statistics pages.

    Raises what `find` does.
    """
    columns = np.loadtxt(find("admissions.csv"), delimiter=",", skiprows=1, unpack=True)
    admit, gre, gpa, rank = columns
    return Admissions(admit.astype(int), gre, gpa, rank.astype(int))


def tiny_shakespeare() -> str:
    """Load 1,115,394 characters of Shakespeare's plays, 65 of them different.

    Raises what `find` does.
    """
    return find("tinyshakespeare.txt").read_text("ascii")
