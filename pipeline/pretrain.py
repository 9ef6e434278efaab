"""Masked-language-model pre-training of the character encoder."""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset, IterableDataset, interleave_datasets, load_dataset
from transformers import (
    ModernBertConfig,
    ModernBertForMaskedLM,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
    get_linear_schedule_with_warmup,
    set_seed,
)
from transformers.trainer_utils import get_last_checkpoint

from pipeline.cards import encoder_card
from pipeline.characters import build_tokenizer, distributional_embeddings
from pipeline.errors import CorpusError
from pipeline.optim import Muon

__all__ = ["EncoderConfig", "pretrain"]

log = logging.getLogger(__name__)
_DIGIT = re.compile(r"[0-9０-９]")
_SUFFIXES = (".jsonl", ".jsonl.xz", ".jsonl.gz", ".txt", ".txt.xz", ".txt.gz")


@dataclass(frozen=True)
class ModelSettings:
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    max_position_embeddings: int
    min_count: int


@dataclass(frozen=True)
class DataSettings:
    sequence_length: int
    keep_without_digit: float
    shuffle_reports: int
    shuffle_sequences: int
    held_out_sequences: int


@dataclass(frozen=True)
class MaskingSettings:
    rate: float
    ngram_weights: list[int]
    digit_weight: float
    random_replacement: float


@dataclass(frozen=True)
class TrainingSettings:
    seed: int
    steps: int
    batch_size: int
    accumulation: int
    learning_rate: float
    matrix_learning_rate: float
    warmup_steps: int
    weight_decay: float
    checkpoint_every: int
    log_every: int


@dataclass(frozen=True)
class EncoderConfig:
    """configs/encoder.cfg."""

    model: ModelSettings
    data: DataSettings
    masking: MaskingSettings
    training: TrainingSettings


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


def pack(
    documents: IterableDataset, tokenizer: PreTrainedTokenizerFast, settings: DataSettings, *, seed: int
) -> IterableDataset:
    """Sequences of exactly `sequence_length` ids, paragraphs joined by [SEP]."""
    length, keep = settings.sequence_length, settings.keep_without_digit

    def sequences() -> Iterator[dict]:
        random, buffer = np.random.default_rng(seed), []
        shuffled = documents.shuffle(seed=seed, buffer_size=settings.shuffle_reports)
        for document in shuffled:
            for paragraph in document["text"].splitlines():
                if not paragraph.strip() or (not _DIGIT.search(paragraph) and random.random() > keep):
                    continue
                buffer += tokenizer(paragraph, add_special_tokens=False)["input_ids"]
                buffer.append(tokenizer.sep_token_id)
            while len(buffer) >= length - 1:
                yield {"input_ids": [tokenizer.cls_token_id] + buffer[: length - 1]}
                del buffer[: length - 1]

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


def _scheduled(model: torch.nn.Module, settings: TrainingSettings, steps: int):
    optimizer = Muon(
        model.named_parameters(),
        lr=settings.learning_rate,
        matrix_lr=settings.matrix_learning_rate,
        weight_decay=settings.weight_decay,
    )
    return optimizer, get_linear_schedule_with_warmup(optimizer, settings.warmup_steps, steps)


