"""How unsure the model is of a sentence: the margins of its heads, fact by fact.

The margin of a decision is the distance between the probabilities of its two likeliest outcomes. Unlike the
probability of what was found, it also tells what may have been missed: a character left outside, a link not drawn.
"""

from __future__ import annotations

import numpy as np
import torch
from spacy.language import Language
from spacy.tokens import Doc

from pipeline.relations import Pairs

__all__ = ["doubts"]


def doubts(nlp: Language, doc: Doc) -> list[tuple[float, str]]:
    """How unsure each fact of a sentence is, and what it is that the model is least sure of.

    A fact's doubt is 1 less the least margin of its VALUE's characters (one more on either side, for its borders),
    its links, what these point to and its attributes. What is part of no fact counts as one more: there a mention
    may have been missed.

    Args:
        nlp: the pipeline that read `doc`.
        doc: one sentence, as `predict.record_doc` makes it, read.

    Returns:
        (doubt between 0 and 1, what is doubtful in words) of each.
    """
    text, mentions = doc._.source, [(e.start, e.end, e.label_) for e in doc.ents]
    heads = {name: nlp.get_pipe(name) for name in ("mentions", "relations", "attributes")}
    with torch.inference_mode():
        vectors = torch.from_numpy(doc.tensor)[None].to(heads["mentions"].device)
        tags = _margin(heads["mentions"].module(vectors)[0])
        facts = {n: [_mention(tags, m, text)] for n, m in enumerate(mentions) if m[2] == "VALUE"}
        linked = {(v, c) for v, c, *_ in doc._.relations}
        pairs = Pairs(text, mentions)
        if pairs.members:
            row = torch.zeros(len(pairs.members), dtype=torch.long)
            where = (row, torch.from_numpy(pairs.spans), torch.from_numpy(pairs.features))
            margins = _margin(heads["relations"].module(vectors, *(x.to(vectors.device) for x in where)))
            for (v, c), margin in zip(pairs.members, margins, strict=True):
                facts[v].append((margin, f"link {_named(mentions[v], text)} – {_named(mentions[c], text)}"))
                if (v, c) in linked:
                    facts[v].append(_mention(tags, mentions[c], text))
        if facts:
            spans = torch.tensor([mentions[v][:2] for v in facts])
            where = (torch.zeros(len(facts), dtype=torch.long), spans, torch.tensor([len(text)]))
            for name, logits in heads["attributes"].module(vectors, *(x.to(vectors.device) for x in where)).items():
                for v, margin in zip(facts, _margin(logits), strict=True):
                    if name in doc._.attributes[v]:  # dir only where the kind has one
                        facts[v].append((margin, f"{name} of {_named(mentions[v], text)}"))
    used = {*facts, *(c for _, c in linked)}
    weakest = [min(parts) for parts in facts.values()] + _rest(tags, mentions, used, text)
    return [(1 - float(margin), why) for margin, why in weakest]


def _margin(logits: torch.Tensor) -> np.ndarray:
    """(…,) of (…, outcome)."""
    best = logits.softmax(-1).topk(2, -1).values
    return (best[..., 0] - best[..., 1]).cpu().numpy()


def _mention(tags: np.ndarray, mention: tuple[int, int, str], text: str) -> tuple[float, str]:
    start, end, _ = mention
    return tags[max(0, start - 1) : end + 1].min(), _named(mention, text)


def _named(mention: tuple[int, int, str], text: str) -> str:
    start, end, label = mention
    return f"{label} “{text[start:end]}”"


def _rest(tags: np.ndarray, mentions: list, used: set[int], text: str) -> list[tuple[float, str]]:
    """The least sure character that is no part of a fact, if there is one."""
    free = np.ones(len(text), dtype=bool)
    for n in used:
        free[mentions[n][0] : mentions[n][1]] = False
    if not free.any():
        return []
    where = int(np.where(free, tags, 2.0).argmin())
    return [(tags[where], f"mention at “{text[max(0, where - 2) : where + 3]}”")]
