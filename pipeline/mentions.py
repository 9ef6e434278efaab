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


def _allowed() -> np.ndarray:
    """(tag, next tag): 0 where the step keeps spans whole, -inf elsewhere."""
    steps = np.full((len(TAGS), len(TAGS)), -np.inf, dtype=np.float32)
    for i, before in enumerate(TAGS):
        for j, after in enumerate(TAGS):
            opened = before[0] in "BI"
            inside = after[0] in "IE"
            if opened == inside and (not opened or before[2:] == after[2:]):
                steps[i, j] = 0
    return steps


_STEPS = _allowed()
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


def decode(scores: np.ndarray) -> list[tuple[int, int, str, float]]:
    """The best well-formed tagging of one sentence (Viterbi) as (start, end, label, probability).

    Args:
        scores: (character, tag) log-probabilities.
    """
    best, back = _START + scores[0], np.zeros(scores.shape, dtype=np.int64)
    for i in range(1, len(scores)):
        step = best[:, None] + _STEPS
        back[i] = step.argmax(0)
        best = step[back[i], np.arange(len(TAGS))] + scores[i]
    path = [int((best + _END).argmax())]
    for i in range(len(scores) - 1, 0, -1):
        path.append(int(back[i, path[-1]]))
    path.reverse()
    spans, start = [], 0
    for i, tag in enumerate(path):
        if TAGS[tag][0] in "BS":
            start = i
        if TAGS[tag][0] in "ES":
            sure = min(scores[j, path[j]] for j in range(start, i + 1))
            spans.append((start, i + 1, TAGS[tag][2:], float(np.exp(sure))))
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
            scores = self.module(pad([piece for _, _, piece in part])).log_softmax(-1).numpy()
            for (i, offset, piece), score in zip(part, scores, strict=True):
                for start, end, label, sure in decode(score[: len(piece)]):
                    found[i].append((offset + start, offset + end, label, sure))
        return [sorted(mentions) for mentions in found]

    def set_annotations(self, docs: Sequence[Doc], found: list[list]) -> None:
        for doc, mentions in zip(docs, found, strict=True):
            doc.ents = [Span(doc, start, end, label) for start, end, label, _ in mentions]
            doc._.certainty = {(start, end): sure for start, end, _, sure in mentions}
