"""Annotation records -> the tensors that joint training takes."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import torch

from pipeline.corpus import sentence_of
from pipeline.encoder import CharacterEncoder
from pipeline.mentions import encode_tags
from pipeline.regions import Gazetteer
from pipeline.relations import Pairs
from pipeline.schema import ATTRIBUTES

__all__ = ["Collator"]


class Collator:
    """Records -> the tensors of `JointModel.forward`, with part of what they show withheld.

    `redraw` is the chance that a sentence's digits and names of areas are drawn anew, `mask` the
    share of characters hidden from the encoder: few sentences must not be learnt by heart.
    """

    def __init__(self, encoder: CharacterEncoder, *, redraw: float, mask: float, seed: int) -> None:
        self.encoder, self.redraw, self.mask, self.random = encoder, redraw, mask, random.Random(seed)

    def __call__(self, records: Sequence[dict]) -> dict:
        texts = [self._redrawn(record)["text"] for record in records]
        rows = [self._masked(row) for row in self.encoder.preprocess(texts, [sentence_of(r) for r in records])]
        lengths = [len(record["text"]) for record in records]
        tags = np.full((len(records), max(lengths)), -100)
        pairs, links, values, choices = [], [], [], []
        for i, record in enumerate(records):
            entities = sorted(record["entities"], key=lambda e: e["start_offset"])
            spans = [(e["start_offset"], e["end_offset"], e["label"]) for e in entities]
            tags[i, : lengths[i]] = encode_tags(lengths[i], spans)
            number = {e["id"]: n for n, e in enumerate(entities)}
            found = Pairs(record["text"], spans)
            pairs.append(found)
            links += found.targets(
                {(number[r["from_id"]], number[r["to_id"]]): r["type"] for r in record["relations"]}
            )
            for entity in entities:
                if entity["label"] == "VALUE":
                    values.append((i, entity["start_offset"], entity["end_offset"]))
                    choices.append([_choice(name, entity[name]) for name in ATTRIBUTES])
        return {
            "encoder": self.encoder.collate(rows),
            "mentions": {"tags": torch.from_numpy(tags)},
            "relations": _relation_batch(pairs, links),
            "attributes": _attribute_batch(values, choices, lengths),
        }

    def _masked(self, row: dict) -> dict:
        hidden, whole = self.encoder.tokenizer.mask_token_id, self.encoder.tokenizer.all_special_ids
        windows = [
            [hidden if i not in whole and self.random.random() < self.mask else i for i in window]
            for window in row["windows"]
        ]
        return {**row, "windows": windows}

    def _redrawn(self, record: dict) -> dict:
        if self.random.random() >= self.redraw:
            return record
        text = list(record["text"])
        for entity in record["entities"]:
            where = slice(entity["start_offset"], entity["end_offset"])
            if entity["label"] == "VALUE":
                text[where] = [str(self.random.randint(1, 9)) if "1" <= c <= "9" else c for c in text[where]]
            elif entity["label"] == "REGION":
                text[where] = self.random.choice(Gazetteer.default().alike("".join(text[where])))
        return {**record, "text": "".join(text)}


def _choice(name: str, value: str | None) -> int:
    return -100 if value is None else ATTRIBUTES[name].index(value)


def _relation_batch(pairs: list[Pairs], links: list[int]) -> dict | None:
    if not links:
        return None
    return {
        "row": torch.cat([torch.full((len(p.members),), i) for i, p in enumerate(pairs)]),
        "spans": torch.from_numpy(np.concatenate([p.spans for p in pairs])),
        "features": torch.from_numpy(np.concatenate([p.features for p in pairs])),
        "targets": torch.tensor(links),
    }


def _attribute_batch(values: list, choices: list, lengths: list[int]) -> dict | None:
    if not values:
        return None
    where = torch.tensor(values)
    return {
        "row": where[:, 0],
        "spans": where[:, 1:],
        "lengths": torch.tensor(lengths),
        "targets": torch.tensor(choices),
    }
