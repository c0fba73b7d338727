"""Words and numbers of categories as indices of a vocabulary: StringLookup, IntegerLookup, TextVectorization."""

from __future__ import annotations

import collections
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tinygraph.engine.tensor import Tensor
from tinygraph.nn.defaults import floatx
from tinygraph.nn.layer import Layer

__all__ = ["IntegerLookup", "StringLookup", "TextVectorization"]

MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")


class _Lookup(Layer):
    """The index of each token in a vocabulary: first the mask, then what is unknown, then the tokens."""

    _draws = False
    _kinds: ClassVar[str]  # of the dtypes of tokens

    def __init__(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary: Any,
        idf_weights: Any,
        invert: bool,
        output_mode: str,
        pad_to_max_tokens: bool,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        kind = type(self).__name__
        if output_mode not in MODES or (invert and output_mode != "int"):
            raise ValueError(
                f'{kind}: output_mode must be one of {", ".join(MODES)}, and "int" with invert=True, got '
                f"{output_mode!r}"
            )
        if num_oov_indices < 0 or (num_oov_indices > 1 and (invert or self._kinds == "US")):
            raise ValueError(
                f"{kind}: num_oov_indices must be 0 or 1, got {num_oov_indices}: there is one index for all that is "
                "not in the vocabulary"
            )
        if pad_to_max_tokens and max_tokens is None:
            raise ValueError(f"{kind}: pad_to_max_tokens=True needs max_tokens, the number of columns")
        self.max_tokens, self.num_oov_indices = max_tokens, num_oov_indices
        self.mask_token, self.oov_token = mask_token, oov_token
        self.invert, self.output_mode, self.pad_to_max_tokens = invert, output_mode, pad_to_max_tokens
        self.vocabulary: Any = None
        self.idf_weights: Any = None
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    @property
    def _first(self) -> int:
        """The index of the first token."""
        return self.num_oov_indices + (self.mask_token is not None and self.output_mode == "int")

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Give the layer its tokens, in their order.

        Args:
            vocabulary: the tokens, with or without the mask and the unknown token before them; or a text file with one
                in each line.
            idf_weights: for the mode "tf_idf" a weight for each token.

        Raises:
            ValueError: a token comes twice, there are too many, or weights are missing.
        """
        kind = type(self).__name__
        if isinstance(vocabulary, str | os.PathLike):
            vocabulary = Path(vocabulary).read_text(encoding="utf-8").splitlines()
        tokens = [self._token(item) for item in np.asarray(vocabulary).tolist()]
        special = self._special()
        if special and tokens[: len(special)] == special:
            tokens = tokens[len(special) :]
        twice = [token for token, number in collections.Counter(tokens).items() if number > 1]
        if twice or any([token in special for token in tokens]):
            raise ValueError(f"{kind}: the vocabulary has {(twice or special)[0]!r} twice, or among its tokens")
        if self.max_tokens is not None and len(tokens) + self._first > self.max_tokens:
            raise ValueError(
                f"{kind}: a vocabulary of {len(tokens)} tokens, and {self._first} more, is larger than "
                f"max_tokens={self.max_tokens}"
            )
        if self.output_mode == "tf_idf":
            if idf_weights is None or len(idf_weights) not in (len(tokens), len(tokens) + self._first):
                raise ValueError(f'{kind}: the mode "tf_idf" needs idf_weights, one for each token')
            weights = np.asarray(idf_weights, float)[-len(tokens) :] if tokens else np.zeros(0)
            self.idf_weights = weights.tolist()
        self.vocabulary = tokens
        self._prepare()

    def _prepare(self) -> None:
        kind = "U" if self._kinds == "US" else np.int64
        tokens = np.asarray(self.vocabulary, dtype=kind) if self.vocabulary else np.zeros(0, kind)
        order = np.argsort(tokens, kind="stable")
        self._sorted, self._places = tokens[order], order

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """Return the tokens, with the mask and the unknown token before them."""
        return [*(self._special() if include_special_tokens else []), *(self.vocabulary or [])]

    def _special(self) -> list[Any]:
        masks = [self.mask_token] if self._first > self.num_oov_indices else []
        return [*masks, *[self.oov_token] * self.num_oov_indices]

    def vocabulary_size(self) -> int:
        """Return the number of indices."""
        return len(self.vocabulary or []) + self._first

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Find the vocabulary in data: the most frequent tokens first.

        Args:
            data: an array, a list or batches, of which (x, y) count as x.
            batch_size: of Keras; without effect.
            steps: how many batches to look at; None for all.

        Raises:
            ValueError: there are no tokens.
        """
        counts: collections.Counter[Any] = collections.Counter()
        documents: collections.Counter[Any] = collections.Counter()
        rows = 0
        for row in self._rows_in(data, steps):
            rows += 1
            counts.update(row)
            documents.update(set(row))
        for token in (self.mask_token, self.oov_token):
            counts.pop(token, None)
        if not rows:
            raise ValueError(f"{type(self).__name__}: adapt was given no data")
        tokens = sorted(counts, key=lambda token: (counts[token], token), reverse=True)  # ties as in Keras
        if self.max_tokens is not None:
            tokens = tokens[: max(self.max_tokens - self._first, 0)]
        weights = [float(np.log(1 + rows / (1 + documents[token]))) for token in tokens]
        self.set_vocabulary(tokens, weights if self.output_mode == "tf_idf" else None)

    def _rows_in(self, data: Any, steps: int | None) -> Iterator[list[Any]]:
        for number, batch in enumerate(_batches(data)):
            if steps is not None and number >= steps:
                return
            array = self._batch(batch)
            for row in array.reshape(len(array), -1) if array.ndim else array.reshape(1, 1):
                yield [self._token(item) for item in row.tolist()]

    def _token(self, item: Any) -> Any:
        return item.decode("utf-8") if isinstance(item, bytes) else item

    def _batch(self, x: Any) -> Any:
        if isinstance(x, Tensor):
            return x.data
        array = np.asarray(x)
        if array.dtype == object and all([isinstance(item, str | bytes) for item in array.ravel().tolist()]):
            array = array.astype("U")
        if array.dtype.kind == "S":
            array = np.char.decode(array, "utf-8")
        allowed = "iu" if self.invert else self._kinds
        if array.dtype.kind not in allowed:
            told = "whole numbers" if "i" in allowed else "strings"
            raise TypeError(f'{type(self).__name__} "{self.name}": it takes {told}, got dtype {array.dtype}')
        return array

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the indices of tokens."""
        if self._kinds == "US" and not self.invert and args and hasattr(args[0], "call"):
            raise TypeError(
                f'{type(self).__name__} "{self.name}": a network computes with numbers alone. Call the layer on the '
                "strings before, x = layer(strings), and give the network x"
            )
        return super().__call__(*args, **kwargs)

    def call(self, x: Any) -> Any:
        """See the class."""
        return self._looked_up(x)

    def _looked_up(self, x: Any) -> Any:
        if self.vocabulary is None:
            raise ValueError(f"{type(self).__name__}: it has no vocabulary yet. Call adapt(data), or give vocabulary=")
        if self.invert:
            tokens = np.asarray(self.get_vocabulary())
            known = (x >= 0) & (x < len(tokens))
            found = np.asarray(tokens, like=x)[np.where(known, x, 0)]
            return np.where(known, found, self.oov_token)
        return self._encoded(self._indices(x))

    def _indices(self, x: Any) -> Any:
        """Return the index of each token; −1 for the mask where it does not count."""
        unknown: Any = np.where(np.zeros(x.shape, bool), 0, self._first - self.num_oov_indices)
        if self.num_oov_indices > 1:
            unknown = unknown + x % self.num_oov_indices
        if len(self._sorted):
            place = np.minimum(np.searchsorted(self._sorted, x), len(self._sorted) - 1)
            tokens, places = (np.asarray(item, like=x) for item in (self._sorted, self._places))
            known = tokens[place] == x
            indices = np.where(known, places[place] + self._first, unknown)
        else:
            known, indices = np.zeros(x.shape, bool), unknown
        if self.mask_token is not None:
            is_mask = x == self.mask_token
            known, indices = known | is_mask, np.where(is_mask, 0 if self.output_mode == "int" else -1, indices)
        if not self.num_oov_indices and type(known) is np.ndarray and not known.all():
            raise ValueError(
                f"{type(self).__name__}: {np.asarray(x)[~known].tolist()[0]!r} is not in the vocabulary, and "
                "num_oov_indices=0 has no index for such tokens"
            )
        return indices

    def _encoded(self, indices: Any) -> Any:
        if self.output_mode == "int":
            return indices.astype(np.int64)
        columns = self.vocabulary_size() if self.max_tokens is None or not self.pad_to_max_tokens else self.max_tokens
        hot = (indices[..., None] == np.arange(columns)).astype(self.dtype or floatx())
        if self.output_mode == "one_hot":
            return hot[..., 0, :] if indices.ndim > 1 and indices.shape[-1] == 1 else hot
        rows = hot if indices.ndim > 1 else hot[None] if not indices.ndim else hot[..., None, :]
        if self.output_mode == "multi_hot":
            return np.max(rows, axis=-2)
        counts = np.sum(rows, axis=-2)
        if self.output_mode == "count":
            return counts
        weights = np.asarray(self.idf_weights, float)
        mean = np.mean(weights) if len(weights) else 0.0
        padding = np.zeros(columns - len(weights) - self._first)
        return counts * np.concatenate([np.full(self._first, mean), weights, padding]).astype(counts.dtype)


class StringLookup(_Lookup):
    """The index of each string in a vocabulary, or the other way round.

        labels = nn.StringLookup(vocabulary=["cat", "dog"], num_oov_indices=0)
        labels(["dog", "cat"])  # [1, 0]

    Args:
        max_tokens: the largest number of indices; None for no limit.
        num_oov_indices: 1 for an index of all unknown strings, 0 for an error.
        mask_token: a string with an index of its own, 0; None for none.
        oov_token: what stands for unknown strings in the vocabulary.
        vocabulary: the strings, or a file with one in each line. Without it `adapt` finds them in data.
        idf_weights: for the mode "tf_idf", a weight for each string.
        invert: return the strings of indices.
        output_mode: "int" for indices; "one_hot", "multi_hot", "count" or "tf_idf" for rows of numbers.
        pad_to_max_tokens: rows have `max_tokens` numbers.
        name: see `Layer`.

    It is called on arrays or lists of strings, before a network.

    Raises:
        ValueError: an argument is none of these, a string is not in the vocabulary, or there is none.
    """

    _kinds = "US"

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(
            max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights, invert, output_mode,
            pad_to_max_tokens, **options,
        )  # fmt: skip


class IntegerLookup(_Lookup):
    """The index of each whole number in a vocabulary, or the other way round.

    Args: as of `StringLookup`. `num_oov_indices` may be more than 1: an unknown number has the index of its remainder.

    It is called on whole numbers, in a network or before.

    Raises:
        ValueError: as of `StringLookup`.
    """

    _kinds = "iu"
    input_dtype: ClassVar[Any] = np.dtype(np.int64)

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(
            max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights, invert, output_mode,
            pad_to_max_tokens, **options,
        )  # fmt: skip

    def _batch(self, x: Any) -> Any:
        values = x.data if isinstance(x, Tensor) else x
        if hasattr(values, "dtype") and type(values) is not np.ndarray:
            return values  # a value of a function that is being compiled
        array = np.asarray(values)
        return super()._batch(array.astype(np.int64) if array.dtype.kind == "f" else array)


_PUNCTUATION = re.compile(r"""[!"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~']""")


class TextVectorization(StringLookup):
    """Texts as rows of the indices of their words.

        vectorize = nn.TextVectorization(max_tokens=5000, output_sequence_length=20)
        vectorize.adapt(texts)
        x = vectorize(texts)  # shape (texts, 20): 0 is padding, 1 an unknown word

    Args:
        max_tokens: the largest number of indices; None for no limit.
        standardize: "lower_and_strip_punctuation", "lower", "strip_punctuation", a function of an array of texts, or
            None for texts as they are.
        split: "whitespace" for words, "character", a function of an array of texts that returns a list of words for
            each, or None: each string is a word.
        ngrams: words come with the n words in a row, too: 2, or several numbers, (2, 3).
        output_mode: "int" for rows of indices; "multi_hot", "count" or "tf_idf" for one row of numbers for each text.
        output_sequence_length: the length of rows of indices: longer ones are cut, shorter ones padded by 0. None for
            that of the longest.
        pad_to_max_tokens: rows of numbers have `max_tokens` of them.
        vocabulary: the words, or a file with one in each line. Without it `adapt` finds them in texts.
        idf_weights: for the mode "tf_idf", a weight for each word.
        name: see `Layer`.

    It is called on strings, or on arrays and lists of them, before a network.

    Raises:
        ValueError: an argument is none of these, or there is no vocabulary.
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: str | Callable[[Any], Any] | None = "lower_and_strip_punctuation",
        split: str | Callable[[Any], Any] | None = "whitespace",
        ngrams: int | Sequence[int] | None = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        **options: Any,
    ) -> None:
        if isinstance(standardize, str) and standardize not in (
            "lower_and_strip_punctuation",
            "lower",
            "strip_punctuation",
        ):
            raise ValueError(f"TextVectorization: there is no standardize={standardize!r}")
        if isinstance(split, str) and split not in ("whitespace", "character"):
            raise ValueError(f'TextVectorization: split must be "whitespace" or "character", got {split!r}')
        if output_mode == "one_hot":
            raise ValueError('TextVectorization: output_mode must be "int", "multi_hot", "count" or "tf_idf"')
        self.standardize, self.split, self.ngrams = standardize, split, ngrams
        self.output_sequence_length = output_sequence_length
        super().__init__(
            max_tokens, 1, "", "[UNK]", vocabulary, idf_weights, False, output_mode, pad_to_max_tokens, **options
        )

    def _words(self, x: Any) -> list[list[str]]:
        """Return the words of each text."""
        texts = x.reshape(-1)
        if callable(self.standardize):
            texts = np.asarray(self.standardize(texts))
        elif self.standardize is not None:
            found = texts.tolist()
            if "lower" in self.standardize:
                found = [text.lower() for text in found]
            if "strip" in self.standardize:
                found = [_PUNCTUATION.sub("", text) for text in found]
            texts = np.asarray(found, dtype="U") if found else texts
        if callable(self.split):
            rows = [[self._token(word) for word in row] for row in self.split(texts)]
        elif self.split is None:
            rows = [[text] for text in texts.tolist()]
        else:
            rows = [text.split() if self.split == "whitespace" else list(text) for text in texts.tolist()]
        if self.ngrams is None:
            return rows
        sizes = range(1, self.ngrams + 1) if isinstance(self.ngrams, int) else self.ngrams
        return [[" ".join(row[at : at + size]) for size in sizes for at in range(len(row) - size + 1)] for row in rows]

    def _rows_in(self, data: Any, steps: int | None) -> Iterator[list[Any]]:
        for number, batch in enumerate(_batches(data)):
            if steps is not None and number >= steps:
                return
            yield from self._words(self._batch(batch))

    def call(self, x: Any) -> Any:
        """See the class."""
        if x.ndim > 1 and (x.ndim > 2 or x.shape[-1] != 1) and self.split is not None:
            raise self.misfit(f"texts must have the shape (texts,) or (texts, 1), got {x.shape}")
        rows = self._words(x)
        longest = max([len(row) for row in rows], default=0)
        length = (
            longest if self.output_sequence_length is None or self.output_mode != "int" else self.output_sequence_length
        )
        if self.split is None and self.ngrams is None and x.ndim > 1:
            return self._looked_up(np.asarray([row[0] for row in rows], dtype="U").reshape(x.shape))
        padded = np.full(
            (len(rows), length), "", dtype=f"U{max([len(word) for row in rows for word in row], default=1)}"
        )
        for place, row in enumerate(rows):
            padded[place, : len(row)] = row[:length]
        found = self._looked_up(padded)
        return found[0] if not x.ndim else found


def _batches(data: Any) -> Iterable[Any]:
    """Return data as batches: an array, a frame or a list of tokens is one."""
    if isinstance(data, str | bytes) or hasattr(data, "shape"):
        return [np.asarray(data).reshape(-1) if isinstance(data, str | bytes) else data]
    if isinstance(data, list | tuple) and (not data or not hasattr(data[0], "shape")):
        return [data]
    return (batch[0] if isinstance(batch, tuple) else batch for batch in data)
