"""Character tokenizers: one token a character, full-width and half-width forms folded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

__all__ = ["build_tokenizer", "distributional_embeddings"]

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def _folding() -> normalizers.Normalizer:
    # NFKC maps １２．３％ to 12.3% and ， to a comma, so that copied text with half-width
    # punctuation reads like clean text; the offsets still point into the original.
    return normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])


def build_tokenizer(texts: Iterable[str], *, min_count: int) -> PreTrainedTokenizerFast:
    """A character tokenizer whose vocabulary is the characters seen at least `min_count` times."""
    fold, counts = _folding(), Counter()
    for text in texts:
        counts.update(fold.normalize_str(text))
    characters = [c for c, n in counts.most_common() if n >= min_count and not c.isspace()]
    vocabulary = {token: i for i, token in enumerate(SPECIAL + characters)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = fold
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\s"), behavior="removed"),
            pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated"),
        ]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )


def distributional_embeddings(sequences: Iterable[list[int]], *, size: int, dimension: int) -> np.ndarray:
    """Character vectors from neighbour counts: a start that spares the encoder millions of tokens.

    For each of the three places left and right, the positive pointwise mutual information of a
    character with the character there; the leading eigenvectors of the summed Gram matrix (Levy and
    Goldberg 2014, count-based embeddings), scaled to a standard deviation of 0.02.

    Args:
        sequences: token ids of running text.
        size: vocabulary size.
        dimension: width of the vectors.

    Returns:
        A float32 array (size, dimension).
    """
    counts = [np.zeros(size * size, dtype=np.float32) for _ in range(3)]
    for ids in sequences:
        row = np.asarray(ids, dtype=np.int64)
        for distance, table in enumerate(counts, start=1):
            if len(row) > distance:
                pairs, number = np.unique(row[:-distance] * size + row[distance:], return_counts=True)
                table[pairs] += number
    gram = np.zeros((size, size), dtype=np.float32)
    for table in counts:
        joint = table.reshape(size, size)
        total = joint.sum() + 1e-9
        expected = np.outer(joint.sum(1), joint.sum(0)) / total + 1e-9
        information = np.log(np.maximum(joint / expected, 1.0), dtype=np.float32)
        gram += information @ information.T + information.T @ information
    values, vectors = np.linalg.eigh(gram)
    leading = vectors[:, -dimension:] * np.sqrt(np.maximum(values[-dimension:], 0)) ** 0.5
    return (0.02 * leading / (leading.std() + 1e-9)).astype(np.float32)
