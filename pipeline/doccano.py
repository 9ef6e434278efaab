"""A doccano server as the annotators' desk: sentences with pre-annotations go there, corrected records come back."""

from __future__ import annotations

import functools
import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline.doccano_records import LABELS, LINKS, from_doccano, half, key_of, same, to_doccano
from pipeline.errors import PipelineError

__all__ = ["Doccano", "credentials"]

_GUIDELINES = Path(__file__).resolve().parent.parent / "annotations" / "GUIDELINES.md"
_IN_DOCCANO = """# In doccano

The labels are VALUE, UNIT, METRIC, YEAR and REGION; draw relations from the VALUE. An attribute is one more label on
the VALUE's characters (`kind:rate`, `dir:up`, `status:target`, `bound:>=`). A VALUE without one is kind level, status
actual, bound =. The sentence before, the section and the report stand beside the text. Approve a sentence when it is
right.

"""
_AT_ONCE = 100  # sentences in one import
_PATIENCE = 600  # seconds that an import or export may take


def credentials() -> tuple[str, str, str]:
    """(URL, user, password) from BAOGAO_DOCCANO_URL, _USER and _PASSWORD; the password else from the keyring.

    Raises:
        PipelineError: no password is found.
    """
    url = os.environ.get("BAOGAO_DOCCANO_URL", "http://127.0.0.1:8000").rstrip("/")
    user = os.environ.get("BAOGAO_DOCCANO_USER", "admin")
    password = os.environ.get("BAOGAO_DOCCANO_PASSWORD") or _kept(url, user)
    if not password:
        mend = f"set BAOGAO_DOCCANO_PASSWORD, or run `keyring set {url} {user}`"
        raise PipelineError(f"no password for {user}", path=url, mend=mend)
    return url, user, password


def _kept(url: str, user: str) -> str | None:
    with _extra():
        import keyring
        from keyring.errors import KeyringError
    try:
        return keyring.get_password(url, user)
    except KeyringError:  # a machine without one: the caller says what to do
        return None


@contextmanager
def _extra() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        mend = "pip install 'baogao[doccano]'"
        raise PipelineError(f"doccano needs the package {error.name}", mend=mend) from error


