"""Datasets: files checked by sha256, images from a folder, and batches of arrays.

    >>> import numpy as np, tinygraph as tg
    >>> [len(x) for x, y in tg.data.batches(np.arange(10), np.arange(10), size=4)]
    [4, 4, 2]

The environment variable TINYGRAPH_DATA names the folder with the files. A file that is not there is downloaded once,
which needs `tinygraph[data]`. TINYGRAPH_CACHE names the folder for downloads, if it is not to be the system's.
"""

from typing import Any

from tinygraph.data.batches import Batches, batches
from tinygraph.data.files import available, find, folder
from tinygraph.data.idx import load_idx
from tinygraph.data.images import LabelledImages, class_of, image_folder, load_image, load_images
from tinygraph.data.rows import Rows
from tinygraph.data.sources import FILES, DataFile
from tinygraph.data.tables import FASHION, Admissions, admissions, fashion_mnist, mnist, sign_digits, tiny_shakespeare

__all__ = [
    "FASHION",
    "FILES",
    "Admissions",
    "Batches",
    "DataFile",
    "LabelledImages",
    "Rows",
    "admissions",
    "available",
    "batches",
    "class_of",
    "fashion_mnist",
    "find",
    "folder",
    "image_folder",
    "load_idx",
    "load_image",
    "load_images",
    "mnist",
    "sign_digits",
    "tiny_shakespeare",
]


def __getattr__(name: str) -> Any:
    from tinygraph.elsewhere import OF_DATA, absent

    raise absent(__name__, name, OF_DATA, __all__)
