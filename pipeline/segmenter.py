"""Training the pkuseg word segmenter."""

from __future__ import annotations

import contextlib
import io
import json
import random
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.cards import segmenter_card
from pipeline.corpus import annotation_files, read_records
from pipeline.errors import ConfigError
from pipeline.language import split_sentences
from pipeline.packing import corpus_files, stream
from pipeline.words import load_segmenter, words

__all__ = ["SegmenterConfig", "train_segmenter"]


@dataclass(frozen=True)
class DataSettings:
    annotations: list[str]
    terms: str
    sentences: int
    documents: int


@dataclass(frozen=True)
class TrainingSettings:
    seed: int
    iterations: int
    feature_trim: int
    held_out_share: float


@dataclass(frozen=True)
class SegmenterConfig:
    """configs/segmenter.cfg."""

    data: DataSettings
    training: TrainingSettings


def _cutter(terms: Iterable[str]):
    """jieba with our terms as words, so that its dictionary is not changed for anyone else."""
    try:
        import jieba
    except ImportError as error:
        raise ConfigError("the package jieba is not installed", mend="pip install 'baogao[segmenter]'") from error
    jieba.setLogLevel(60)
    tokenizer = jieba.Tokenizer()
    for term in terms:
        tokenizer.add_word(term, freq=10**6)

    def cut(text: str) -> list[str]:
        # jieba parts a decimal at its point
        parts = re.split(r"([0-9０-９]+(?:[.．][0-9０-９]+)?)", text)
        return [w for i, part in enumerate(parts) for w in ([part] if i % 2 else tokenizer.lcut(part, HMM=False))]

    return cut


def _annotated(paths: Sequence[str]) -> Iterator[list[str]]:
    """The pieces of each annotated sentence: its mentions, and what stands between them."""
    for path in annotation_files([Path(p) for p in paths]):
        for record in read_records(path):
            edges = {0, len(record["text"])}
            for entity in record["entities"]:
                edges |= {entity["start_offset"], entity["end_offset"]}
            cuts = sorted(edges)
            yield [record["text"][a:b] for a, b in zip(cuts, cuts[1:], strict=False)]


def _drawn(corpus: Sequence[Path], settings: DataSettings, seed: int) -> Iterator[list[str]]:
    """Sentences drawn from the raw corpus, each in one piece."""
    documents = stream(corpus_files(corpus)).shuffle(seed=seed, buffer_size=settings.documents)
    each = max(1, settings.sentences // settings.documents)
    draw = random.Random(seed)
    for document in documents.take(settings.documents):
        text = document["text"]
        found = [text[a:b] for a, b in split_sentences(text)]
        yield from ([s] for s in draw.sample(found, min(each, len(found))))


def train_segmenter(corpus: Sequence[Path], output: Path, config: SegmenterConfig) -> dict:
    """Train pkuseg on sentences cut by jieba, our terms kept whole and mention boundaries kept apart.

    Args:
        corpus: raw text as for `pretrain`; may be empty, then the annotations alone are used.
        output: folder of the segmenter.
        config: the resolved configs/segmenter.cfg.

    Returns:
        {"sentences", "held_out", "f1"}: word F1 in per cent against the cut sentences held out.

    Raises:
        ConfigError: jieba, which cuts the training text, is not installed.
        CorpusError, AnnotationError: files that cannot be read.
    """
    import spacy_pkuseg

    data, training = config.data, config.training
    terms = [line.strip() for line in Path(data.terms).read_text(encoding="utf-8").splitlines() if line.strip()]
    cut = _cutter(terms)
    sentences = [*_annotated(data.annotations), *(_drawn(corpus, data, training.seed) if corpus else ())]
    lines = [[w for piece in pieces for w in cut(re.sub(r"\s", "", piece))] for pieces in sentences]
    lines = [line for line in lines if line]
    random.Random(training.seed).shuffle(lines)
    kept = max(1, int(len(lines) * training.held_out_share))
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("held-out.txt", "training.txt")]
        for path, part in zip(files, (lines[:kept], lines[kept:]), strict=True):
            path.write_text("\n".join(" ".join(line) for line in part) + "\n", encoding="utf-8")
        spacy_pkuseg.config.featureTrim = training.feature_trim
        # the trainer prints its progress
        with contextlib.redirect_stdout(io.StringIO()):
            spacy_pkuseg.train(str(files[1]), str(files[0]), str(output), train_iter=training.iterations)
    weights = dict(np.load(output / "weights.npz"))
    np.savez_compressed(output / "weights.npz", **weights)
    load_segmenter.cache_clear()
    scores = {"sentences": len(lines) - kept, "held_out": kept, "f1": _word_f1(lines[:kept], output)}
    (output / "scores.json").write_text(json.dumps(scores, indent=2) + "\n", encoding="utf-8")
    (output / "README.md").write_text(segmenter_card(scores, terms=len(terms)), encoding="utf-8")
    return scores


def _word_f1(gold: Sequence[list[str]], path: Path) -> float:
    hits = guesses = golds = 0
    for line in gold:
        found = words("".join(line), path=path)
        spans = [set(_spans(one)) for one in (line, found)]
        hits, golds, guesses = hits + len(spans[0] & spans[1]), golds + len(spans[0]), guesses + len(spans[1])
    return round(200 * hits / max(1, golds + guesses), 2)


def _spans(cut: Sequence[str]) -> Iterator[tuple[int, int]]:
    start = 0
    for word in cut:
        yield start, start + len(word)
        start += len(word)
