"""Model cards: what a model is, what it learnt from, what it scores."""

from __future__ import annotations

__all__ = ["encoder_card", "extractor_card", "segmenter_card"]

_SHOWN = ("entity", "entity/VALUE", "entity/UNIT", "entity/METRIC", "entity/METRIC~", "entity/YEAR", "entity/REGION",
          "relation", "fact~", "fact")  # fmt: skip


def extractor_card(
    *, sentences: int, silver: int, data_sha256: str, encoder: str, scores: dict[str, dict], calibration_error: float
) -> str:
    """The card of an extractor, as Markdown; `silver` counts the sentences of `baogao label` among the training data."""
    labelled = f", and {silver} sentences of published reports as `baogao label` labelled them" if silver else ""
    rows = [f"| {name} | {scores[name]['f1']:.2f} |" for name in _SHOWN if name in scores]
    rows += [f"| {n} | {s['accuracy']:.2f} |" for n, s in scores.items() if n.startswith("attribute/")]
    return "\n".join(
        [
            "# Extractor",
            "",
            "A spaCy pipeline (`spacy.load` or `pipeline.load`) that marks VALUE, UNIT, METRIC, YEAR and REGION in Chinese",
            "government work reports, links each VALUE to what it measures, and gives its kind, direction, status and bound.",
            "One shared encoder, three heads trained jointly: BIOES mentions with constrained decoding, relations scored for",
            "every VALUE with every candidate, attributes.",
            "",
            f"- encoder: `{encoder}`",
            f"- training data: {sentences} sentences of `annotations/`{labelled} (SHA-256 of all records `{data_sha256[:16]}…`)",
            f"- made with: `baogao train{' --silver …' if silver else ''}` on `config.resolved.cfg`",
            f"- confidence: calibrated on the validation documents, where the expected error is {calibration_error:.3f} (`reliability.png`)",
            "- licence: MIT",
            "",
            "Scores on the validation documents (F1 and accuracy in per cent; `scores.json` has them all):",
            "",
            "| | |",
            "|---|---:|",
            *rows,
            "",
            "`fact~` counts a fact as right when VALUE, UNIT, YEAR, REGION and bases are exact and the METRIC's characters",
            "overlap by half; `fact` asks for the exact METRIC.",
            "",
        ]
    )


def encoder_card(*, tokens: int, perplexity: float, vocabulary: int, parameters: int) -> str:
    """The card of a pre-trained encoder, as Markdown."""
    return "\n".join(
        [
            "# Encoder",
            "",
            "A small character-level ModernBERT for Chinese government reports, pre-trained by masked-language modelling",
            "(`baogao pretrain` on `configs/encoder.cfg`): `AutoModel.from_pretrained` loads it.",
            "",
            f"- parameters: {parameters / 1e6:.1f} million; vocabulary: {vocabulary} characters, width and case folded",
            f"- data: published government work reports, {tokens / 1e6:.1f} million characters seen, mostly of paragraphs with digits",
            f"- held-out perplexity of a masked character: {perplexity:.2f} (`loss.png`)",
            "- weights: half precision, safetensors",
            "- licence: MIT",
            "",
        ]
    )


def segmenter_card(scores: dict, *, terms: int) -> str:
    """The card of the word segmenter, as Markdown."""
    return "\n".join(
        [
            "# Segmenter",
            "",
            "A pkuseg model (Luo et al. 2019, conditional random field) for the words of Chinese government reports:",
            "`pipeline.words.words`. Made with `baogao segment` on `configs/segmenter.cfg`.",
            "",
            f"- training data: {scores['sentences']} sentences, cut by jieba (MIT) with the {terms} terms of `annotations/terms.txt`",
            "  as words; in the annotated sentences among them, mention boundaries are word boundaries",
            f"- word F1 on {scores['held_out']} held-out sentences so cut: {scores['f1']:.2f} (agreement with the cut, not with a hand-made standard)",
            "- licence: MIT",
            "",
        ]
    )
