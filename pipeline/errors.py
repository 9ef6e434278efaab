"""One tree of errors: each says what is wrong, where, and how to mend it."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["AnnotationError", "ConfigError", "CorpusError", "ModelError", "PipelineError", "ReportError", "printable"]


def printable(text: object) -> str:
    """`text` in one line that every stream can take: control characters and what is no Unicode are escaped."""
    line = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", lambda m: m[0].encode("unicode_escape").decode(), str(text))
    return line.encode("utf-8", "backslashreplace").decode()


class PipelineError(Exception):
    """A fault of the input, told in one line: `path:line: what (how to mend)`.

    Args:
        what: what is wrong.
        path: the file or folder at fault.
        line: its line, from 1.
        mend: what the user can do about it.
    """

    def __init__(
        self, what: str, *, path: Path | str | None = None, line: int | None = None, mend: str = ""
    ) -> None:
        self.what, self.path, self.line, self.mend = printable(what), path, line, mend
        where = "" if path is None else f"{path}:{line}: " if line else f"{path}: "
        super().__init__(printable(f"{where}{what}" + (f" ({mend})" if mend else "")))


class ReportError(PipelineError):
    """A report that cannot be read."""


class AnnotationError(PipelineError):
    """An annotation record that breaks the form or the scheme."""


class ConfigError(PipelineError):
    """A configuration with a missing, unknown or impossible setting."""


class ModelError(PipelineError):
    """A model folder that is missing, damaged or of another version."""


class CorpusError(PipelineError):
    """A corpus that holds nothing usable."""
