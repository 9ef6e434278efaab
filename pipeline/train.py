"""Joint training of encoder and heads on transformers' Trainer."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from datasets import Dataset
from safetensors.torch import load_file
from torch import nn
from transformers import EarlyStoppingCallback, Trainer, TrainingArguments, set_seed
from transformers.trainer_utils import get_last_checkpoint

from pipeline.attributes import AttributeHead
from pipeline.calibration import apply, error, outcomes, plot
from pipeline.calibration import fit as fit_line
from pipeline.cards import extractor_card
from pipeline.collate import Collator
from pipeline.component import Module, native_bfloat16
from pipeline.config import as_text, run_folder
from pipeline.corpus import content_hash, load_dataset, split_by_document
from pipeline.encoder import CharacterEncoder
from pipeline.errors import AnnotationError
from pipeline.evaluate import score
from pipeline.mentions import MentionHead
from pipeline.predict import assemble, predict
from pipeline.relations import RelationHead

__all__ = ["ExtractorConfig", "train"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DataSettings:
    annotations: list[str]
    validation_share: float


@dataclass(frozen=True)
class EncoderSettings:
    path: str
    heading_characters: int
    window: int
    use_position: bool
    use_words: bool
    use_areas: bool


@dataclass(frozen=True)
class HeadSettings:
    mention_hidden: int
    relation_hidden: int
    attribute_hidden: int
    dropout: float


@dataclass(frozen=True)
class TrainingSettings:
    seed: int
    epochs: int
    batch_size: int
    encoder_learning_rate: float
    head_learning_rate: float
    warmup_share: float
    weight_decay: float
    relation_weight: float
    attribute_weight: float
    redraw: float
    mask_characters: float
    patience: int
    average: int


@dataclass(frozen=True)
class ExtractorConfig:
    """configs/extractor.cfg."""

    data: DataSettings
    encoder: EncoderSettings
    heads: HeadSettings
    training: TrainingSettings


class JointModel(nn.Module):
    """One encoder, three heads, one loss."""

    def __init__(self, encoder: CharacterEncoder, heads: HeadSettings, training: TrainingSettings) -> None:
        super().__init__()
        shared = {"dimension": encoder.dimension, "dropout": heads.dropout}
        self.encoder = encoder
        self.mentions = MentionHead(hidden=heads.mention_hidden, **shared)
        self.relations = RelationHead(hidden=heads.relation_hidden, **shared)
        self.attributes = AttributeHead(hidden=heads.attribute_hidden, **shared)
        self.weights = (training.relation_weight, training.attribute_weight)

    @property
    def modules_by_name(self) -> dict[str, Module]:
        return {name: getattr(self, name) for name in ("encoder", "mentions", "relations", "attributes")}

    def forward(self, encoder: dict, mentions: dict, relations: dict | None, attributes: dict | None) -> dict:
        vectors = self.encoder(encoder)
        loss = self.mentions.loss(vectors, **mentions)
        if relations is not None:
            loss = loss + self.weights[0] * self.relations.loss(vectors, **relations)
        if attributes is not None:
            loss = loss + self.weights[1] * self.attributes.loss(vectors, **attributes)
        return {"loss": loss}


class JointTrainer(Trainer):
    """Evaluates by extracting, exactly as `predict` does."""

    def evaluate(self, eval_dataset=None, ignore_keys=None, metric_key_prefix="eval") -> dict[str, float]:
        gold = list(eval_dataset if eval_dataset is not None else self.eval_dataset)
        self.model.eval()
        table = score(gold, list(predict(assemble(self.model.modules_by_name), gold)))
        metrics = {f"{metric_key_prefix}_{name}": table[name]["f1"] for name in ("entity", "relation", "fact", "fact~")}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


def build(config: ExtractorConfig) -> JointModel:
    """The untrained model on its pre-trained encoder."""
    e = config.encoder
    encoder = CharacterEncoder.pretrained(
        e.path,
        heading_characters=e.heading_characters,
        window=e.window,
        use_position=e.use_position,
        use_words=e.use_words,
        use_areas=e.use_areas,
    )
    # on sentences this short the fused kernel's backward pass costs more than it saves
    encoder.model.set_attn_implementation("eager")
    return JointModel(encoder, config.heads, config.training)


def _optimizer(model: JointModel, training: TrainingSettings) -> torch.optim.Optimizer:
    ids = {id(p) for p in model.encoder.model.parameters()}
    groups = [
        {"params": [p for p in model.parameters() if id(p) in ids], "lr": training.encoder_learning_rate},
        {"params": [p for p in model.parameters() if id(p) not in ids], "lr": training.head_learning_rate},
    ]
    return torch.optim.AdamW(groups, weight_decay=training.weight_decay, fused=True)


def fit(
    model: JointModel, training_data: list[dict], validation: list[dict], settings: TrainingSettings, work: Path
) -> dict[str, float]:
    """Train `model` in place and return the best validation scores; resumes from `work`."""
    from transformers import get_linear_schedule_with_warmup

    steps = max(1, -(-len(training_data) // settings.batch_size)) * settings.epochs
    optimizer = _optimizer(model, settings)
    schedule = get_linear_schedule_with_warmup(optimizer, int(settings.warmup_share * steps), steps)
    trainer = JointTrainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(work),
            num_train_epochs=settings.epochs,
            per_device_train_batch_size=settings.batch_size,
            train_sampling_strategy="group_by_length",
            length_column_name="length",
            eval_strategy="epoch" if validation else "no",
            save_strategy="epoch",
            save_total_limit=max(2, settings.average),
            load_best_model_at_end=bool(validation),
            metric_for_best_model="fact~" if validation else None,
            greater_is_better=True if validation else None,
            logging_strategy="epoch",
            remove_unused_columns=False,
            report_to=[],
            disable_tqdm=not sys.stderr.isatty(),
            seed=settings.seed,
            bf16=native_bfloat16(),
            use_cpu=not torch.cuda.is_available(),
            dataloader_pin_memory=False,
        ),
        train_dataset=Dataset.from_list([{**r, "length": len(r["text"])} for r in training_data]),
        eval_dataset=validation or None,
        data_collator=Collator(
            model.encoder, redraw=settings.redraw, mask=settings.mask_characters, seed=settings.seed
        ),
        optimizers=(optimizer, schedule),
        callbacks=[EarlyStoppingCallback(settings.patience)] if validation else [],
    )
    trainer.train(resume_from_checkpoint=get_last_checkpoint(str(work)) if work.is_dir() else None)
    return _better_of_average(trainer, work, settings.average) if validation else {}


def _better_of_average(trainer: JointTrainer, work: Path, number: int) -> dict[str, float]:
    """Leave the trainer's model at its best epoch or at the mean of the last epochs' weights, whichever validates better."""
    best, weights = trainer.evaluate(), {k: v.clone() for k, v in trainer.model.state_dict().items()}
    last = sorted(work.glob("checkpoint-*"), key=lambda p: int(p.name.rpartition("-")[2]))[-number:]
    states = [load_file(path / "model.safetensors") for path in last]
    trainer.model.load_state_dict({k: sum(s[k] for s in states) / len(states) for k in weights})
    mean = trainer.evaluate()
    if mean["eval_fact~"] >= best["eval_fact~"]:
        return mean
    trainer.model.load_state_dict(weights)
    return best


def train(config: ExtractorConfig, output: Path, *, work: Path, silver: Sequence[Path] = ()) -> dict:
    """Train an extractor and write it to `output`, ready for `spacy.load`.

    Args:
        config: the resolved configs/extractor.cfg.
        output: folder of the model: components, resolved config, scores, card.
        work: folder of the runs' checkpoints; a killed run goes on, one with other settings or data begins anew.
        silver: further records to train on, never to validate on (`baogao label`).

    Returns:
        The scores on the validation documents, as `evaluate.score` gives them.

    Raises:
        AnnotationError: a faulty annotation file, or none to train on.
    """
    records = list(load_dataset([Path(p) for p in config.data.annotations]))
    training_data, validation = split_by_document(
        records, share=config.data.validation_share, seed=config.training.seed
    )
    if not training_data:
        raise AnnotationError("no sentence to train on", path=config.data.annotations[0], mend="add annotations")
    labelled = list(load_dataset(list(silver))) if silver else []
    log.info("%d sentences to train on, %d to validate on", len(training_data), len(validation))
    set_seed(config.training.seed)
    model = build(config)
    data_sha256 = content_hash(records + labelled)
    weights = sorted(Path(config.encoder.path).glob("*.safetensors"))
    fit(model, training_data + labelled, validation, config.training, run_folder(work, as_text(config), data_sha256, files=weights))
    nlp = assemble(model.modules_by_name)
    scores = score(validation, list(predict(nlp, validation)))
    nlp.meta.update(name="extractor", version="1", description="Quantitative facts of Chinese government reports")
    pairs = list(outcomes(nlp, validation))
    line = nlp.meta["baogao_calibration"] = fit_line(pairs)
    nlp.to_disk(output)
    calibrated = [(apply(p, line), right) for p, right in pairs]
    plot(calibrated, output / "reliability.png")
    (output / "config.resolved.cfg").write_text(as_text(config), encoding="utf-8")
    facts = {
        "sentences": len(training_data),
        "silver": len(labelled),
        "data_sha256": data_sha256,
        "calibration_error": error(calibrated),
        "validation": scores,
    }
    (output / "scores.json").write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    card = extractor_card(
        sentences=len(training_data),
        silver=len(labelled),
        data_sha256=data_sha256,
        encoder=config.encoder.path,
        scores=scores,
        calibration_error=error(calibrated),
    )
    (output / "README.md").write_text(card, encoding="utf-8")
    return scores
