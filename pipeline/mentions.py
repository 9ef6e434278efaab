"""VALUE, UNIT, METRIC, YEAR and REGION mentions: BIOES tags with constrained decoding -> `doc.ents`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from spacy.language import Language
from spacy.tokens import Doc, Span
from torch import nn

from pipeline.component import Component, Module, pad
from pipeline.schema import LABELS

__all__ = ["MentionHead", "Mentions", "decode", "encode_tags"]

TAGS = ["O"] + [f"{place}-{label}" for label in LABELS for place in "BIES"]
_NUMBER = {tag: i for i, tag in enumerate(TAGS)}


# what may stand before a tag: before I-x and E-x only B-x and I-x, before every other tag one that leaves no span open
_CLOSED = np.array([i for i, tag in enumerate(TAGS) if tag[0] in "OES"])
_B, _I, _E = (np.array([_NUMBER[f"{place}-{label}"] for label in LABELS]) for place in "BIE")
_START = np.array([0 if tag[0] in "OBS" else -np.inf for tag in TAGS], dtype=np.float32)
_END = np.array([0 if tag[0] in "OES" else -np.inf for tag in TAGS], dtype=np.float32)


def encode_tags(length: int, spans: Sequence[tuple[int, int, str]]) -> list[int]:
    """The tag numbers of a text of `length` characters with (start, end, label) spans."""
    tags = [0] * length
    for start, end, label in spans:
        if end - start == 1:
            tags[start] = _NUMBER[f"S-{label}"]
        else:
            tags[start : end] = [_NUMBER[f"I-{label}"]] * (end - start)
            tags[start], tags[end - 1] = _NUMBER[f"B-{label}"], _NUMBER[f"E-{label}"]
    return tags


def decode(scores: np.ndarray, lengths: Sequence[int]) -> list[list[tuple[int, int, str, float]]]:
    """The best well-formed tagging of each sentence (Viterbi) as (start, end, label, probability).

    Args:
        scores: (batch, character, tag) log-probabilities.
        lengths: (batch,) characters of each sentence, at least one.
    """
    rows, last = np.arange(len(scores)), np.asarray(lengths) - 1
    back, best = np.zeros(scores.shape, dtype=np.int8), np.empty_like(scores)
    best[:, 0] = _START + scores[:, 0]
    for i in range(1, scores.shape[1]):
        before = best[:, i - 1]
        closed = _CLOSED[before[:, _CLOSED].argmax(1)]
        back[:, i] = closed[:, None]
        back[:, i, _I] = back[:, i, _E] = np.where(before[:, _B] >= before[:, _I], _B, _I)
        best[:, i] = scores[:, i] + before[rows[:, None], back[:, i]]
    path = np.zeros(scores.shape[:2], dtype=np.int64)
    tag = (best[rows, last] + _END).argmax(1)
    for i in range(scores.shape[1] - 1, -1, -1):
        path[:, i] = tag
        # sentences that end before i keep their last tag until it is reached
        tag = np.where(i <= last, back[rows, i, tag], tag)
    sure = np.take_along_axis(scores, path[:, :, None], 2)[:, :, 0]
    return [_spans(path[k, : n + 1], sure[k]) for k, n in enumerate(last)]


def _spans(path: np.ndarray, sure: np.ndarray) -> list[tuple[int, int, str, float]]:
    spans, start = [], 0
    tagged = np.flatnonzero(path)
    for i, number in zip(tagged.tolist(), path[tagged].tolist(), strict=True):
        tag = TAGS[number]
        if tag[0] in "BS":
            start = i
        if tag[0] in "ES":
            spans.append((start, i + 1, tag[2:], float(np.exp(sure[start : i + 1].min()))))
    return spans


class MentionHead(Module):
    """Character vectors (batch, character, dimension) -> tag logits (batch, character, tag)."""

    def __init__(self, *, dimension: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.arguments = {"dimension": dimension, "hidden": hidden, "dropout": dropout}
        self.layers = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(dimension, hidden), nn.GELU(), nn.Linear(hidden, len(TAGS))
        )

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        return self.layers(vectors)

    def loss(self, vectors: torch.Tensor, tags: torch.Tensor) -> torch.Tensor:
        """Mean cross-entropy a character; `tags` (batch, character) holds -100 behind the text."""
        return nn.functional.cross_entropy(self(vectors).flatten(0, 1), tags.flatten(), ignore_index=-100)


@Language.factory("baogao_mentions", assigns=["doc.ents"], requires=["doc.tensor", "doc._.sentences"])
class Mentions(Component):
    """Sets `doc.ents` and, in `doc._.certainty`, the probability of each by its (start, end)."""

    module_class = MentionHead

    def predict(self, docs: Sequence[Doc]) -> list[list[tuple[int, int, str, float]]]:
        found: list[list] = [[] for _ in docs]
        rows = [
            (i, s.start, doc.tensor[s.start : s.end])
            for i, doc in enumerate(docs)
            for s in doc._.sentences
            if doc.tensor[s.start].any()
        ]
        rows.sort(key=lambda row: len(row[2]))
        for first in range(0, len(rows), 64):
            part = rows[first : first + 64]
            scores = self.module(pad([piece for *_, piece in part]).to(self.device)).log_softmax(-1).cpu().numpy()
            spans = decode(scores, [len(piece) for *_, piece in part])
            for (i, offset, _), mentions in zip(part, spans, strict=True):
                found[i] += [(offset + start, offset + end, label, sure) for start, end, label, sure in mentions]
        return [sorted(mentions) for mentions in found]

    def set_annotations(self, docs: Sequence[Doc], found: list[list]) -> None:
        for doc, mentions in zip(docs, found, strict=True):
            doc.ents = [Span(doc, start, end, label) for start, end, label, _ in mentions]
            doc._.certainty = {(start, end): sure for start, end, _, sure in mentions}
