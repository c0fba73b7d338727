"""The data files: their names, hashes, origins, licences and addresses.

An address stands here only if the hash of what it serves is known from elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FILES", "DataFile"]


@dataclass(frozen=True)
class DataFile:
    """A file of data: its name, origin and licence.

    Attributes:
        name: its path in the folder.
        sha256: the hash of its bytes.
        origin: its source.
        licence: its licence.
        addresses: the addresses that it can be downloaded from, the first choice first.
        served: the hash of the file at these addresses if its bytes are others; its arrays are the same.
        size: the bytes of the file at these addresses.
    """

    name: str
    sha256: str
    origin: str
    licence: str
    addresses: tuple[str, ...] = ()
    served: str = ""
    size: int = 0

    @property
    def hashes(self) -> tuple[str, ...]:
        """The hashes of the files that are accepted."""
        return tuple(filter(None, (self.sha256, self.served)))


def _of_fashion_mnist(name: str, sha256: str, size: int) -> DataFile:
    return DataFile(
        f"fashion_mnist/{name}",
        sha256,
        "Xiao, Rasul and Vollgraf (2017, arXiv:1708.07747), github.com/zalandoresearch/fashion-mnist",
        "MIT",
        (
            f"https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/{name}",
            f"https://storage.googleapis.com/tensorflow/tf-keras-datasets/{name}",
        ),
        size=size,
    )


FILES = {
    file.name: file
    for file in (
        DataFile(
            "sign_digits.npz",
            "741ce0ff4365031d5b0cef546709d2eb5528f22423e063748327b7b18b434477",
            "Sign Language Digits Dataset (Mavi 2020, arXiv:2011.08927), "
            "github.com/ardamavi/Sign-Language-Digits-Dataset, as uint8 arrays X (2062, 64, 64) and y (2062,)",
            "Apache-2.0",
        ),
        DataFile(
            "mnist.npz",
            "06af5dfe73b70e3bc1c36439982b18a8d76803db9b544f6fdf838a37fbb01b64",
            "LeCun, Cortes and Burges, the MNIST database, as uint8 arrays x_train, y_train, x_test, y_test",
            "none stated",
            ("https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",),
            served="731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
            size=11_490_434,
        ),
        _of_fashion_mnist(
            "train-images-idx3-ubyte.gz", "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84", 26_421_880
        ),
        _of_fashion_mnist(
            "train-labels-idx1-ubyte.gz", "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", 29_515
        ),
        _of_fashion_mnist(
            "t10k-images-idx3-ubyte.gz", "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", 4_422_102
        ),
        _of_fashion_mnist(
            "t10k-labels-idx1-ubyte.gz", "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", 5_148
        ),
        DataFile(
            "admissions.csv",
            "2f5dcda0e455631215709575cc2eede4e5fb4e94cda9c37dab54e26d79dcf8c2",
            "UCLA's binary.csv, hypothetical data: admit, gre, gpa, rank",
            "none stated",
        ),
        DataFile(
            "tinyshakespeare.txt",
            "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            "github.com/karpathy/char-rnn, data/tinyshakespeare/input.txt",
            "public domain",
            (
                "https://raw.githubusercontent.com/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/"
                "data/tinyshakespeare/input.txt",
            ),
            size=1_115_394,
        ),
    )
}
