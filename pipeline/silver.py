"""Self-training: several trained pipelines read raw reports together, and what they are sure of teaches the next.

The members' probabilities are averaged character by character and link by link (an ensemble is surer
and more often right than any of its members), so one pipeline learns from many by their labels.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from spacy.language import Language
from spacy.tokens import Doc
from torch import nn

from pipeline.corpus import check_record
from pipeline.encoder import CharacterEncoder
from pipeline.errors import ModelError
from pipeline.language import has_numeral, sentences_of
from pipeline.packing import corpus_files, stream
from pipeline.predict import COMPONENTS, assemble, load, record_doc, to_record, whole
from pipeline.reports import from_text
from pipeline.schema import Report

__all__ = ["ensemble", "label", "records_of"]

_SHORTEST, _LONGEST = 8, 260


class _Encoders(nn.Module):
    """Encoders side by side: their vectors joined, (batch, character, sum of dimensions)."""

    def __init__(self, members: Sequence[CharacterEncoder]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.preprocess, self.collate = members[0].preprocess, members[0].collate
        self.dimension = sum(member.dimension for member in members)

    def forward(self, batch: dict) -> torch.Tensor:
        return torch.cat([member(batch) for member in self.members], -1)


class _Heads(nn.Module):
    """Heads of one kind, each on its own encoder's vectors: the log of their mean probability."""

    def __init__(self, members: Sequence[nn.Module], dimensions: list[int]) -> None:
        super().__init__()
        self.members, self.dimensions = nn.ModuleList(members), dimensions

    def forward(self, vectors: torch.Tensor, *where) -> torch.Tensor | dict[str, torch.Tensor]:
        parts = vectors.split(self.dimensions, -1)
        given = [member(part, *where) for member, part in zip(self.members, parts, strict=True)]
        if isinstance(given[0], dict):
            return {name: self._mean([logits[name] for logits in given]) for name in given[0]}
        return self._mean(given)

    @staticmethod
    def _mean(logits: list[torch.Tensor]) -> torch.Tensor:
        return torch.stack([x.softmax(-1) for x in logits]).mean(0).clamp(min=1e-12).log()


def ensemble(paths: Sequence[Path]) -> Language:
    """One pipeline out of several trained ones with the same tokenizer and encoder settings.

    Raises:
        ModelError: one cannot be loaded, or they read text differently.
    """
    members = [load(path) for path in paths]
    modules = {name: [nlp.get_pipe(name).module for nlp in members] for name in COMPONENTS}
    encoders = modules.pop("encoder")
    for path, encoder in zip(paths, encoders, strict=True):
        same = encoder.tokenizer.get_vocab() == encoders[0].tokenizer.get_vocab()
        if not same or encoder.settings != encoders[0].settings:
            raise ModelError("this model reads text otherwise than the first", path=path, mend="train them alike")
    dimensions = [encoder.dimension for encoder in encoders]
    heads = {name: _Heads(given, dimensions) for name, given in modules.items()}
    return assemble({"encoder": _Encoders(encoders), **heads})


def label(
    corpus: Sequence[Path], nlp: Language, *, sentences: int, per_report: int, sure: float, seed: int
) -> Iterator[dict]:
    """Annotation records of real sentences that `nlp` is sure of.

    Args:
        corpus: files or folders as `baogao pretrain` takes them.
        nlp: a trained pipeline, or an `ensemble`.
        sentences: how many at most.
        per_report: how many sentences with a numeral are drawn from each report.
        sure: the least probability of every mention, link and attribute of a sentence.
        seed: of the draw.
    """
    draw, number = random.Random(seed), 0

    def docs() -> Iterator[tuple[Doc, dict]]:
        for document in stream(corpus_files(corpus)).shuffle(seed=seed, buffer_size=500):
            report = from_text(document["text"])
            found = records_of(report)
            for record in draw.sample(found, min(per_report, len(found))):
                yield record_doc(nlp, record), record

    with whole(nlp):
        for doc, record in nlp.pipe(docs(), as_tuples=True, batch_size=256):
            labelled = to_record(doc, {**record, "id": f"silver-{number + 1:06d}"}, linked_only=True)
            # what the scheme does not allow cannot be right
            if _least(doc) >= sure and not check_record(labelled):
                number += 1
                yield labelled
            if number >= sentences:
                return


def records_of(report: Report) -> list[dict]:
    """The sentences of a report that hold a numeral, as records with id, text, context and meta."""
    about = {"doc": report.id, "region": report.region or "", "level": report.level or ""}
    about["report_year"] = str(report.year or "")
    found = []
    for sentence in sentences_of(report):
        text = report.text[sentence.start : sentence.end]
        if _SHORTEST <= len(text) <= _LONGEST and has_numeral(text):
            context = {"section": sentence.section, "previous": sentence.previous, "position": sentence.position}
            found.append({"id": f"{report.id}-{sentence.start}", "text": text, "context": context, "meta": dict(about)})
    return found


def _least(doc: Doc) -> float:
    """The least probability of all that the model found; 1 where it found nothing."""
    sure = [1.0, *doc._.certainty.values()] + [p for *_, p in doc._.relations]
    return min(sure + [p for chosen in doc._.attributes.values() for _, p in chosen.values()])
