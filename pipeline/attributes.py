"""kind, dir, status and bound of each VALUE -> `doc._.attributes`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from spacy.language import Language
from spacy.tokens import Doc
from torch import nn

from pipeline.component import Component, Module, Pool, pad
from pipeline.relations import mentions_by_sentence
from pipeline.schema import ATTRIBUTES

__all__ = ["AttributeHead", "Attributes"]

# characters in front of and behind a VALUE that are read together: 控制在…以内, 力争…以上
_BEFORE, _BEHIND = 10, 6


class AttributeHead(Module):
    """VALUE spans -> logits of each attribute, from the span, its surroundings and its sentence."""

    def __init__(self, *, dimension: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.arguments = {"dimension": dimension, "hidden": hidden, "dropout": dropout}
        self.shared = nn.Sequential(nn.Dropout(dropout), nn.Linear(6 * dimension, hidden), nn.GELU())
        self.outputs = nn.ModuleDict({name: nn.Linear(hidden, len(v)) for name, v in ATTRIBUTES.items()})

    def forward(self, vectors: torch.Tensor, row, spans, lengths) -> dict[str, torch.Tensor]:
        """{attribute: (value, choice)} logits.

        Args:
            vectors: (batch, character, dimension).
            row: (value,) the sentence each VALUE stands in.
            spans: (value, 2) start and end.
            lengths: (batch,) characters of each sentence.
        """
        start, end = spans.unbind(1)
        pool = Pool(vectors)
        parts = [
            vectors[row, start],
            vectors[row, end - 1],
            pool(row, start, end),
            pool(row, start - _BEFORE, start),
            pool(row, end, torch.minimum(end + _BEHIND, lengths[row])),
            pool(row, torch.zeros_like(start), lengths[row]),
        ]
        shared = self.shared(torch.cat(parts, -1))
        return {name: output(shared) for name, output in self.outputs.items()}

    def loss(self, vectors: torch.Tensor, row, spans, lengths, targets) -> torch.Tensor:
        """Sum of the attributes' mean cross-entropies; `targets` (value, attribute), -100 for none."""
        logits = self(vectors, row, spans, lengths)
        losses = [
            nn.functional.cross_entropy(logits[name], targets[:, i], ignore_index=-100, reduction="sum")
            / (targets[:, i] >= 0).sum().clamp(min=1)
            for i, name in enumerate(ATTRIBUTES)
        ]
        return torch.stack(losses).sum()


@Language.factory("baogao_attributes", assigns=["doc._.attributes"], requires=["doc.ents", "doc.tensor"])
class Attributes(Component):
    """Sets `doc._.attributes`: {number of a VALUE in doc.ents: {name: (choice, probability)}}."""

    module_class = AttributeHead

    def predict(self, docs: Sequence[Doc]) -> list[dict[int, dict[str, tuple[str, float]]]]:
        found: list[dict] = [{} for _ in docs]
        rows = []
        for i, doc in enumerate(docs):
            entities = doc.ents  # once: spaCy builds them anew at each access
            for sentence, numbers in mentions_by_sentence(doc, entities):
                values = [n for n in numbers if entities[n].label_ == "VALUE"]
                if values:
                    first = sentence.start
                    spans = [(entities[n].start - first, entities[n].end - first) for n in values]
                    rows.append((i, values, spans, doc.tensor[first : sentence.end]))
        rows.sort(key=lambda row: len(row[3]))
        for first in range(0, len(rows), 64):
            part = rows[first : first + 64]
            inputs = (
                pad([vectors for *_, vectors in part]),
                torch.tensor([k for k, (_, values, *_) in enumerate(part) for _ in values]),
                torch.tensor([span for _, _, spans, _ in part for span in spans]),
                torch.tensor([len(vectors) for *_, vectors in part]),
            )
            logits = self.module(*(x.to(self.device) for x in inputs))
            chosen = [_choices(name, logit.softmax(-1).cpu()) for name, logit in logits.items()]
            places = ((i, n) for i, values, *_ in part for n in values)
            for (i, n), attributes in zip(places, zip(*chosen, strict=True), strict=True):
                found[i][n] = _consistent(dict(zip(logits, attributes, strict=True)))
        return found

    def set_annotations(self, docs: Sequence[Doc], found: list[dict]) -> None:
        for doc, attributes in zip(docs, found, strict=True):
            doc._.attributes = attributes


def _choices(name: str, probability: torch.Tensor) -> list[tuple[str, float]]:
    """The likeliest choice of an attribute and its probability, for each row of (value, choice)."""
    sure, best = probability.max(-1)
    return [(ATTRIBUTES[name][k], p) for k, p in zip(best.tolist(), sure.tolist(), strict=True)]


def _consistent(attributes: dict[str, tuple[str, float]]) -> dict[str, tuple[str, float]]:
    """Without dir, unless the VALUE is a rate or a change."""
    if attributes["kind"][0] not in ("rate", "change"):
        attributes.pop("dir")
    return attributes
