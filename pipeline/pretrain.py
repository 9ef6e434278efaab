"""Masked-language-model pre-training of the character encoder."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from datasets import Dataset, IterableDataset
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
from pipeline.component import native_bfloat16
from pipeline.config import as_text, run_folder
from pipeline.errors import CorpusError, ModelError
from pipeline.optim import Muon
from pipeline.packing import DataSettings, Masker, MaskingSettings, corpus_files, pack, stream

__all__ = ["EncoderConfig", "pretrain"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelSettings:
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    max_position_embeddings: int
    min_count: int


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


def new_model(settings: ModelSettings, tokenizer: PreTrainedTokenizerFast) -> ModernBertForMaskedLM:
    """An untrained ModernBERT: rotary positions, pre-norm, global attention in every layer."""
    shape = {k: v for k, v in asdict(settings).items() if k != "min_count"}
    return ModernBertForMaskedLM(
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


def begin(
    documents: IterableDataset, config: EncoderConfig, *, work: Path, start: Path | None
) -> tuple[ModernBertForMaskedLM, PreTrainedTokenizerFast, int]:
    """(model, tokenizer, tokens seen before) of a new run, of one that resumes, or of one that goes on from `start`."""
    set_seed(config.training.seed)
    if start is not None:
        try:
            tokenizer = PreTrainedTokenizerFast.from_pretrained(start)
            model = ModernBertForMaskedLM.from_pretrained(start, dtype=torch.float32, sparse_prediction=True)
            seen = json.loads((start / "scores.json").read_text(encoding="utf-8"))["tokens"]
        except (OSError, ValueError, KeyError) as error:
            raise ModelError("no encoder to go on from", path=start, mend="name an output of baogao pretrain") from error
        return model, tokenizer, seen
    if (work / "tokenizer.json").exists():
        tokenizer = PreTrainedTokenizerFast.from_pretrained(work)
    else:
        tokenizer = build_tokenizer((d["text"] for d in documents), min_count=config.model.min_count)
        tokenizer.save_pretrained(work)
    log.info("vocabulary of %d characters", len(tokenizer))
    model = new_model(config.model, tokenizer)
    if not get_last_checkpoint(str(work)):
        running = (tokenizer(d["text"], add_special_tokens=False)["input_ids"] for d in documents)
        vectors = distributional_embeddings(running, size=len(tokenizer), dimension=config.model.hidden_size)
        model.get_input_embeddings().weight.data.copy_(torch.from_numpy(vectors))
        log.info("embeddings start from neighbour counts")
    return model, tokenizer, 0


def pretrain(
    corpus: Sequence[Path],
    output: Path,
    config: EncoderConfig,
    *,
    work: Path,
    steps: int | None = None,
    start: Path | None = None,
) -> dict:
    """Pre-train an encoder on `corpus` and write it to `output`; resumes from the last checkpoint.

    Args:
        corpus: .txt or .jsonl files (also .xz, .gz; JSONL with a "text" field) or folders of them.
        output: folder for weights (half precision), tokenizer, scores and loss curve.
        config: the resolved configs/encoder.cfg.
        work: folder of the runs' checkpoints; a killed run goes on, one with other settings, corpus or start begins anew.
        steps: optimiser steps, instead of the config's.
        start: an encoder to go on from; its shape and vocabulary are kept.

    Returns:
        {"steps", "tokens", "loss", "perplexity"}: held-out loss in nats a masked character; tokens
        include those of `start`.

    Raises:
        CorpusError: no readable corpus file, or too little text to hold any out.
        ModelError: `start` is no encoder.
    """
    files, training = corpus_files(corpus), config.training
    steps = steps or training.steps
    sizes = [(path.name, path.stat().st_size) for path in files]
    weights = sorted(start.glob("*.safetensors")) if start is not None else ()
    work = run_folder(work, as_text(config), sizes, files=weights)
    work.mkdir(parents=True, exist_ok=True)
    documents = stream(files)
    model, tokenizer, seen = begin(documents, config, work=work, start=start)
    # the fused kernel's backward pass costs more than it saves on sequences this short
    model.set_attn_implementation("eager")
    validation = pack(documents, tokenizer, config.data, seed=training.seed, validation=True)
    held_out = Dataset.from_list(list(validation.take(config.data.held_out_sequences)))
    if not len(held_out):
        raise CorpusError("too little text to hold any out", path=corpus[0], mend="raise held_out_share, or add text")
    rows = pack(documents, tokenizer, config.data, seed=training.seed)
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(work),
            max_steps=steps,
            per_device_train_batch_size=training.batch_size,
            gradient_accumulation_steps=training.accumulation,
            bf16=native_bfloat16(),
            use_cpu=not torch.cuda.is_available(),
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
        train_dataset=rows.shuffle(seed=training.seed, buffer_size=config.data.shuffle_sequences),
        eval_dataset=held_out,
        data_collator=Masker(tokenizer, config.masking, seed=training.seed),
        optimizers=_scheduled(model, training, steps),
    )
    trainer.train(resume_from_checkpoint=get_last_checkpoint(str(work)))
    loss = trainer.evaluate()["eval_loss"]
    tokens = seen + steps * training.batch_size * training.accumulation * config.data.sequence_length
    result = {"steps": steps, "tokens": tokens, "loss": loss, "perplexity": math.exp(loss)}
    write(output, model, tokenizer, result, history=trainer.state.log_history)
    return result


def write(output: Path, model: ModernBertForMaskedLM, tokenizer, result: dict, *, history: list[dict]) -> None:
    """The encoder's folder: weights in half precision, tokenizer, scores, loss curve, card."""
    output.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(output)
    tokenizer.save_pretrained(output)
    plot(history, output / "loss.png")
    (output / "scores.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    card = encoder_card(
        tokens=result["tokens"],
        perplexity=result["perplexity"],
        vocabulary=len(tokenizer),
        parameters=sum(p.numel() for p in model.model.parameters()),
    )
    (output / "README.md").write_text(card, encoding="utf-8")
