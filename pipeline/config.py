"""Configuration files: every setting stands once, in configs/, and each is read."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from confection import Config

from pipeline.errors import ConfigError

__all__ = ["as_text", "read_config", "run_folder"]

T = TypeVar("T")


def read_config(path: Path, kind: type[T]) -> T:
    """A .cfg file as the dataclass `kind`, whose fields are dataclasses, one a section.

    Raises:
        ConfigError: the file, a section or a setting is missing, unknown or of the wrong type.
    """
    try:
        values = Config().from_disk(path)
    except FileNotFoundError as error:
        raise ConfigError("no such configuration", path=path, mend="see configs/") from error
    except ValueError as error:
        raise ConfigError(f"cannot be read: {str(error).splitlines()[0]}", path=path) from error
    sections = {f.name: f for f in dataclasses.fields(kind)}
    _same_names(values, sections, path, "section")
    built = {}
    for name, section in sections.items():
        inner = _resolve(section.type, kind)
        fields = {f.name: f for f in dataclasses.fields(inner)}
        _same_names(values[name], fields, path, f"setting of [{name}]")
        for key, value in values[name].items():
            wanted = fields[key].type
            if wanted == "float" and isinstance(value, int):
                values[name][key] = value = float(value)
            if type(value).__name__ != wanted.split("[")[0]:
                raise ConfigError(f"[{name}] {key} = {value!r} is no {wanted}", path=path)
        built[name] = inner(**values[name])
    return kind(**built)


def _resolve(name: str, kind: type) -> type:
    import sys

    return getattr(sys.modules[kind.__module__], name)


def _same_names(given: dict, known: dict, path: Path, what: str) -> None:
    for name in given:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            mend = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
            raise ConfigError(f"unknown {what}: {name}", path=path, mend=mend)
    for name in known:
        if name not in given:
            raise ConfigError(f"missing {what}: {name}", path=path, mend="see configs/")


def run_folder(work: Path, *what: object, files: Iterable[Path] = ()) -> Path:
    """The folder under `work` of one run: other settings, data or start weights give another.

    So a killed run goes on from its own checkpoints, and a changed one never from another's.

    Args:
        work: folder of all runs.
        what: whatever decides the run; its text counts.
        files: files whose content counts too; those that are not there are passed over.
    """
    digest = hashlib.sha256("\n".join(map(str, what)).encode())
    for path in files:
        if path.is_file():
            digest.update(path.read_bytes())
    return work / digest.hexdigest()[:12]


def as_text(config: object) -> str:
    """The resolved configuration as a .cfg text."""
    return Config(dataclasses.asdict(config)).to_str()
