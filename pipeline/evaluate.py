"""Scores of predicted against gold records, on gold mentions and end to end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from pipeline.schema import ATTRIBUTES

__all__ = ["View", "markdown", "same_fact", "score"]

Span = tuple[int, int]
_ALWAYS = ("entity", "relation", "fact", "fact~")


class View:
    """A record as sets: mentions, links and, per VALUE span, its attributes and arguments."""

    def __init__(self, record: dict) -> None:
        span = {e["id"]: (e["start_offset"], e["end_offset"]) for e in record.get("entities", [])}
        self.mentions = {(*span[e["id"]], e["label"]) for e in record.get("entities", [])}
        self.links = {(span[r["from_id"]], span[r["to_id"]], r["type"]) for r in record.get("relations", [])}
        values = [e for e in record.get("entities", []) if e["label"] == "VALUE"]
        self.attributes = {span[e["id"]]: {name: e.get(name) for name in ATTRIBUTES} for e in values}
        self.arguments: dict[Span, dict[str, set[Span]]] = {v: {} for v in self.attributes}
        for head, tail, kind in self.links:
            if head in self.arguments:
                self.arguments[head].setdefault(kind, set()).add(tail)


def overlap(one: Iterable[Span], other: Iterable[Span]) -> float:
    """Shared part of the characters of two sets of spans; 1 if both are empty."""
    a = {i for s, e in one for i in range(s, e)}
    b = {i for s, e in other for i in range(s, e)}
    return len(a & b) / len(a | b) if a or b else 1.0


def same_fact(gold: dict[str, set[Span]], predicted: dict[str, set[Span]]) -> tuple[bool, bool]:
    """(strict, lenient): all arguments equal; all but METRIC equal and METRIC half overlapping."""
    rest = all(gold.get(k, set()) == predicted.get(k, set()) for k in ("unit", "year", "region", "base"))
    a, b = gold.get("metric", set()), predicted.get("metric", set())
    return rest and a == b, rest and overlap(a, b) >= 0.5


def score(gold: Sequence[dict], predicted: Sequence[dict]) -> dict[str, dict[str, float]]:
    """Micro-averaged scores in per cent; a gold record without a prediction counts as empty.

    Returns:
        {name: {"precision", "recall", "f1", "gold"}} for entity, entity/LABEL, entity/METRIC~
        (spans sharing half of their characters), relation, relation/TYPE, fact (strict) and fact~
        (METRIC by overlap); {name: {"accuracy", "gold"}} for attribute/NAME on VALUEs found.
    """
    hits, guesses, golds = Counter(), Counter(), Counter()
    right, asked = Counter(), Counter()
    found = {str(p["id"]): p for p in predicted}
    for record in gold:
        g, p = View(record), View(found.get(str(record["id"]), {}))
        for view, into in ((g, golds), (p, guesses)):
            _count(view, into)
        for mention in g.mentions & p.mentions:
            hits["entity"] += 1
            hits[f"entity/{mention[2]}"] += 1
        hits["entity/METRIC~"] += _half_overlapping(g, p)
        for link in g.links & p.links:
            hits["relation"] += 1
            hits[f"relation/{link[2]}"] += 1
        for value, arguments in g.arguments.items():
            if value not in p.arguments:
                continue
            strict, lenient = same_fact(arguments, p.arguments[value])
            hits["fact"] += strict
            hits["fact~"] += lenient
            for name, choice in g.attributes[value].items():
                if choice is not None:
                    asked[name] += 1
                    right[name] += choice == p.attributes[value][name]
    table = {name: _f1(hits[name], guesses[name], golds[name]) for name in sorted({*golds, *guesses, *_ALWAYS})}
    for name in ATTRIBUTES:
        accuracy = 100 * right[name] / asked[name] if asked[name] else 0.0
        table[f"attribute/{name}"] = {"accuracy": round(accuracy, 2), "gold": asked[name]}
    return table


def _count(view: View, into: Counter) -> None:
    for mention in view.mentions:
        into["entity"] += 1
        into[f"entity/{mention[2]}"] += 1
        into["entity/METRIC~"] += mention[2] == "METRIC"
    for link in view.links:
        into["relation"] += 1
        into[f"relation/{link[2]}"] += 1
    for name in ("fact", "fact~"):
        into[name] += len(view.arguments)


def _half_overlapping(gold: View, predicted: View) -> int:
    left = [m[:2] for m in sorted(predicted.mentions) if m[2] == "METRIC"]
    hits = 0
    for mention in sorted(gold.mentions):
        match = next((s for s in left if mention[2] == "METRIC" and overlap([mention[:2]], [s]) >= 0.5), None)
        if match is not None:
            left.remove(match)
            hits += 1
    return hits


def _f1(hits: int, guesses: int, golds: int) -> dict[str, float]:
    precision, recall = hits / guesses if guesses else 0.0, hits / golds if golds else 0.0
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    return {
        "precision": round(100 * precision, 2),
        "recall": round(100 * recall, 2),
        "f1": round(100 * f1, 2),
        "gold": golds,
    }


def markdown(tables: dict[str, dict[str, dict[str, float]]]) -> str:
    """Score tables by title as a Markdown text."""
    lines = []
    for title, table in tables.items():
        lines += [f"## {title}", "", "| | precision | recall | F1 | gold |", "|---|---:|---:|---:|---:|"]
        for name, row in table.items():
            cells = (
                [f"{row['precision']:.2f}", f"{row['recall']:.2f}", f"{row['f1']:.2f}"]
                if "f1" in row
                else ["", "", f"{row['accuracy']:.2f}"]
            )
            lines.append(f"| {name} | {' | '.join(cells)} | {row['gold']} |")
        lines.append("")
    return "\n".join(lines)
