"""What the components and their torch modules share: batching, saving, loading."""

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import minibatch
from torch import nn

from pipeline.errors import ModelError

__all__ = ["Component", "Module", "Pool", "native_bfloat16", "pad"]


class Pool:
    """Means of spans of `vectors` (batch, character, dimension), from one running sum."""

    def __init__(self, vectors: torch.Tensor) -> None:
        self.sums = nn.functional.pad(vectors.float().cumsum(1), (0, 0, 1, 0))

    def __call__(self, row: torch.Tensor, start: torch.Tensor, end: torch.Tensor) -> torch.Tensor:
        """Mean of `vectors[row, start:end]`, (span, dimension); zero for an empty span.

        `row`, `start` and `end` are (span,) integers; spans are clipped to the text.
        """
        last = self.sums.shape[1] - 1
        start, end = start.clamp(0, last), end.clamp(0, last)
        length = (end - start).clamp(min=1)[:, None]
        return (self.sums[row, end] - self.sums[row, torch.minimum(start, end)]) / length


@cache
def native_bfloat16() -> bool:
    """Whether the device computes in bfloat16 rather than emulating it."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16") or able.get("bf16"))


def pad(pieces: Sequence[np.ndarray]) -> torch.Tensor:
    """(batch, character, dimension) of pieces (character, dimension), zeros behind the shorter ones."""
    return nn.utils.rnn.pad_sequence([torch.from_numpy(p) for p in pieces], batch_first=True)


class Module(nn.Module):
    """A head that is saved with its arguments."""

    arguments: dict

    def save(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        (path / "settings.json").write_text(json.dumps(self.arguments) + "\n", encoding="utf-8")
        save_file({k: v.half().contiguous() for k, v in self.state_dict().items()}, path / "model.safetensors")

    @classmethod
    def load(cls, path: Path):
        module = cls(**json.loads((path / "settings.json").read_text(encoding="utf-8")))
        module.load_state_dict({k: v.float() for k, v in load_file(path / "model.safetensors").items()})
        return module.eval()


class Component:
    """What the four components share: batching, saving, loading."""

    module_class: type

    def __init__(self, nlp: Language, name: str) -> None:
        self.name, self.module = name, None

    @property
    def device(self) -> torch.device:
        return next(self.module.parameters()).device

    def __call__(self, doc: Doc) -> Doc:
        return next(self.pipe([doc]))

    def pipe(self, stream: Iterable[Doc], batch_size: int = 64) -> Iterator[Doc]:
        for docs in minibatch(stream, batch_size):
            with torch.inference_mode():
                self.set_annotations(docs, self.predict(docs))
            yield from docs

    def to_disk(self, path, exclude=()) -> None:
        self.module.save(Path(path))

    def from_disk(self, path, exclude=()):
        try:
            self.module = self.module_class.load(Path(path))
        except (OSError, KeyError, RuntimeError, ValueError, SafetensorError) as error:
            raise ModelError(
                f"the model's {self.name} cannot be loaded", path=path, mend="train it anew with `make train`"
            ) from error
        return self
