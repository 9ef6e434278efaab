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
from pipeline.words import words

__all__ = ["CharacterTokenizer", "has_numeral", "sentences_of", "split_sentences"]

# A sentence ends behind its closing mark and any closing quotes or brackets, or at a line end.
_SENTENCE = re.compile(r"[^\n。！？!?]*(?:[。！？!?]+[”’」』）)]*|\n|$)")
_TOO_LONG = 400
_DIGITS = "〇零一二三四五六七八九十百千万亿两几数壹贰叁肆伍陆柒捌玖拾佰仟"
_COUNTED = "家项条座户名件所人台辆艘亩栋处场位种张套支部只头株棵枚村乡镇县市州倍成元吨斤米公平立千"
# Chinese numerals are everywhere (统一, 十分, 一是, 十九大): these hold none that measures,
_NAMES = re.compile(
    r"“[^”]{1,6}”|(?:^|[，；：。])[一二三四五六七八九十]+[是、]|（[一二三四五六七八九十]+）|十[五六七八九][大届]|二十大|[八五]项规定"
    r"|(?<![居列占])第[一二三四五六七八九十]+(?:届|批|产业|书记|时间|次|轮|期|条|章|要务|生产力|粮|资源|动力|医院|中学|小学|线)"
    r"|十分(?!之)|千方百计|[统唯同单专划进]一|百[姓花]|千家万户|万[众物]|零部|一[个系条]龙|一二三"
)
# and only these forms can: with a magnitude, a measure word, an order or a part.
_CHINESE = re.compile(
    rf"[{_DIGITS}]{{2,}}[余多]?[{_COUNTED}个次天年月日分点]|[{_DIGITS}][余多]?(?<![统同第进专之唯单万划]一)[{_COUNTED}]|[百千万亿][余多]"
    rf"|[数几上成近超约破过达][十百千万亿]|[{_DIGITS}]{{3,}}|[百千万]亿|分之|十几|一半|过半|半数|翻番|翻[一两]番"
    r"|第[一二三四五六七八九十]|首位|居首|首$|前[三五十]|[二三四五六七八九十百千两几]个(?!代表|一百|自信|意识|维护|文明|确立|方面|全面|更加)"
)
_ARABIC = re.compile(r"[0-9０-９]")
# figures that only date or name something: 2021年1月8日, 建党100周年, 地铁3号线, 5A级, “12345”热线, a list's 3、
_DATES = re.compile(
    r"(?:19|20)[0-9]{2}年(?:[0-9]{1,2}月)?(?:[0-9]{1,2}日)?|[0-9]{1,2}月[0-9]{1,2}日|[0-9]+(?:周年|号线)|[1-5]A级|^[0-9]{1,2}[、.．](?![0-9])"
    r"|“[^”]{0,7}[^”万亿%％]”"
)

# the text as given: joining a Doc's tokens anew costs as much as a layer of the encoder
Doc.set_extension("source", default=None, force=True)
Doc.set_extension("sentences", default=None, force=True)
Doc.set_extension("words", getter=lambda doc: words(doc._.source), force=True)
Doc.set_extension("relations", default=(), force=True)
Doc.set_extension("attributes", default=None, force=True)
Doc.set_extension("certainty", default=None, force=True)


def has_numeral(text: str) -> bool:
    """Whether `text` holds anything that could be a VALUE: a figure that is no date or name, or a Chinese numeral that measures."""
    if _ARABIC.search(text) and _ARABIC.search(_DATES.sub("", text)):
        return True
    return bool(_CHINESE.search(_NAMES.sub("", text)))


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
    sections, following = [], {}  # level -> where the next heading of that level stands
    for title, start, level in reversed(headings):
        end = min((at for other, at in following.items() if other <= level), default=length)
        sections.append(Section(title, start, end, level))
        following[level] = start
    return tuple(reversed(sections))


class CharacterTokenizer:
    """Makes each character a token, so that token numbers are character offsets."""

    def __init__(self, vocab: Vocab) -> None:
        self.vocab = vocab

    def __call__(self, text: str) -> Doc:
        doc = Doc(self.vocab, words=list(text), spaces=[False] * len(text))
        doc._.source = text
        return doc

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


@Language.component("baogao_sentences", assigns=["token.is_sent_start", "doc._.source", "doc._.sentences"])
def mark_sentences(doc: Doc) -> Doc:
    """Set `doc._.source` and `doc._.sentences` (unless the caller has) and spaCy's sentence starts."""
    if doc._.source is None:
        doc._.source = doc.text
    if doc._.sentences is None:
        doc._.sentences = [Sentence(start, end) for start, end in split_sentences(doc._.source)]
    if len(doc):
        flags = np.full((len(doc), 1), -1, dtype=np.int64)
        flags[[0, *(s.start for s in doc._.sentences)]] = 1
        # one array for the whole Doc: setting tokens one by one costs more than the model
        doc.from_array([SENT_START], flags.astype(np.uint64))
    return doc
