"""The ledger beside an unfinished output: which chunks of reports are complete, and at which byte they end."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import PipelineError

__all__ = ["Ledger", "unchanged", "whole"]

_ANEW = "begin anew with --restart"


class Ledger:
    """`<output>.ledger`: a head that says how the run was begun, then a line for each complete chunk.

    Args:
        output: the output's path.
        head: what decides the output (model, settings, versions); a run goes on only under the same.
        resume: go on with an unfinished run, if there is one.
        restart: drop an unfinished run.

    Raises:
        PipelineError: an unfinished run is there and neither was asked, or it was begun otherwise.
    """

    def __init__(self, output: Path, head: dict, *, resume: bool, restart: bool) -> None:
        self.path = output.with_name(output.name + ".ledger")
        self.done: list[dict] = []
        self.finished = False
        self._unsettled: list[dict] = []
        if self.path.exists() and not restart:
            self._read(head, resume=resume)
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
            # written anew, so that a torn last line of a killed run does not stay
            self._file = open(self.path.with_name(self.path.name + ".new"), "w", encoding="utf-8")
            self._append([head, *self.done])
            os.replace(self._file.name, self.path)
        except OSError as error:
            raise self._unwritable(error) from error

    def _read(self, head: dict, *, resume: bool) -> None:
        begun, *lines = list(self._lines()) or [head]
        if lines and not resume:
            mend = "go on with --resume, or begin anew with --restart"
            raise PipelineError("an unfinished run is here", path=self.path, mend=mend)
        for name in head if lines else ():
            if begun.get(name) != head[name]:
                raise PipelineError(f"the run was begun with another {name}", path=self.path, mend=_ANEW)
        for line in lines:
            if line == {"finished": True}:
                self.finished = True
            else:
                self.done.append(line)

    def _lines(self) -> Iterator[dict]:
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise PipelineError(f"cannot be read: {error.strerror}", path=self.path, mend=_ANEW) from error
        for line in data.split(b"\n")[:-1]:  # behind the last line end stands nothing, or a torn line
            try:
                yield json.loads(line)
            except ValueError:
                return  # a power cut leaves zeros behind what was settled

    def holds(self, number: int, fingerprint: str, path: str) -> bool:
        """Whether the chunk with this number is done already.

        Raises:
            PipelineError: it is, but its sources were others.
        """
        if number >= len(self.done):
            return False
        unchanged(self.done[number]["chunk"], fingerprint, path)
        return True

    def holds_no_more_than(self, chunks: int) -> None:
        """There are only so many chunks.

        Raises:
            PipelineError: more are done already.
        """
        whole(len(self.done), chunks, self.path)

    def add(self, line: dict) -> None:
        """Note a complete chunk; `settle` puts it on the disk."""
        self._unsettled.append(line)

    def settle(self) -> None:
        """Write what was noted: call it when the output itself is on the disk."""
        lines, self._unsettled = self._unsettled, []
        try:
            self._append(lines)
        except OSError as error:
            raise self._unwritable(error) from error

    def _append(self, lines: list[dict]) -> None:
        self._file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        self._file.flush()
        os.fsync(self._file.fileno())

    def _unwritable(self, error: OSError) -> PipelineError:
        return PipelineError(f"cannot be written: {error.strerror}", path=self.path, mend="free the place or choose another")

    def finish(self) -> None:
        """Every chunk is done: only the files' last names are missing."""
        if not self.finished:
            self.add({"finished": True})
            self.settle()
            self.finished = True

    def close(self) -> None:
        self._file.close()

    def remove(self) -> None:
        """The run is over."""
        self.close()
        self.path.unlink(missing_ok=True)


def unchanged(noted: str, found: str, path: str) -> None:
    """The fingerprints of what was done and of what stands in its place now are the same.

    Raises:
        PipelineError: they differ; `path` is the first source there.
    """
    if noted != found:
        raise PipelineError("the input here or just behind it has changed since", path=path, mend=_ANEW)


def whole(done: int, there: int, path: Path) -> None:
    """There is as much input, counted in chunks or blocks, as was done of the run that `path` names.

    Raises:
        PipelineError: more was done.
    """
    if done > there:
        raise PipelineError("the input is shorter than when the run was begun", path=path, mend=_ANEW)
