"""Words of a text, as the trained pkuseg segmenter cuts them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from pipeline.errors import ModelError

__all__ = ["DEFAULT_SEGMENTER", "WORD_TAGS", "load_segmenter", "word_tags", "words"]

DEFAULT_SEGMENTER = Path(__file__).resolve().parent.parent / "models" / "segmenter"
WORD_TAGS = 4  # a character begins a word, stands inside it, ends it, or is one


@cache
def load_segmenter(path: Path = DEFAULT_SEGMENTER):
    """The trained `spacy_pkuseg.pkuseg` of a folder.

    Raises:
        ModelError: nothing there, or no segmenter.
    """
    import spacy_pkuseg

    if not (path / "weights.npz").is_file():
        raise ModelError("no segmenter here", path=path, mend="run `baogao segment CORPUS`")
    try:
        return spacy_pkuseg.pkuseg(str(path), user_dict=None)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError("the segmenter cannot be loaded", path=path, mend="train it anew") from error


def words(text: str, *, path: Path = DEFAULT_SEGMENTER) -> list[str]:
    """The words of a text; joined, they are the text without its blanks."""
    return load_segmenter(path).cut(text)


def word_tags(text: str, *, path: Path = DEFAULT_SEGMENTER) -> np.ndarray:
    """(character,) 0 where a word begins, 1 inside, 2 at its end, 3 for a word of one character; blanks are 3."""
    tags, place = np.full(len(text), 3, dtype=np.int64), 0
    for word in words(text, path=path):
        inside = []
        for letter in word:
            while text[place] != letter:
                place += 1
            inside.append(place)
            place += 1
        if len(inside) > 1:
            tags[inside] = 1
            tags[inside[0]], tags[inside[-1]] = 0, 2
    return tags
