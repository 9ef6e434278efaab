"""Bytes of a file -> its text: txt, md, html, docx, pdf, plain or packed with gzip, bzip2 or xz."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import BinaryIO

from pipeline.errors import ReportError, printable

__all__ = [
    *("DAMAGED", "LARGEST", "PACKED", "SUFFIXES", "checked", "decode", "form"),
    *("opened", "read_bytes", "read_text", "stem", "whole"),
]

SUFFIXES = (".txt", ".md", ".html", ".htm", ".docx", ".pdf")
PACKED = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
# what unpacking raises on damaged or foreign data; zipfile's RuntimeError is a password or an unknown method
DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError, ValueError)

LARGEST = 64 * 1024 * 1024  # bytes of a report, unpacked
_LARGEST_PLAIN = 16 * 1024 * 1024  # bytes of text or a web page
_LARGEST_XML = 32 * 1024 * 1024  # bytes of one part of a docx, whose tree takes some twenty times as much
_LONGEST = 500_000  # characters; a report has some 20,000
_PAGES = 5_000

# what most of a report is made of: ASCII, the marks, and the 3,755 commonest characters (the first level of GB 2312)
_COMMON = frozenset(
    [bytes((row, cell)).decode("gb2312", "ignore") for row in range(0xA1, 0xD8) for cell in range(0xA1, 0xFF)]
    + [chr(code) for code in (9, 10, 13, *range(32, 127))]
)
# Tags that tell text from the rest; of others (<b>, <font>, <img>) trafilatura takes time in the square of their number
_TAGS = (
    "html head body title meta link base script style noscript template iframe object svg math canvas video audio form "
    "button select option textarea div p a br hr ul ol li dl dt dd table caption thead tbody tfoot tr td th h[1-6] "
    "article section main header footer nav aside figure figcaption blockquote pre code del s strike"
)
_OTHER_TAG = re.compile(rf"</?(?!(?:{'|'.join(_TAGS.split())})(?![\w-]))[a-z][^<>]*+>", re.IGNORECASE)
_LONG_TAG = re.compile(r"(<\w++)[^<>]{2000,}+>")  # pictures in the page itself; libxml2 compares attributes pairwise


def form(path: Path | str) -> str:
    """The ending that says what a file is, in lower case, without that of its packing: .txt of A.TXT.gz."""
    return _unpacked(path).suffix.lower()


def stem(path: Path | str) -> str:
    """A file's name without its endings, printable."""
    return printable(_unpacked(path).stem)


def _unpacked(path: Path | str) -> PurePath:
    path = PurePath(path)
    return path.with_suffix("") if path.suffix.lower() in PACKED else path


@contextmanager
def opened(path: Path | str) -> Iterator[BinaryIO]:
    """A file to read, unpacked on the way if its ending says so.

    Raises:
        ReportError: no regular file, unreadable, or damaged at the place that the caller has read to.
    """
    try:
        # a pipe or device would be waited for without end
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise ReportError("not a regular file", path=path, mend="name a file")
        with PACKED.get(Path(path).suffix.lower(), open)(path, "rb") as handle:
            yield handle
    except DAMAGED as error:
        told = getattr(error, "strerror", None)
        what = f"cannot be read: {told or error}" if isinstance(error, OSError) else f"damaged: {error}"
        raise ReportError(what, path=path, mend="check the file, or fetch it anew") from error


def read_text(path: Path) -> tuple[str, str]:
    """(text, id) of a file; the id is the first 16 hex digits of the SHA-256 of its unpacked bytes.

    Raises:
        ReportError: missing, too large, of another form, damaged, or without text.
    """
    if form(path) not in SUFFIXES:
        raise ReportError(f"{form(path) or 'no ending'} is not read", path=path, mend=f"use {' '.join(SUFFIXES)}")
    with opened(path) as handle:
        data = handle.read(LARGEST + 1)
    return read_bytes(data, path), hashlib.sha256(data).hexdigest()[:16]


def read_bytes(data: bytes, path: Path | str) -> str:
    """The text of a file's unpacked bytes; `path` tells the form and names the file in errors.

    Raises:
        ReportError: too large, damaged, or without text.
    """
    if not data.strip():
        raise ReportError("the file is empty", path=path, mend="leave it out")
    suffix = form(path)
    binary = suffix in (".docx", ".pdf")
    if len(data) > (LARGEST if binary else _LARGEST_PLAIN):
        size = (LARGEST if binary else _LARGEST_PLAIN) >> 20
        raise ReportError(f"larger than {size} MiB", path=path, mend="a report is far smaller: split the file")
    if binary:
        text = (_docx if suffix == ".docx" else _pdf)(data, path)
    else:
        text = decode(data, path)
        if suffix in (".html", ".htm"):
            text = _html(text, path)
    return checked(text, path)


