"""Confidence: from the model's probabilities to the probability that a fact is right.

The raw confidence of a fact is the product of the probabilities of its mentions, links and attributes.
These are not independent and the model is too sure of itself, so a line is fitted through the log-odds
on held-out sentences (Platt 1999; with a fixed intercept it is temperature scaling, Guo et al. 2017).
A fact is right when its VALUE, UNIT, YEAR, REGION, bases and attributes are, and its METRIC overlaps by half.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import log, prod, tanh
from pathlib import Path

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc, Span

from pipeline.evaluate import View, same_fact
from pipeline.predict import record_doc, to_record, whole

__all__ = ["apply", "error", "fit", "outcomes", "plot", "raw"]

_EDGE = 1e-6


def raw(doc: Doc, entities: Sequence[Span], value: int, links: Iterable[tuple[int, str, float]]) -> float:
    """The product of the probabilities of one VALUE, what it points to, the links and the attributes.

    `entities` is `doc.ents`, which spaCy builds anew at each access.
    """
    spans, certainty = [entities[value]] + [entities[mention] for mention, _, _ in links], doc._.certainty
    sure = [certainty.get((s.start, s.end), 1.0) for s in spans] + [p for _, _, p in links]
    return prod(sure + [p for _, p in doc._.attributes[value].values()])


def apply(confidence: float, line: Sequence[float]) -> float:
    """The calibrated probability; `line` is (slope, intercept) on the log-odds."""
    p = min(max(confidence, _EDGE), 1 - _EDGE)  # not by _log_odds: numpy takes ten times as long for one number
    return (1 + tanh((line[0] * log(p / (1 - p)) + line[1]) / 2)) / 2  # 1 / (1 + exp(-x)) that cannot overflow


def _log_odds(p) -> np.ndarray:
    p = np.clip(p, _EDGE, 1 - _EDGE)
    return np.log(p / (1 - p))


def outcomes(nlp: Language, gold: Sequence[dict]) -> Iterator[tuple[float, bool]]:
    """(raw confidence, whether it is right) of every fact that `nlp` finds in gold records."""
    with whole(nlp):
        for doc, record in nlp.pipe(((record_doc(nlp, r), r) for r in gold), as_tuples=True, batch_size=128):
            wanted, found = View(record), View(to_record(doc, record, linked_only=True))
            links: dict[int, list] = {}
            for value, mention, kind, sure in doc._.relations:
                links.setdefault(value, []).append((mention, kind, sure))
            entities = doc.ents
            for n, entity in enumerate(entities):
                if entity.label_ == "VALUE":
                    yield raw(doc, entities, n, links.get(n, [])), _right(wanted, found, (entity.start, entity.end))


def _right(wanted: View, found: View, value: tuple[int, int]) -> bool:
    if value not in wanted.arguments or wanted.attributes[value] != found.attributes[value]:
        return False
    return same_fact(wanted.arguments[value], found.arguments[value])[1]


def fit(pairs: Sequence[tuple[float, bool]]) -> tuple[float, float]:
    """(slope, intercept) by Newton's method; (1, 0) where there is too little to fit, or only one outcome."""
    if len(pairs) < 50 or len({right for _, right in pairs}) < 2:
        return 1.0, 0.0
    x = np.stack([_log_odds(np.array([p for p, _ in pairs])), np.ones(len(pairs))], 1)
    y, line = np.array([float(right) for _, right in pairs]), np.zeros(2)
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ line))
        step = np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x + 1e-6 * np.eye(2), x.T @ (y - p))
        line = line + step
        if np.abs(step).max() < 1e-9:
            break
    return float(line[0]), float(line[1])


def error(pairs: Sequence[tuple[float, bool]], *, bins: int = 10) -> float:
    """Expected calibration error: mean distance of confidence and accuracy over equal bins, weighted by size."""
    return sum(len(b) * abs(np.mean(b[:, 0]) - np.mean(b[:, 1])) for b in _bins(pairs, bins)) / max(1, len(pairs))


def _bins(pairs: Sequence[tuple[float, bool]], bins: int) -> list[np.ndarray]:
    table = np.array(pairs, dtype=float).reshape(-1, 2)
    number = np.minimum((table[:, 0] * bins).astype(int), bins - 1)
    return [table[number == i] for i in range(bins) if (number == i).any()]


def plot(pairs: Sequence[tuple[float, bool]], path: Path, *, bins: int = 10) -> None:
    """A reliability diagram as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(4.5, 4))
    points = [(b[:, 0].mean(), b[:, 1].mean(), len(b)) for b in _bins(pairs, bins)]
    axes.plot([0, 1], [0, 1], color="0.7")
    axes.plot([p for p, _, _ in points], [a for _, a, _ in points], "o-")
    for p, a, n in points:
        axes.annotate(str(n), (p, a), textcoords="offset points", xytext=(4, -10), fontsize=7)
    axes.set_xlabel("confidence")
    axes.set_ylabel("part of the facts that is right")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
