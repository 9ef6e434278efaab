"""Several annotators' records: how far they agree, what they agree on, and where they differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

from pipeline.evaluate import View, score
from pipeline.schema import ATTRIBUTES

__all__ = ["agreement", "kappa", "merge"]

Records = dict[str, dict]


def kappa(pairs: Sequence[tuple[Hashable, Hashable]]) -> float | None:
    """Cohen's κ of paired judgements; None without any, 1 where both always say one thing."""
    if not pairs:
        return None
    ones, others = (Counter(side) for side in zip(*pairs, strict=True))
    seen = sum(a == b for a, b in pairs) / len(pairs)
    chance = sum(ones[c] * others[c] for c in ones) / len(pairs) ** 2
    return 1.0 if chance == 1 else (seen - chance) / (1 - chance)


def agreement(one: Records, other: Records) -> dict[str, float | None]:
    """Agreement on the sentences that both have.

    Returns:
        sentences (how many), mentions and relations (F1 in per cent), and Cohen's κ of every attribute over the
        VALUEs that both marked; None where there is nothing to compare.
    """
    common = [key for key in one if key in other]
    table = score([one[key] for key in common], [other[key] for key in common])
    found = {"sentences": len(common)}
    for title, name in (("mentions", "entity"), ("relations", "relation")):
        found[title] = table[name]["f1"] if any(table[name].values()) else None
    views = [(View(one[key]).attributes, View(other[key]).attributes) for key in common]
    for name in ATTRIBUTES:
        found[name] = kappa([(a[span][name], b[span][name]) for a, b in views for span in a if span in b])
    return found


def merge(annotators: dict[str, Records]) -> tuple[list[dict], list[dict]]:
    """(records that all who have them agree on, conflicts): a conflict is `id`, `text` and `versions` by annotator."""
    versions: dict[str, dict[str, dict]] = {}
    for who, records in annotators.items():
        for key, record in records.items():
            versions.setdefault(key, {})[who] = record
    agreed, conflicts = [], []
    for key, held in versions.items():
        first, *others = held.values()
        if all(record == first for record in others):
            agreed.append(first)
        else:
            parts = {who: {k: r[k] for k in ("entities", "relations")} for who, r in held.items()}
            conflicts.append({"id": key, "text": first["text"], "versions": parts})
    return agreed, conflicts
