"""Bytes of a file -> its text: txt, md, html, docx, pdf."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import charset_normalizer

from pipeline.errors import ReportError

__all__ = ["SUFFIXES", "decode", "read_bytes", "read_text"]

SUFFIXES = (".txt", ".md", ".html", ".htm", ".docx", ".pdf")
_LARGEST = 64 * 1024 * 1024
_UNPACKED = 256 * 1024 * 1024


def read_text(path: Path) -> tuple[str, str]:
    """(text, id) of a file; the id is the first 16 hex digits of its SHA-256.

    Raises:
        ReportError: missing, too large, of another form, damaged, or without text.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ReportError(f"{path.suffix or 'no ending'} is not read", path=path, mend=f"use {' '.join(SUFFIXES)}")
    try:
        if path.stat().st_size > _LARGEST:
            raise ReportError("larger than 64 MiB", path=path, mend="a report is far smaller: split the file")
        data = path.read_bytes()
    except OSError as error:
        raise ReportError(f"cannot be read: {error.strerror}", path=path) from error
    return read_bytes(data, path), hashlib.sha256(data).hexdigest()[:16]


def read_bytes(data: bytes, path: Path) -> str:
    """The text of a file's bytes; `path` tells the form and names the file in errors."""
    if not data.strip():
        raise ReportError("the file is empty", path=path, mend="leave it out")
    suffix = path.suffix.lower()
    if suffix == ".docx":
        text = _docx(data, path)
    elif suffix == ".pdf":
        text = _pdf(data, path)
    else:
        text = decode(data, path)
        if suffix in (".html", ".htm"):
            text = _html(text, path)
    if not text.strip():
        raise ReportError("no text in it", path=path, mend="a scanned page needs OCR first")
    return text


def decode(data: bytes, path: Path) -> str:
    """Text of UTF-8, UTF-16 or GB18030 bytes, or of what charset-normalizer makes of them."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    if b"\x00" in data[:4000]:
        # ASCII in UTF-16 leaves its zeros on one side of the pairs
        little = data[1:4000:2].count(0) > data[:4000:2].count(0)
        text = data.decode("utf-16-le" if little else "utf-16-be", errors="replace")
        if sum(c in "，。、\n" or "\u4e00" <= c <= "\u9fff" for c in text[:2000]) > len(text[:2000]) / 3:
            return text
        raise ReportError("a binary file, not text", path=path, mend="convert it to txt, docx or pdf")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start > len(data) - 4 or error.start > 2000:
            return data.decode("utf-8", errors="replace")
    try:
        return _plausible(data.decode("gb18030"), path)
    except UnicodeDecodeError:
        best = charset_normalizer.from_bytes(data).best()
        if best is None:
            raise ReportError("neither text nor a known encoding", path=path, mend="save it as UTF-8") from None
        return _plausible(str(best), path)


def _plausible(text: str, path: Path) -> str:
    sample = text[:4000]
    odd = sum(not (c.isprintable() or c.isspace()) for c in sample)
    if odd > len(sample) / 50:
        raise ReportError("a binary file, not text", path=path, mend="convert it to txt, docx or pdf")
    return text


def _html(text: str, path: Path) -> str:
    import trafilatura

    found = trafilatura.extract(text, include_comments=False, include_tables=True, favor_recall=True)
    if not found:
        raise ReportError("no text found in the page", path=path, mend="save the page's text as .txt")
    return found


def _docx(data: bytes, path: Path) -> str:
    import docx
    from docx.opc.exceptions import OpcError

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(member.file_size for member in archive.infolist()) > _UNPACKED:
                raise ReportError("unpacks to more than 256 MiB", path=path, mend="not a report")
        document = docx.Document(io.BytesIO(data))
        return "\n".join(block.text for block in _blocks(document))
    except (zipfile.BadZipFile, OpcError, KeyError, ValueError, SyntaxError) as error:
        raise ReportError("no readable docx", path=path, mend="open it in a word processor and save it anew") from error


def _blocks(document):
    """Paragraphs in text order, those of tables included."""
    for block in document.iter_inner_content():
        if hasattr(block, "rows"):
            for row in block.rows:
                for cell in row.cells:
                    yield from cell.paragraphs
        else:
            yield block


def _pdf(data: bytes, path: Path) -> str:
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        known = "password" in str(error).lower()
        what = "an encrypted pdf" if known else "a broken pdf"
        mend = "remove the password" if known else "open it in a viewer and print it to pdf anew"
        raise ReportError(what, path=path, mend=mend) from error
    try:
        pages = [page.get_textpage().get_text_bounded() for page in document]
    finally:
        document.close()
    text = "\n".join(pages)
    if not text.strip():
        raise ReportError("no text layer: the pages are images", path=path, mend="run OCR on it first")
    return text