def plot(history: list[dict], path: Path) -> None:
    """Training loss and held-out perplexity against steps, as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, left = pyplot.subplots(figsize=(7, 4))
    left.plot(*zip(*[(h["step"], h["loss"]) for h in history if "loss" in h], strict=True), label="training loss")
    left.set_xlabel("step")
    left.set_ylabel("loss (nats a masked character)")
    held_out = [(h["step"], math.exp(h["eval_loss"])) for h in history if "eval_loss" in h]
    if held_out:
        right = left.twinx()
        right.plot(*zip(*held_out, strict=True), "o-", color="tab:orange", label="held-out perplexity")
        right.set_yscale("log")
        right.set_ylabel("held-out perplexity")
    figure.legend(loc="upper right")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def pretrain(
    corpus: Sequence[Path], output: Path, config: EncoderConfig, *, work: Path, steps: int | None = None
) -> dict:
    """Pre-train an encoder on `corpus` and write it to `output`; resumes from the last checkpoint.

    Args:
        corpus: .txt or .jsonl files (also .xz, .gz; JSONL with a "text" field) or folders of them.
        output: folder for weights (half precision), tokenizer, scores and loss curve.
        config: the resolved configs/encoder.cfg.
        work: folder of the checkpoints; a killed run goes on from the last one.
        steps: optimiser steps, instead of the config's.

    Returns:
        {"steps", "tokens", "loss", "perplexity"}: held-out loss in nats a masked character.

    Raises:
        CorpusError: no readable corpus file.
    """
    files, training = corpus_files(corpus), config.training
    steps = steps or training.steps
    work.mkdir(parents=True, exist_ok=True)
    documents = stream(files)
    if (work / "tokenizer.json").exists():
        tokenizer = PreTrainedTokenizerFast.from_pretrained(work)
    else:
        tokenizer = build_tokenizer((d["text"] for d in documents), min_count=config.model.min_count)
        tokenizer.save_pretrained(work)
    log.info("vocabulary of %d characters", len(tokenizer))

    packed = pack(documents, tokenizer, config.data, seed=training.seed)
    held_out = Dataset.from_list(list(packed.take(config.data.held_out_sequences)))
    rows = packed.skip(len(held_out)).shuffle(
        seed=training.seed, buffer_size=config.data.shuffle_sequences
    )
    shape = {k: v for k, v in asdict(config.model).items() if k != "min_count"}
    set_seed(training.seed)
    model = ModernBertForMaskedLM(
        ModernBertConfig(
            vocab_size=len(tokenizer),
            global_attn_every_n_layers=1,
            sparse_prediction=True,
            attention_dropout=0.0,
            embedding_dropout=0.0,
            mlp_dropout=0.0,
            pad_token_id=tokenizer.pad_token_id,
            cls_token_id=tokenizer.cls_token_id,
            sep_token_id=tokenizer.sep_token_id,
            bos_token_id=tokenizer.cls_token_id,
            eos_token_id=tokenizer.sep_token_id,
            **shape,
        )
    )
    if not get_last_checkpoint(str(work)):
        running = (tokenizer(d["text"], add_special_tokens=False)["input_ids"] for d in documents)
        vectors = distributional_embeddings(running, size=len(tokenizer), dimension=shape["hidden_size"])
        model.get_input_embeddings().weight.data.copy_(torch.from_numpy(vectors))
        log.info("embeddings start from neighbour counts")
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(work),
            max_steps=steps,
            per_device_train_batch_size=training.batch_size,
            gradient_accumulation_steps=training.accumulation,
            bf16=torch.cuda.is_available() and torch.cuda.is_bf16_supported(),
            save_steps=training.checkpoint_every,
            eval_strategy="steps",
            eval_steps=training.checkpoint_every,
            logging_steps=training.log_every,
            save_total_limit=2,
            report_to=[],
            disable_tqdm=True,
            seed=training.seed,
            dataloader_pin_memory=False,
        ),
        train_dataset=rows,
        eval_dataset=held_out,
        data_collator=Masker(tokenizer, config.masking, seed=training.seed),
        optimizers=_scheduled(model, training, steps),
    )
    trainer.train(resume_from_checkpoint=get_last_checkpoint(str(work)))
    loss = trainer.evaluate()["eval_loss"]
    tokens = steps * training.batch_size * training.accumulation * config.data.sequence_length
    output.mkdir(parents=True, exist_ok=True)
    model.model.half().save_pretrained(output)
    tokenizer.save_pretrained(output)
    plot(trainer.state.log_history, output / "loss.png")
    result = {"steps": steps, "tokens": tokens, "loss": loss, "perplexity": math.exp(loss)}
    (output / "scores.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    card = encoder_card(
        tokens=tokens,
        perplexity=result["perplexity"],
        vocabulary=len(tokenizer),
        parameters=sum(p.numel() for p in model.model.parameters()),
    )
    (output / "README.md").write_text(card, encoding="utf-8")
    return result
