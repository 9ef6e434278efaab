"""The shared transformer: sentences in, one vector a character out, on `doc.tensor`."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from spacy.language import Language
from spacy.tokens import Doc
from torch import nn
from transformers import AutoConfig, AutoModel, AutoTokenizer

from pipeline.component import Component, native_bfloat16
from pipeline.errors import ModelError
from pipeline.language import has_numeral
from pipeline.regions import AREA_TAGS, Gazetteer
from pipeline.schema import Sentence
from pipeline.words import WORD_TAGS, word_tags

__all__ = ["CharacterEncoder", "Encoder"]

_PARTS = 10  # the position of a sentence in its report, in tenths; the last is "unknown"


class CharacterEncoder(nn.Module):
    """A Hugging Face encoder whose (sub)word vectors are read out character by character.

    The first heading above a sentence is set in front of it, `[CLS] heading [SEP] sentence [SEP]`,
    and a learned vector for the sentence's position in the report is added to every character.

    Args:
        model: any encoder with `last_hidden_state`.
        tokenizer: its fast tokenizer.
        heading_characters: how much of the heading the model sees; 0 for none.
        window: characters encoded at once; longer sentences are cut into such pieces.
        use_position: whether the position is used.
        use_words: whether a learned vector for each character's place in its word (pkuseg) is added.
        use_areas: whether the encoder is shown where names of administrative areas stand, by a learned
            vector on each of their characters: it cannot know 3,000 counties by heart.
    """

    def __init__(
        self,
        model,
        tokenizer,
        *,
        heading_characters: int,
        window: int,
        use_position: bool,
        use_words: bool,
        use_areas: bool,
    ) -> None:
        super().__init__()
        self.model, self.tokenizer = model, tokenizer
        self.settings = {
            "heading_characters": heading_characters,
            "window": window,
            "use_position": use_position,
            "use_words": use_words,
            "use_areas": use_areas,
        }
        self.position = nn.Embedding(_PARTS + 1, model.config.hidden_size)
        nn.init.zeros_(self.position.weight)
        if use_words:
            self.words = nn.Embedding(WORD_TAGS, model.config.hidden_size)
            nn.init.zeros_(self.words.weight)
        if use_areas:
            self.areas = nn.Embedding(AREA_TAGS, model.config.hidden_size)
            nn.init.zeros_(self.areas.weight)

    @property
    def dimension(self) -> int:
        return self.model.config.hidden_size

    def preprocess(self, texts: Sequence[str], sentences: Sequence[Sentence]) -> list[dict]:
        """Per text: ids of each window and, for each character, (window, place in the window)."""
        size, cut = self.settings["window"], self.settings["heading_characters"]
        headings = [sentence.section.split(" / ")[0][:cut] for sentence in sentences]
        known = {h: ids for h, (ids, _) in zip(set(headings), self._coded(list(set(headings))), strict=True)}
        pieces = [text[i : i + size] for text in texts for i in range(0, len(text), size)]
        coded, rows = iter(self._coded(pieces)), []
        for text, sentence, heading in zip(texts, sentences, headings, strict=True):
            windows, places, areas = [], [], []
            tags = Gazetteer.default().tags(text) if self.settings["use_areas"] else None
            for start in range(0, len(text), size):
                ids, offsets = next(coded)
                window, place = self._window(known[heading], ids, offsets, min(size, len(text) - start))
                places.append(np.stack([np.full(len(place), len(windows)), place], 1))
                windows.append(window)
                if tags is not None:
                    behind = [tags[start + a] for a, _ in offsets]
                    areas.append([0] * (len(window) - len(behind) - 1) + behind + [0])
            told = self.settings["use_position"] and (sentence.section or sentence.position > 0)
            part = min(int(sentence.position * _PARTS), _PARTS - 1) if told else _PARTS
            rows.append({"windows": windows, "places": np.concatenate(places), "part": part, "areas": areas})
            if self.settings["use_words"]:
                rows[-1]["words"] = word_tags(text)
        return rows

    def _coded(self, texts: list[str]) -> list[tuple[list[int], list[tuple[int, int]]]]:
        if not texts:
            return []
        coded = self.tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True)
        return list(zip(coded["input_ids"], coded["offset_mapping"], strict=True))

    def _window(self, heading: list[int], ids: list[int], offsets: list, length: int) -> tuple[list[int], np.ndarray]:
        """Ids of `[CLS] heading [SEP] text [SEP]` and the place of each of the text's characters in them."""
        cls_, sep = self.tokenizer.cls_token_id, self.tokenizer.sep_token_id
        front = [cls_, *heading, sep] if heading else [cls_]
        place = np.full(length, len(front) - 1)
        # backwards, so that of two tokens on one character the first is read
        place[[a for a, _ in reversed(offsets)]] = np.arange(len(front) + len(ids) - 1, len(front) - 1, -1)
        # a character inside a token, or one that the tokenizer drops (a blank), reads what stands before it
        return [*front, *ids, sep], np.maximum.accumulate(place)

    def collate(self, rows: Sequence[dict]) -> dict[str, torch.Tensor]:
        """Padded input_ids and attention_mask (window, token), gather and words (batch, character), part (batch,)."""
        windows = [w for row in rows for w in row["windows"]]
        width, tall = max(map(len, windows)), max(len(row["places"]) for row in rows)
        ids = _padded(windows, width, self.tokenizer.pad_token_id)
        mask = _padded([[1] * len(window) for window in windows], width, 0)
        gather, first = np.zeros((len(rows), tall), dtype=np.int64), 0
        for i, row in enumerate(rows):
            places = row["places"]
            gather[i, : len(places)] = (first + places[:, 0]) * width + places[:, 1]
            first += len(row["windows"])
        batch = {
            "input_ids": ids,
            "attention_mask": mask,
            "gather": torch.from_numpy(gather),
            "part": torch.tensor([row["part"] for row in rows]),
        }
        if self.settings["use_areas"]:
            batch["areas"] = _padded([tags for row in rows for tags in row["areas"]], width, 0)
        if self.settings["use_words"]:
            batch["words"] = nn.utils.rnn.pad_sequence([torch.from_numpy(r["words"]) for r in rows], batch_first=True)
        return batch

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """(batch, character, dimension) of character vectors."""
        told = self.model.get_input_embeddings()(batch["input_ids"])
        if self.settings["use_areas"]:
            told = told + self.areas(batch["areas"])
        hidden = self.model(inputs_embeds=told, attention_mask=batch["attention_mask"])
        flat = hidden.last_hidden_state.reshape(-1, self.dimension)
        vectors = flat[batch["gather"]] + self.position(batch["part"])[:, None]
        return vectors + self.words(batch["words"]) if self.settings["use_words"] else vectors

    def save(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.model.config.save_pretrained(path)
        self.tokenizer.save_pretrained(path)
        (path / "settings.json").write_text(json.dumps(self.settings, indent=2) + "\n", encoding="utf-8")
        save_file({k: v.half().contiguous() for k, v in self.state_dict().items()}, path / "model.safetensors")

    @classmethod
    def load(cls, path: Path) -> "CharacterEncoder":
        model = AutoModel.from_config(AutoConfig.from_pretrained(path))
        settings = json.loads((path / "settings.json").read_text(encoding="utf-8"))
        encoder = cls(model, AutoTokenizer.from_pretrained(path), **settings)
        encoder.load_state_dict({k: v.float() for k, v in load_file(path / "model.safetensors").items()})
        return encoder.eval()

    @classmethod
    def pretrained(cls, name: str | Path, **settings) -> "CharacterEncoder":
        """From a pre-trained encoder: a folder, or a name of the Hugging Face hub."""
        try:
            model = AutoModel.from_pretrained(name, dtype=torch.float32)
            return cls(model, AutoTokenizer.from_pretrained(name), **settings)
        except (OSError, ValueError) as error:
            raise ModelError(
                "no encoder can be loaded from here", path=name, mend="run `make pretrain` or name another"
            ) from error


def _padded(rows: list[list[int]], width: int, filler: int) -> torch.Tensor:
    padded = np.full((len(rows), width), filler, dtype=np.int64)
    for i, row in enumerate(rows):
        padded[i, : len(row)] = row
    return torch.from_numpy(padded)


@Language.factory("baogao_encoder", assigns=["doc.tensor"], requires=["doc._.sentences"])
class Encoder(Component):
    """Writes `doc.tensor`, (character, dimension); zero where a sentence was skipped.

    `skip_plain` leaves out sentences that hold no numeral: they can hold no fact. `tokens` is how
    many tokens go through the model at once.
    """

    module_class = CharacterEncoder

    def __init__(self, nlp: Language, name: str, skip_plain: bool = True, tokens: int = 4096) -> None:
        super().__init__(nlp, name)
        self.skip_plain, self.tokens = skip_plain, tokens

    def predict(self, docs: Sequence[Doc]) -> list[np.ndarray]:
        tensors = [np.zeros((len(doc), self.module.dimension), dtype=np.float32) for doc in docs]
        wanted = []
        for tensor, doc in zip(tensors, docs, strict=True):
            for sentence in doc._.sentences:
                text = doc._.source[sentence.start : sentence.end]
                if not self.skip_plain or has_numeral(text):
                    wanted.append((tensor, sentence, text))
        coded = self.module.preprocess([text for *_, text in wanted], [sentence for _, sentence, _ in wanted])
        rows = [(tensor, sentence, row) for (tensor, sentence, _), row in zip(wanted, coded, strict=True)]
        rows.sort(key=lambda row: len(row[2]["places"]))
        for batch in self._batches(rows):
            with torch.autocast(self.device.type, torch.bfloat16, enabled=native_bfloat16()):
                inputs = {k: v.to(self.device) for k, v in self.module.collate([row for *_, row in batch]).items()}
                vectors = self.module(inputs).float().cpu().numpy()
            for (tensor, sentence, _), vector in zip(batch, vectors, strict=True):
                tensor[sentence.start : sentence.end] = vector[: sentence.end - sentence.start]
        return tensors

    def _batches(self, rows: list) -> Iterator[list]:
        batch, longest = [], 0
        for row in rows:
            size = sum(map(len, row[2]["windows"]))
            if batch and max(longest, size) * (len(batch) + 1) > self.tokens:
                yield batch
                batch, longest = [], 0
            batch.append(row)
            longest = max(longest, size)
        if batch:
            yield batch

    def set_annotations(self, docs: Sequence[Doc], tensors: list[np.ndarray]) -> None:
        for doc, tensor in zip(docs, tensors, strict=True):
            doc.tensor = tensor