def checked(text: str, path: Path | str) -> str:
    """`text`, if it can be a report's.

    Raises:
        ReportError: no text or no Chinese in it, or more than any report has.
    """
    if not text.strip():
        raise ReportError("no text in it", path=path, mend="leave it out")
    if len(text) > _LONGEST:
        raise ReportError(f"{len(text):,} characters", path=path, mend=f"a report has at most {_LONGEST:,}: split it")
    if not re.search("[\u3400-\u9fff]", text):
        raise ReportError("no Chinese in it", path=path, mend="leave it out, or save it as UTF-8")
    return text


def whole(text: str) -> str:
    """`text` with U+FFFD for what is half of a character, which no file can hold."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def decode(data: bytes, path: Path | str) -> str:
    """Text of UTF-8, UTF-16, GB18030 or Big5 bytes; single faults become U+FFFD.

    Raises:
        ReportError: none of these encodings gives Chinese.
    """
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    try:
        if b"\x00" not in data:
            return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    encodings = ("utf-8", "gb18030", "utf-16-le", "utf-16-be", "big5hkscs")
    best = max((data.decode(encoding, errors="replace") for encoding in encodings), key=_plausibility)
    if _plausibility(best) < 0.55:
        raise ReportError("a binary file or an unknown encoding", path=path, mend="save it as UTF-8, docx or pdf")
    return best


def _plausibility(text: str) -> float:
    """The share of common characters less that of faults and control characters, in a sample.

    Chinese in its own encoding stands above 0.9 (traditional: 0.65), in another, as random bytes, below 0.5.
    """
    # a page may begin with a screenful of ASCII, which reads alike in all encodings
    found = re.search(r"[^\x00-\x7f]", text)
    sample = text[:4000] + text[found.start() :][:20_000] if found else text[:4000]
    common = sum(c in _COMMON for c in sample)
    faults = sum(c == "\ufffd" or not (c.isprintable() or c.isspace()) for c in sample)
    return (common - faults) / max(1, len(sample))


def _html(text: str, path: Path | str) -> str:
    import trafilatura

    text = _LONG_TAG.sub(r"\1>", _OTHER_TAG.sub("", text))
    if len(text) > 4 * _LONGEST:
        raise ReportError(f"a page of {len(text):,} characters", path=path, mend="save its text as .txt")
    found = trafilatura.extract(text, include_comments=False, include_tables=True, favor_recall=True)
    if not found:
        raise ReportError("no text found in the page", path=path, mend="save the page's text as .txt")
    return found


def _docx(data: bytes, path: Path | str) -> str:
    import docx
    from docx.opc.exceptions import OpcError
    from docx.oxml.ns import qn

    mend = "open it in a word processor and save it as docx anew"
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        locked = "EncryptedPackage".encode("utf-16-le") in data
        mend = "save it without the password" if locked else mend
        raise ReportError("an encrypted docx" if locked else "an old .doc, not a docx", path=path, mend=mend)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _bounded(archive, path)
        # python-docx resolves no entities and loads no DTD
        root = docx.Document(io.BytesIO(data)).element
        paragraphs = root.body.iter(qn("w:p"))
    except (*DAMAGED, OpcError, KeyError, SyntaxError, AttributeError, TypeError) as error:
        raise ReportError("no readable docx", path=path, mend=mend) from error
    if root.getroottree().docinfo.doctype:
        raise ReportError("a docx with a document type declaration", path=path, mend=mend)
    box = qn("w:txbxContent")
    return "\n".join(p.text for p in paragraphs if next(p.iterancestors(box), None) is None)


def _bounded(archive: zipfile.ZipFile, path: Path | str) -> None:
    """Refuse a docx that unpacks to more than a report can hold: zipfile reads no member beyond its stated size."""
    sizes = [(member.filename, member.file_size) for member in archive.infolist()]
    if sum(size for _, size in sizes) > 4 * LARGEST or any(
        size > _LARGEST_XML for name, size in sizes if name.lower().endswith((".xml", ".rels"))
    ):
        raise ReportError("unpacks to far more than a report", path=path, mend="split the document")


def _pdf(data: bytes, path: Path | str) -> str:
    import pypdfium2

    pages: list[str] = []
    try:
        document = pypdfium2.PdfDocument(data)
        try:
            if len(document) > _PAGES:
                raise ReportError(f"{len(document):,} pages", path=path, mend="split the document")
            for page in document:
                pages.append(page.get_textpage().get_text_bounded())
        finally:
            document.close()
    except pypdfium2.PdfiumError as error:
        locked = "password" in str(error).lower()
        what = "an encrypted pdf" if locked else f"a broken page {len(pages) + 1}" if pages else "a broken pdf"
        mend = "remove the password" if locked else "open it in a viewer and print it to pdf anew"
        raise ReportError(what, path=path, mend=mend) from error
    text = "\n".join(pages)
    if not text.strip():
        raise ReportError("no text layer: the pages are images", path=path, mend="run OCR on it first")
    return text
