"""The spaCy side: one token a character, sentence boundaries, and what components leave on a Doc."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np
from spacy.attrs import SENT_START
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import registry
from spacy.vocab import Vocab

from pipeline.schema import Report, Section, Sentence

__all__ = ["CharacterTokenizer", "has_numeral", "sentences_of", "split_sentences"]

# A sentence ends behind its closing mark and any closing quotes or brackets, or at a line end.
_SENTENCE = re.compile(r"[^\n。！？!?]*(?:[。！？!?]+[”’」』）)]*|\n|$)")
_TOO_LONG = 400
_ARABIC = r"[0-9０-９]"
# Chinese numerals count only where they can measure something: 统一 and 进一步 hold none.
_CHINESE = (
    r"[〇零二三四五六七八九十百千万亿两几数半双壹贰叁肆伍陆柒捌玖拾佰仟]|[第近超约过达首]一|首[位个]|居首|一[成半倍番分]"
    r"|一(?=[千百万亿十])|百分之|(?<![统同第进专之唯单万划])一(?=[个家项条座户名位件所人次台辆艘亩栋处批场期类])"
)
_NUMERAL = re.compile(f"{_ARABIC}|{_CHINESE}|翻番|首$")

Doc.set_extension("sentences", default=None, force=True)
Doc.set_extension("relations", default=(), force=True)
Doc.set_extension("attributes", default=None, force=True)
Doc.set_extension("certainty", default=None, force=True)


def has_numeral(text: str) -> bool:
    """Whether `text` holds anything that could be a VALUE."""
    return _NUMERAL.search(text) is not None


def split_sentences(text: str, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int]]:
    """(start, end) of each sentence of `text[start:end]`, without blanks around it.

    A sentence of more than 400 characters is cut at its semicolons, so that a page without full
    stops costs no more than another.
    """
    end = len(text) if end is None else end
    for match in _SENTENCE.finditer(text, start, end):
        yield from _trimmed(text, match.start(), match.end())


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    if end - start > _TOO_LONG:
        cut = start
        for match in re.finditer(r"[；;]", text[start:end]):
            yield from _bare(text, cut, start + match.end())
            cut = start + match.end()
        yield from _bare(text, cut, end)
    else:
        yield from _bare(text, start, end)


def _bare(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    piece = text[start:end]
    start, end = start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())
    if start < end:
        yield start, end


def sentences_of(report: Report) -> list[Sentence]:
    """The sentences of a report, each with its section, predecessor and position."""
    found: list[Sentence] = []
    previous, sections, open_ = "", iter(report.sections), []
    upcoming = next(sections, None)
    for start, end in split_sentences(report.text):
        while upcoming is not None and upcoming.start < end:
            open_ = [s for s in open_ if s.level < upcoming.level] + [upcoming]
            upcoming = next(sections, None)
        headings = [s.title for s in open_ if s.start < start]
        found.append(Sentence(start, end, " / ".join(headings), previous, round(start / len(report.text), 3)))
        previous = report.text[start:end]
    return found


def section_tree(headings: list[tuple[str, int, int]], length: int) -> tuple[Section, ...]:
    """Sections from (title, start, level) in text order; each ends where one of its level or above begins."""
    sections = []
    for i, (title, start, level) in enumerate(headings):
        end = next((s for _, s, other in headings[i + 1 :] if other <= level), length)
        sections.append(Section(title, start, end, level))
    return tuple(sections)


class CharacterTokenizer:
    """Makes each character a token, so that token numbers are character offsets."""

    def __init__(self, vocab: Vocab) -> None:
        self.vocab = vocab

    def __call__(self, text: str) -> Doc:
        return Doc(self.vocab, words=list(text), spaces=[False] * len(text))

    def to_bytes(self, **kwargs) -> bytes:
        return b""

    def from_bytes(self, data: bytes, **kwargs) -> CharacterTokenizer:
        return self

    def to_disk(self, path, **kwargs) -> None:
        pass

    def from_disk(self, path, **kwargs) -> CharacterTokenizer:
        return self


@registry.tokenizers("baogao.characters.v1")
def make_tokenizer() -> Callable[[Language], CharacterTokenizer]:
    return lambda nlp: CharacterTokenizer(nlp.vocab)


@Language.component("baogao_sentences", assigns=["token.is_sent_start", "doc._.sentences"])
def mark_sentences(doc: Doc) -> Doc:
    """Set `doc._.sentences` (unless the caller has) and spaCy's sentence starts."""
    if doc._.sentences is None:
        doc._.sentences = [Sentence(start, end) for start, end in split_sentences(doc.text)]
    if len(doc):
        flags = np.full((len(doc), 1), -1, dtype=np.int64)
        flags[[0, *(s.start for s in doc._.sentences)]] = 1
        # one array for the whole Doc: setting tokens one by one costs more than the model
        doc.from_array([SENT_START], flags.astype(np.uint64))
    return doc
