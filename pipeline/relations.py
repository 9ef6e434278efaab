"""What each VALUE points to: its metric, unit, year, region and base -> `doc._.relations`."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
import torch
from spacy.language import Language
from spacy.tokens import Doc, Span
from torch import nn

from pipeline.component import Component, Module, Pool, pad
from pipeline.schema import LABELS, MAX_LINKS, Sentence

__all__ = ["Pairs", "RelationHead", "Relations"]

NONE, LINK, BASE = range(3)
_TYPE = {"METRIC": "metric", "UNIT": "unit", "YEAR": "year", "REGION": "region"}
_MARKS = ("，；。,;：:", "、", "和与及")
_VALUE = LABELS.index("VALUE")
# rows of the counts in `Pairs`: labels, then marks
_ROW = {character: len(LABELS) + k for k, some in enumerate(_MARKS) for character in some}
# squares of the distances (with 1 added) from which the next class of `Pairs` begins: two classes an octave
_STEPS = 2 ** np.arange(1, 12)
# sizes of the feature tables, in the order of `Pairs.features`
_SIZES = (len(LABELS), 2 * 12, 6, 6, 6, 6, 6)

Mention = tuple[int, int, str]


class Pairs:
    """Every VALUE of a sentence with every other mention.

    Attributes:
        spans: (pair, 4) start and end of the VALUE and of the candidate.
        features: (pair, 7) label; side and distance; VALUEs, mentions of the candidate's label,
            clause marks, list marks and conjunctions in between, each capped at 5.
        members: (pair, 2) numbers of the VALUE and the candidate among the mentions.
    """

    def __init__(self, text: str, mentions: Sequence[Mention]) -> None:
        starts, ends = (np.array([m[i] for m in mentions], dtype=np.int64) for i in (0, 1))
        labels = np.array([LABELS.index(label) for *_, label in mentions], dtype=np.int64)
        v, c = np.nonzero((labels == _VALUE)[:, None] & (labels != _VALUE))
        behind = starts[c] >= ends[v]
        first, last = np.where(behind, ends[v], ends[c]), np.where(behind, starts[c], starts[v])
        counts = np.zeros((len(LABELS) + len(_MARKS), len(text) + 1), dtype=np.int64)
        counts[labels, starts + 1] = 1
        for i, character in enumerate(text):
            if character in _ROW:
                counts[_ROW[character], i + 1] = 1
        counts = counts.cumsum(1)
        between = np.minimum(counts[:, last] - counts[:, first], 5)
        side_and_distance = np.searchsorted(_STEPS, (last - first + 1) ** 2, side="right") + 12 * behind
        self.spans = np.stack([starts[v], ends[v], starts[c], ends[c]], 1)
        alike = between[labels[c], np.arange(len(c))]
        self.features = np.stack([labels[c], side_and_distance, between[_VALUE], alike, *between[len(LABELS) :]], 1)
        self.members = list(zip(v.tolist(), c.tolist(), strict=True))

    def targets(self, relations: dict[tuple[int, int], str]) -> list[int]:
        """NONE, LINK or BASE of each pair, given {(value, candidate): type} by mention number."""
        kinds = (relations.get(pair) for pair in self.members)
        return [NONE if kind is None else BASE if kind == "base" else LINK for kind in kinds]


class RelationHead(Module):
    """Scores each pair as unlinked, linked or base of comparison."""

    def __init__(self, *, dimension: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.arguments = {"dimension": dimension, "hidden": hidden, "dropout": dropout}
        self.dropout = nn.Dropout(dropout)
        self.value = nn.Linear(3 * dimension, hidden)
        self.candidate = nn.Linear(3 * dimension, hidden)
        self.between = nn.Linear(dimension, hidden)
        self.tables = nn.ModuleList(nn.Embedding(size, hidden) for size in _SIZES)
        self.layers = nn.Sequential(
            nn.LayerNorm(hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, 3)
        )

    def forward(self, vectors: torch.Tensor, row, spans, features) -> torch.Tensor:
        """(pair, 3) logits.

        Args:
            vectors: (batch, character, dimension).
            row: (pair,) the sentence each pair stands in.
            spans, features: as in `Pairs`, (pair, 4) and (pair, 7).
        """
        vectors = self.dropout(vectors)
        vs, ve, cs, ce = spans.unbind(1)
        pool = Pool(vectors)
        score = _each_once(self.value, vectors, pool, row, vs, ve) + _each_once(self.candidate, vectors, pool, row, cs, ce)
        score = score + self.between(pool(row, torch.minimum(ve, ce), torch.maximum(vs, cs)))
        for i, table in enumerate(self.tables):
            score = score + table(features[:, i])
        logits = self.layers(score)
        # only a YEAR or a REGION can be a base
        barred = (features[:, 0] == LABELS.index("METRIC")) | (features[:, 0] == LABELS.index("UNIT"))
        return logits.masked_fill(barred[:, None] & (torch.arange(3) == BASE).to(barred.device), -1e4)

    def loss(self, vectors: torch.Tensor, row, spans, features, targets) -> torch.Tensor:
        return nn.functional.cross_entropy(self(vectors, row, spans, features), targets)


def _each_once(layer: nn.Linear, vectors: torch.Tensor, pool: Pool, row, start, end) -> torch.Tensor:
    """(pair, hidden) of `layer` on the first, last and mean vector of each span; pairs that share a span share the work."""
    width = vectors.shape[1] + 1
    spans, where = torch.unique((row * width + start) * width + end, return_inverse=True)
    row, start, end = spans // width**2, spans // width % width, spans % width
    return layer(torch.cat([vectors[row, start], vectors[row, end - 1], pool(row, start, end)], -1))[where]


def choose(mentions: Sequence[Mention], pairs: Pairs, probability: np.ndarray) -> list[tuple[int, int, str, float]]:
    """(value, candidate, type, probability) links that the scheme allows, the likeliest first to stay."""
    best = probability.argmax(1)
    found, count = [], {}
    for i in np.argsort(-probability.max(1)):
        value, candidate = pairs.members[i]
        if best[i] == NONE:
            continue
        kind = "base" if best[i] == BASE else _TYPE[mentions[candidate][2]]
        if count.get((value, kind), 0) < MAX_LINKS[kind]:
            count[value, kind] = count.get((value, kind), 0) + 1
            found.append((value, candidate, kind, float(probability[i, best[i]])))
    return sorted(found)


@Language.factory("baogao_relations", assigns=["doc._.relations"], requires=["doc.ents", "doc.tensor"])
class Relations(Component):
    """Sets `doc._.relations`: (VALUE, mention, type, probability), both by number in `doc.ents`."""

    module_class = RelationHead

    def predict(self, docs: Sequence[Doc]) -> list[list[tuple[int, int, str, float]]]:
        found: list[list] = [[] for _ in docs]
        rows = []
        for i, doc in enumerate(docs):
            # read once: spaCy builds them anew at each access
            text, entities = doc._.source, doc.ents
            for sentence, numbers in mentions_by_sentence(doc, entities):
                first = sentence.start
                local = [(entities[n].start - first, entities[n].end - first, entities[n].label_) for n in numbers]
                pairs = Pairs(text[first : sentence.end], local)
                if pairs.members:
                    rows.append((i, numbers, local, pairs, doc.tensor[sentence.start : sentence.end]))
        rows.sort(key=lambda row: len(row[4]))
        for first in range(0, len(rows), 64):
            part = rows[first : first + 64]
            row = np.repeat(np.arange(len(part)), [len(p[3].members) for p in part])
            spans = np.concatenate([p[3].spans for p in part])
            features = np.concatenate([p[3].features for p in part])
            inputs = (pad([p[4] for p in part]), *map(torch.from_numpy, (row, spans, features)))
            probability = self.module(*(x.to(self.device) for x in inputs)).softmax(-1).cpu().numpy()
            for k, (i, numbers, local, pairs, _) in enumerate(part):
                chosen = choose(local, pairs, probability[row == k])
                found[i] += [(numbers[v], numbers[c], kind, sure) for v, c, kind, sure in chosen]
        return [sorted(links) for links in found]

    def set_annotations(self, docs: Sequence[Doc], found: list[list]) -> None:
        for doc, links in zip(docs, found, strict=True):
            doc._.relations = links


def mentions_by_sentence(doc: Doc, entities: Sequence[Span]) -> list[tuple[Sentence, list[int]]]:
    """(sentence, numbers of its mentions in `entities`, which is `doc.ents`) of each sentence that holds a mention."""
    found, starts, n = [], [entity.start for entity in entities], 0
    for sentence in doc._.sentences:
        first, n = n, bisect_left(starts, sentence.end, n)
        if n > first:
            found.append((sentence, list(range(first, n))))
    return found