class Doccano:
    """A server, signed in to.

    Args:
        url: where it listens.
        user: who signs in; pushing needs an administrator of the project.
        password: never shown.

    Raises:
        PipelineError: it cannot be reached, refuses the password, or its task worker sleeps. So do all methods.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        with _extra():
            from doccano_client import DoccanoClient
        self.url, self.user = url, user
        self._client = DoccanoClient(url)
        # the client offers neither: retries with waiting between them, and an end to waiting
        self._session = self._client._base_repository._session
        self._session.mount("http://", _patient())
        self._session.mount("https://", _patient())
        tasks = self._client._task_status_repository
        tasks.wait = functools.partial(tasks.wait, timeout=_PATIENCE)
        with self._told({400: f"user {user} or the password is wrong", 401: f"user {user} is refused"}):
            self._client.login(user, password)

    @contextmanager
    def _told(self, refusals: dict[int, str] | None = None) -> Iterator[None]:
        """What the client and requests raise, as one line."""
        import requests

        try:
            yield
        except requests.JSONDecodeError as error:
            raise PipelineError("no doccano answers here", path=self.url, mend="check BAOGAO_DOCCANO_URL") from error
        except requests.HTTPError as error:
            code = error.response.status_code
            known = {403: f"user {self.user} may not do this", 404: "no doccano answers here, or no such page"}
            said = " ".join(str(error).split())[:200]
            what = (known | (refusals or {})).get(code) or f"doccano answered {code}: {said}"
            mend = "check BAOGAO_DOCCANO_URL, _USER and _PASSWORD, and the user's role in the project"
            raise PipelineError(what, path=self.url, mend=mend) from error
        except (requests.RequestException, zipfile.BadZipFile) as error:
            mend = "start it with `baogao doccano up` or check BAOGAO_DOCCANO_URL; then repeat, nothing is done twice"
            raise PipelineError("doccano cannot be reached or stopped", path=self.url, mend=mend) from error
        except TimeoutError as error:
            mend = "is `doccano task` running beside the web server? then repeat, nothing is done twice"
            raise PipelineError(f"no end after {_PATIENCE} s", path=self.url, mend=mend) from error

    def check(self) -> None:
        """See that the server and its task worker, which does imports and exports, are well."""
        with self._told():
            response = self._session.get(f"{self.url}/v1/health/")
            states = response.json() if response.status_code in (200, 500) else {}
        ill = [name for name, state in states.items() if state not in ("OK", "working")]
        if response.status_code != 200:
            mend = "start `doccano task` beside the web server"
            raise PipelineError(f"not well: {', '.join(ill) or response.status_code}", path=self.url, mend=mend)

    def find(self, name: str):
        """The project of this name, able to hold our annotations.

        Raises:
            PipelineError: it is missing, or forbids overlaps or links (doccano would drop labels unsaid).
        """
        with self._told():
            found = {project.name: project for project in self._client.list_projects()}
        if name not in found:
            there = ", ".join(sorted(found)) or "none"
            raise PipelineError(f"no project {name!r}", path=self.url, mend=f"there are: {there}")
        project = found[name]
        if not (project.project_type == "SequenceLabeling" and project.allow_overlapping and project.use_relation):
            mend = "push to a new name"
            raise PipelineError(f"project {name!r} lacks overlapping spans or relations", path=self.url, mend=mend)
        return project

    def prepare(self, name: str, *, independent: bool = False):
        """The project of this name, made if it is not there, with labels, relations and guidelines.

        Args:
            name: at most 100 characters.
            independent: every member annotates alone and unseen, to be compared; else all share one annotation.
        """
        with self._told():
            if name not in {project.name for project in self._client.list_projects()}:
                guideline = _IN_DOCCANO + (_GUIDELINES.read_text(encoding="utf-8") if _GUIDELINES.is_file() else "")
                self._client.create_project(
                    name, "SequenceLabeling", "Facts of government work reports", guideline=guideline,
                    allow_overlapping=True, use_relation=True, collaborative_annotation=not independent,
                )  # fmt: skip
        project = self.find(name)
        if independent and project.collaborative_annotation:
            what = f"the members of {name!r} share one annotation"
            raise PipelineError(what, path=self.url, mend="push to a new name")
        kinds = {"span": LABELS, "relation": {link: (colour, link[0]) for link, colour in LINKS.items()}}
        with self._told():
            for kind, wanted in kinds.items():
                there = {label.text for label in self._client.list_label_types(project.id, kind)}
                for text in (t for t in wanted if t not in there):
                    colour, key = wanted[text]
                    self._client.create_label_type(project.id, kind, text, suffix_key=key, color=colour)
        return project

    def push(self, project, records: Iterable[dict], *, progress: Callable[[int], None] = lambda done: None) -> int:
        """Add the records that the project does not hold yet; what a broken push left is mended.

        Args:
            project: of `prepare`.
            records: with their annotations, ids unique.
            progress: told after each part how many more are there.

        Returns:
            How many were added.
        """
        rows = {str(record["id"]): to_doccano(record) for record in records}
        self.check()
        wanting = self._wanting(project, rows)
        progress(len(rows) - len(wanting))
        for start in range(0, len(wanting), _AT_ONCE):
            part = wanting[start : start + _AT_ONCE]
            self._upload(project, part)
            progress(len(part))
        left = self._wanting(project, rows) if wanting else []
        if left:
            mend = "push again; nothing is done twice"
            raise PipelineError(f"{len(left)} of {len(rows)} sentences did not arrive whole", path=self.url, mend=mend)
        return len(wanting)

    def _upload(self, project, rows: Sequence[dict]) -> None:
        with tempfile.TemporaryDirectory() as folder, self._told():
            path = Path(folder) / "push.jsonl"
            # escaped: doccano guesses the encoding of what it is sent
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="ascii")
            status = self._client.upload(
                project.id, [str(path)], "RelationExtraction", "JSONL", column_data="text", column_label="entities"
            )
        faults = status.error or (status.result or {}).get("error")
        if faults:
            raise PipelineError(f"doccano refused the sentences: {str(faults)[:200]}", path=self.url, mend="push again")

    def _wanting(self, project, rows: dict[str, dict]) -> list[dict]:
        """The rows that the project lacks, after removing what a broken import left: halves and twins.

        doccano stores an import's sentences first, then its spans, then its links, and can stop in between; and an
        import that waited while the worker was down is done late. Nothing that an annotator changed is removed.
        """
        exported = self.export(project, approved=False)
        own = exported.get("all" if project.collaborative_annotation else self.user, [])
        others = {r["id"] for held in exported.values() if held is not own for r in held if r["entities"]}
        known = sorted((r for r in own if str(key_of(r)) in rows), key=lambda r: same(r, rows[str(key_of(r))]))
        kept, spoilt = set(), []
        for row in known:
            pushed = rows[str(key_of(row))]
            if row["id"] not in others and (half(row, pushed) or (str(key_of(row)) in kept and same(row, pushed))):
                spoilt.append(row)
            else:
                kept.add(str(key_of(row)))
        with self._told():
            for row in spoilt:
                if self._client.find_example_by_id(project.id, row["id"]).is_confirmed:
                    kept.add(str(key_of(row)))
                else:
                    self._client.delete_example(project.id, row["id"])
        return [row for key, row in rows.items() if key not in kept]

    def export(self, project, *, approved: bool) -> dict[str, list[dict]]:
        """doccano's rows by annotator; by `all` where they share one annotation."""
        with self._told(), tempfile.TemporaryDirectory() as folder:
            path = self._client.download(project.id, "JSONL", only_approved=approved, dir_name=folder)
            with zipfile.ZipFile(path) as archive:
                texts = {Path(name).stem: archive.read(name).decode() for name in sorted(archive.namelist())}
        return {name: [json.loads(line) for line in text.split("\n") if line.strip()] for name, text in texts.items()}

    def pull(self, name: str, *, approved: bool) -> dict[str, list[tuple[dict, list[str]]]]:
        """(record, its faults) by annotator: the members of an independent project, else the project itself.

        Args:
            name: of the project.
            approved: only sentences marked as right; of an independent project never others.
        """
        project = self.find(name)
        self.check()
        shared = project.collaborative_annotation
        exported = self.export(project, approved=approved or not shared)
        return {name if shared else who: [from_doccano(row) for row in rows] for who, rows in exported.items()}


def _patient():
    """A transport that waits 60 seconds for an answer and tries four times again, later and later."""
    from requests.adapters import HTTPAdapter
    from urllib3.util.retry import Retry

    class Patient(HTTPAdapter):
        def send(self, request, **kwargs):
            return super().send(request, **kwargs | {"timeout": kwargs.get("timeout") or 60})

    return Patient(max_retries=Retry(total=4, backoff_factor=0.3, status_forcelist=(502, 503, 504)))
