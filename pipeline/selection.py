"""Which sentences to annotate next: those that the model is least sure of, unlike one another, from many reports.

Doubt alone would pick one difficulty again and again. So the choice is drawn like the first centres of k-means++
(Arthur and Vassilvitskii 2007), by the square of doubt times distance from what is chosen already; Ash et al. (2020)
do so with gradients.
"""

from __future__ import annotations

import logging
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from spacy.language import Language

from pipeline.containers import read, sources
from pipeline.corpus import near_duplicates
from pipeline.doubt import doubts
from pipeline.errors import ReportError
from pipeline.predict import record_doc, whole
from pipeline.reports import from_text
from pipeline.schema import Report
from pipeline.silver import records_of

__all__ = ["Candidate", "choose", "reports_of", "select", "select_at_random", "sentences", "weighed"]

log = logging.getLogger(__name__)

_POOL = 4  # times the sentences wanted: the most doubtful, among which unlikeness decides
_FIGURE = re.compile(r"[0-9０-９]+([.．][0-9０-９]+)?")


@dataclass(frozen=True)
class Candidate:
    """A record that could be annotated, how doubtful it is, and its mean encoder vector (dimension,)."""

    record: dict
    score: float
    vector: np.ndarray


def reports_of(corpus: Iterable[Path]) -> Iterator[Report]:
    """The reports of files, folders, archives and corpora, as `containers.sources` takes them; one that fails is logged.

    Raises:
        ReportError: nothing is there.
    """
    for source in sources(corpus):
        try:
            text, id, known = read(source)
        except ReportError as error:
            log.warning("passed over: %s", error)
            continue
        yield from_text(text, name=source.name, id=id, **known)


def sentences(corpus: Iterable[Path], *, without: Iterable[str] = ()) -> Iterator[dict]:
    """The sentences with a numeral of a corpus, as records with id, text, context and meta.

    Args:
        corpus: as `reports_of` takes it; it is streamed.
        without: texts annotated already; sentences that differ from one in figures only are left out.
    """
    known = {_template(text) for text in without}
    for report in reports_of(corpus):
        for record in records_of(report):
            if _template(record["text"]) not in known:
                yield {**record, "meta": {**record["meta"], "report": report.title}}


def select(records: Iterable[dict], nlp: Language, *, number: int, seed: int) -> list[dict]:
    """The `number` records most worth annotating, fewer where there are no more; the best first.

    Args:
        records: with id, text, meta.doc and, if known, context; a stream, of which a small part is held.
        nlp: the pipeline whose doubts count.
        number: how many.
        seed: of the draw.
    """
    return choose(_pool(weighed(nlp, records), _POOL * number), number=number, seed=seed)


def select_at_random(records: Iterable[dict], *, number: int, seed: int) -> list[dict]:
    """`number` records drawn at random: to measure on, since doubtful ones do not stand for the rest."""
    draw = random.Random(seed)
    drawn = (Candidate(record, draw.random(), np.empty(0)) for record in records)
    return [candidate.record for candidate in _pool(drawn, number)]


def weighed(nlp: Language, records: Iterable[dict]) -> Iterator[Candidate]:
    """Records with the model's doubt of them: its sum over the facts, by the root of the length.

    The sum favours long sentences and the mean short ones; this keeps the corpus's mean length.
    """
    with whole(nlp):
        for doc, record in nlp.pipe(((record_doc(nlp, r), r) for r in records), as_tuples=True, batch_size=256):
            found = doubts(nlp, doc)
            score = sum(doubt for doubt, _ in found) / len(doc) ** 0.5
            meta = {**record.get("meta", {}), "score": round(score, 4), "why": max(found)[1]}
            yield Candidate({**record, "meta": meta}, score, doc.tensor.mean(0))


def choose(candidates: Sequence[Candidate], *, number: int, seed: int) -> list[dict]:
    """Doubtful records unlike one another, fewer from a report the more it has given, in the order of choice."""
    if not candidates:
        return []
    draw, vectors = np.random.default_rng(seed), np.stack([c.vector for c in candidates])
    documents = np.array([c.record["meta"]["doc"] for c in candidates])
    # a little over nothing, so that sentences that are sure or alike come last rather than never
    weights = np.array([c.score for c in candidates]) ** 2 + 1e-6
    distance, taken, chosen = np.ones(len(candidates)), Counter(), []
    for _ in range(min(number, len(candidates))):
        share = weights * (distance + 1e-6) / np.array([1 + taken[d] for d in documents])
        share[chosen] = 0
        best = int(draw.choice(len(share), p=share / share.sum())) if chosen else int(share.argmax())
        chosen.append(best)
        taken[documents[best]] += 1
        distance = np.minimum(distance, ((vectors - vectors[best]) ** 2).sum(1))
    return [candidates[i].record for i in chosen]


def _template(text: str) -> str:
    return _FIGURE.sub("0", text)


def _pool(candidates: Iterable[Candidate], size: int) -> list[Candidate]:
    """The `size` candidates of the highest score, no two nearly alike; twice as many are held at most."""
    held: list[Candidate] = []
    for candidate in candidates:
        held.append(candidate)
        if len(held) >= 2 * size:
            held = _distinct(held)[:size]
    return _distinct(held)[:size]


def _distinct(candidates: list[Candidate]) -> list[Candidate]:
    """By score, without those whose text is, figures aside, nearly that of a better one."""
    ordered = sorted(candidates, key=lambda c: (-c.score, c.record["id"]))
    dropped: set[int] = set()
    templates = [{"id": i, "text": _template(c.record["text"])} for i, c in enumerate(ordered)]
    for better, worse, _ in near_duplicates(templates):
        if better not in dropped:
            dropped.add(worse)
    return [c for i, c in enumerate(ordered) if i not in dropped]
