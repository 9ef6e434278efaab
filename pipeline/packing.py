"""A raw corpus -> packed and masked sequences for pre-training, streamed."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from datasets import IterableDataset, interleave_datasets, load_dataset
from transformers import PreTrainedTokenizerFast

from pipeline.errors import CorpusError

__all__ = ["DataSettings", "Masker", "MaskingSettings", "corpus_files", "held_out", "pack", "stream"]

_DIGIT = re.compile(r"[0-9０-９]")
_SUFFIXES = (".jsonl", ".jsonl.xz", ".jsonl.gz", ".txt", ".txt.xz", ".txt.gz")


@dataclass(frozen=True)
class DataSettings:
    sequence_length: int
    keep_without_digit: float
    shuffle_reports: int
    shuffle_sequences: int
    held_out_share: float
    held_out_sequences: int


@dataclass(frozen=True)
class MaskingSettings:
    rate: float
    ngram_weights: list[int]
    digit_weight: float
    random_replacement: float


def corpus_files(paths: Sequence[Path]) -> list[Path]:
    """The text files among `paths`, folders searched through; raises CorpusError if there are none."""
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise CorpusError("no such file or folder", path=path, mend="name a .txt or .jsonl corpus")
        inside = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        found += [p for p in inside if p.name.endswith(_SUFFIXES)]
    if not found:
        raise CorpusError("no corpus file found", path=paths[0], mend=f"expected {', '.join(_SUFFIXES)}")
    return found


def stream(files: Sequence[Path]) -> IterableDataset:
    """Documents of all files as a stream of {"text"}, never held in memory."""
    parts = []
    for kind, wanted in (("json", ".jsonl"), ("text", ".txt")):
        names = [str(p) for p in files if wanted in p.name]
        if names:
            part = load_dataset(kind, data_files=names, split="train", streaming=True)
            parts.append(part.select_columns(["text"]))
    return parts[0] if len(parts) == 1 else interleave_datasets(parts, stopping_strategy="all_exhausted")


def held_out(text: str, share: float) -> bool:
    """Whether a document is kept from training: by its content, so that every run agrees."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") < share * 2**64


def pack(
    documents: IterableDataset,
    tokenizer: PreTrainedTokenizerFast,
    settings: DataSettings,
    *,
    seed: int,
    validation: bool = False,
) -> IterableDataset:
    """Sequences {"input_ids"} of exactly `sequence_length` ids, paragraphs joined by [SEP].

    Training sequences never end: each pass over the corpus shuffles the documents and draws the
    paragraphs without a digit anew, so that passes differ. With `validation`, one pass
    over the held-out documents.
    """
    length, keep, share = settings.sequence_length, settings.keep_without_digit, settings.held_out_share

    def sequences() -> Iterator[dict]:
        for epoch in range(1) if validation else itertools.count():
            random, buffer, empty = np.random.default_rng([seed, epoch]), [], True
            for document in documents.shuffle(seed=seed + epoch, buffer_size=settings.shuffle_reports):
                if held_out(document["text"], share) != validation:
                    continue
                for paragraph in document["text"].splitlines():
                    if not paragraph.strip() or (not _DIGIT.search(paragraph) and random.random() > keep):
                        continue
                    buffer += tokenizer(paragraph, add_special_tokens=False)["input_ids"]
                    buffer.append(tokenizer.sep_token_id)
                while len(buffer) >= length - 1:
                    yield {"input_ids": [tokenizer.cls_token_id] + buffer[: length - 1]}
                    del buffer[: length - 1]
                    empty = False
            if empty:
                return

    return IterableDataset.from_generator(sequences)


class Masker:
    """Collates sequences and masks n-grams; what is masked depends on the sequence alone.

    Returns input_ids, attention_mask and labels, each (batch, sequence_length); labels are -100
    where nothing is to be predicted.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, settings: MaskingSettings, *, seed: int) -> None:
        self.settings, self.seed = settings, seed
        self.mask, self.size = tokenizer.mask_token_id, len(tokenizer)
        self.first_character = 1 + max(tokenizer.all_special_ids)
        digits = tokenizer.convert_tokens_to_ids(list("0123456789"))
        self.weight = np.ones(self.size)
        self.weight[digits] = settings.digit_weight
        self.weight[: self.first_character] = 0

    def __call__(self, rows: list[dict]) -> dict[str, torch.Tensor]:
        ids = np.array([row["input_ids"] for row in rows])
        labels = np.full_like(ids, -100)
        for row, target in zip(ids, labels, strict=True):
            self._mask(row, target)
        return {
            "input_ids": torch.from_numpy(ids),
            "attention_mask": torch.ones(ids.shape, dtype=torch.long),
            "labels": torch.from_numpy(labels),
        }

    def _mask(self, row: np.ndarray, target: np.ndarray) -> None:
        # Seeded by content: a resumed run masks as the undisturbed one does.
        random = np.random.default_rng([self.seed, *row[:16].tolist()])
        share = np.array(self.settings.ngram_weights, dtype=float)
        lengths = random.choice(len(share), size=len(row), p=share / share.sum()) + 1
        weight = self.weight[row]
        starts = random.choice(len(row), size=int((weight > 0).sum()), replace=False, p=weight / weight.sum())
        budget, chosen = int(self.settings.rate * len(row)), np.zeros(len(row), dtype=bool)
        for start in starts:
            if chosen.sum() >= budget:
                break
            span = np.arange(start, min(start + lengths[start], len(row)))
            chosen[span[weight[span] >= min(1, weight[start])]] = True
        target[chosen] = row[chosen]
        swapped = chosen & (random.random(len(row)) < self.settings.random_replacement)
        row[chosen] = self.mask
        row[swapped] = random.integers(self.first_character, self.size, swapped.sum())
