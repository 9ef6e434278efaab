"""Files that are damaged, hostile or of another kind: each is read sensibly or refused in one clear line."""

import bz2
import gzip
import io
import lzma
import os
import pickle
import random
import socket
import tracemalloc
import zipfile

import docx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import readers
from pipeline.containers import read, sources
from pipeline.errors import PipelineError, ReportError
from pipeline.readers import SUFFIXES, read_bytes
from pipeline.reports import read_report

LINE = "全县地区生产总值增长8.2%，新建公路12公里，城镇登记失业率控制在3.8%以内。"
BODY = "各位代表：\n" + (LINE + "\n") * 20


def pdf(*objects: bytes, trailer: bytes = b"") -> bytes:
    """A pdf of numbered objects; the first is the catalogue."""
    out, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    tail = b"trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, trailer, len(out))
    return out + head + table + tail


def stream(content: bytes) -> bytes:
    return b"<</Length %d>>stream\n%s\nendstream" % (len(content), content)


CATALOGUE = b"<</Type/Catalog/Pages 2 0 R>>"
PAGES = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 200]/Resources<</Font<</F 5 0 R>>>>/Contents 4 0 R>>"
WORDS = stream(b"BT /F 12 Tf 20 100 Td <" + LINE.encode("utf-16-be").hex().encode() + b"> Tj ET")
INNER = b"<</Type/Font/Subtype/CIDFontType0/BaseFont/X/CIDSystemInfo<</Registry(Adobe)/Ordering(GB1)/Supplement 2>>>>"
FONT = b"<</Type/Font/Subtype/Type0/BaseFont/X/Encoding/UniGB-UCS2-H/DescendantFonts[" + INNER + b"]>>"
DRAWING = stream(b"0 0 m 10 10 l S")
LOCK = b"<</Filter/Standard/V 1/R 2/O<" + b"11" * 32 + b">/U<" + b"22" * 32 + b">/P -4>>"
PDF = pdf(CATALOGUE, PAGES, PAGE, WORDS, FONT)


def word(*, without: str = "", **changed: bytes) -> bytes:
    """A docx of BODY, less one of its parts or with others in the place of document, types or rels."""
    made, out = io.BytesIO(), io.BytesIO()
    document = docx.Document()
    for line in BODY.splitlines():
        document.add_paragraph(line)
    document.save(made)
    names = {"word/document.xml": "document", "[Content_Types].xml": "types", "_rels/.rels": "rels"}
    with zipfile.ZipFile(made) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name != without:
                new.writestr(name, changed.get(names.get(name, ""), old.read(name)))
    return out.getvalue()


def document(body: str, head: str = "") -> bytes:
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    return f'<?xml version="1.0"?>{head}<w:document xmlns:w="{space}"><w:body>{body}</w:body></w:document>'.encode()


def paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


LEAK = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>'
LAUGHS = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12))
LAUGHS = f'<!DOCTYPE x [<!ENTITY e0 "增长">{LAUGHS}]>'
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
SPAN = "<w:tcPr><w:gridSpan w:val='999999999'/></w:tcPr>"
WIDE = f"<w:tbl><w:tr><w:tc>{SPAN}{paragraph(LINE)}</w:tc></w:tr></w:tbl>"

REFUSED = {
    "empty.txt": (b"", "the file is empty"),
    "empty.docx": (b"", "the file is empty"),
    "blank.txt": (b" \n\t\r\n", "the file is empty"),
    "wide blanks.txt": ("\u3000\u3000\n".encode(), "no text in it"),
    "mark.txt": (b"\xef\xbb\xbf", "no text in it"),
    "mark16.txt": (b"\xff\xfe", "no text in it"),
    "zeros.txt": (bytes(5000), "binary"),
    "binary.txt": (bytes(range(256)) * 40, "binary"),
    "random.txt": (random.Random(1).randbytes(9000), "binary"),
    "photo.txt": (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + random.Random(2).randbytes(5000), "binary"),
    "picture.md": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + random.Random(3).randbytes(5000), "binary"),
    "latin.txt": (("déjà été à la forêt " * 50).encode("latin-1"), "binary file or an unknown"),
    "utf7.txt": (BODY.encode("utf-7"), "no Chinese"),
    "english.txt": (b"The economy grew by 8.2%.", "no Chinese"),
    "long.txt": (lambda: b"7" * (readers._LARGEST_PLAIN + 1), "larger than 16 MiB"),
    "one line.txt": (lambda: b"7" * 100_000_000, "larger than 16 MiB"),
    "many.txt": (lambda: "增".encode() * (readers._LONGEST + 1), "characters .a report has at most"),
    "old.doc": (OLE, r"\.doc is not read"),
    "renamed.docx": (OLE, "an old .doc"),
    "locked.docx": (OLE + "EncryptedPackage".encode("utf-16-le"), "an encrypted docx"),
    "nozip.docx": (b"this is no zip", "no readable docx"),
    "truncated.docx": (lambda: word()[:-400], "no readable docx"),
    "bodiless.docx": (lambda: word(without="word/document.xml"), "no readable docx"),
    "untyped.docx": (lambda: word(without="[Content_Types].xml"), "no readable docx"),
    "unrelated.docx": (lambda: word(without="_rels/.rels"), "no readable docx"),
    "mistyped.docx": (lambda: word(types=b"<Types xmlns='x'/>"), "no readable docx"),
    "broken types.docx": (lambda: word(types=b"<Types"), "no readable docx"),
    "broken.docx": (lambda: word(document=b"<w:document"), "no readable docx"),
    "other root.docx": (lambda: word(document=b"<a/>"), "no readable docx"),
    "deep.docx": (lambda: word(document=document("<w:p>" * 100_000 + "</w:p>" * 100_000)), "no readable docx"),
    "leak.docx": (lambda: word(document=document(paragraph(LINE + "&e;"), LEAK)), "document type"),
    "laughs.docx": (lambda: word(document=document(paragraph(LINE + "&e11;"), LAUGHS)), "document type|no readable"),
    "bomb.docx": (lambda: word(document=document(" " * (40 << 20))), "unpacks to far more"),
    "broken.pdf": (b"%PDF-1.4 broken", "a broken pdf"),
    "truncated.pdf": (PDF[: len(PDF) // 2], "a broken pdf"),
    "scan.pdf": (pdf(CATALOGUE, PAGES, PAGE, DRAWING, FONT), "no text layer"),
    "locked.pdf": (pdf(CATALOGUE, PAGES, PAGE, WORDS, FONT, LOCK, trailer=b"/Encrypt 6 0 R/ID[<00><00>]"), "encrypted"),
    "loop.pdf": (pdf(CATALOGUE, b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>"), "a broken pdf"),
    "lost page.pdf": (pdf(CATALOGUE, b"<</Type/Pages/Kids[9 0 R]/Count 1>>"), "a broken pdf"),
    "script.html": (f"<html><script>var s = '{LINE}'</script></html>".encode(), "no text found"),
    "nested.html": (lambda: ("<div>" * 200_000 + BODY).encode(), "no text found"),
    "long.html": (lambda: b"<p>" + "增".encode() * 2_000_000, "a page of 2,000,003 characters"),
    "angles.html": (lambda: b"<" * 1_000_000 + BODY.encode(), "no text found"),
    "entities.html": (b"&#x0;&#xD800;&nosuch;", "no Chinese|no text"),
    "table.xlsx": (b"PK\x03\x04", r"\.xlsx is not read"),
    "none": (b"text", "no ending is not read"),
    "truncated.txt.gz": (gzip.compress(BODY.encode())[:-9], "damaged"),
    "garbage.txt.gz": (gzip.compress(BODY.encode()) + b"garbage", "cannot be read"),
    "no gzip.txt.gz": (BODY.encode(), "cannot be read"),
    "truncated.txt.xz": (lzma.compress(BODY.encode())[:-9], "damaged"),
    "no xz.txt.xz": (BODY.encode(), "damaged"),
    "truncated.txt.bz2": (bz2.compress(BODY.encode())[:-9], "damaged"),
    "twice.txt.gz.gz": (gzip.compress(b"x"), "is not read"),
    "bomb.txt.gz": (lambda: gzip.compress(bytes(80 << 20)), "larger than 16 MiB"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(tmp_path, name):
    data, told = REFUSED[name]
    path = tmp_path / name
    path.write_bytes(data() if callable(data) else data)
    with pytest.raises(ReportError, match=told) as caught:
        read_report(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ") and "\n" not in line and line.encode() and caught.value.mend
    (source,) = sources([path])
    with pytest.raises(ReportError, match=told):
        read(pickle.loads(pickle.dumps(source)))


GB = BODY.encode("gb18030")
UTF = BODY.encode()
PARAGRAPHS = "".join(f"<p>{line}</p>" for line in BODY.splitlines())
READ = {
    "gb.txt": GB,
    "gb cut in a character.txt": GB[:-2],
    "utf-8 cut in a character.txt": UTF[:-3],
    "utf-16 without mark.txt": BODY.encode("utf-16-be"),
    "utf-16 without mark or zeros.txt": BODY.replace("%", "").replace("8.2", "").encode("utf-16-le"),
    "utf-16 cut in a character.txt": BODY.encode("utf-16")[:-1],
    "gb in utf-8.txt": UTF + "新增就业".encode("gb18030") + UTF,
    "gb after a screenful of ascii.txt": b"x" * 5000 + b"\n" + GB,
    "zeros.txt": UTF.replace(b"\n", b"\n\x00"),
    "surrogates.txt": UTF + b"\xed\xa0\x80" + UTF,
    "controls.txt": ("\x01\x1b\u202e\u200f" + BODY + "\u2028").encode(),
    "old mac.txt": BODY.replace("\n", "\r").encode(),
    "A.TXT.GZ": gzip.compress(UTF),
    "two members.txt.gz": gzip.compress(UTF) + gzip.compress(UTF),
    "a.md.bz2": bz2.compress(UTF),
    "a.htm.xz": lzma.compress(f"<html><body>{PARAGRAPHS}".encode()),
    "gb.html": f"<html><head><meta charset=gbk></head><body>{PARAGRAPHS}".encode("gb18030"),
    "attributes.html": f"<p {' '.join(f'a{i}=1' for i in range(100_000))}>{PARAGRAPHS}".encode(),
    "bold.html": f"<p>{PARAGRAPHS}<p>{'增<b>长</b>' * 30_000}".encode(),
    "unclosed.html": f"<html><body>{'<div>' * 100}{PARAGRAPHS}".encode(),
    "whole.docx": word(),
    "wide table.docx": word(document=document(WIDE)),
    "control.docx": word(document=document(f"<w:sdt><w:sdtContent>{paragraph(LINE)}</w:sdtContent></w:sdt>")),
    "whole.pdf": PDF,
    "many pages told.pdf": pdf(CATALOGUE, b"<</Type/Pages/Kids[3 0 R]/Count 900000000>>", PAGE, WORDS, FONT),
}


@pytest.mark.parametrize("name", READ)
def test_read(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(READ[name])
    text = read_report(path).text
    assert LINE[:8] in text and "失业率控制在" in text
    assert not set("\x00\x01\x1b\r\u2028\u202e\ud800") & set(text)
    (source,) = sources([path])
    assert read(source)[1] == read_report(path).id


def test_a_cell_over_several_columns_is_read_once():
    assert read_bytes(word(document=document(WIDE)), "a.docx") == LINE


def test_a_damaged_page_is_named(tmp_path):
    two = b"<</Type/Pages/Kids[3 0 R 9 0 R]/Count 2>>"
    with pytest.raises(ReportError, match="a broken page 2"):
        read_bytes(pdf(CATALOGUE, two, PAGE, WORDS, FONT), "a.pdf")


@pytest.mark.parametrize("kind", ["folder", "pipe", "socket", "device", "circle", "loose end"])
def test_what_is_no_file(tmp_path, kind, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make = {
        "folder": lambda: os.mkdir("x.txt"),
        "pipe": lambda: os.mkfifo("x.txt"),
        "socket": lambda: socket.socket(socket.AF_UNIX).bind("x.txt"),
        "device": lambda: os.symlink("/dev/zero", "x.txt"),
        "circle": lambda: os.symlink("x.txt", "x.txt"),
        "loose end": lambda: os.symlink("nowhere", "x.txt"),
    }
    make[kind]()
    told = "cannot be read: " if kind in ("circle", "loose end") else "not a regular file"
    with pytest.raises(ReportError, match=f"^x.txt: {told}"):
        read_report("x.txt")
    if kind == "folder":
        with pytest.raises(ReportError, match="no report in this folder"):
            sources([tmp_path])
    else:
        for pattern in (tmp_path, tmp_path / "x.txt"):
            (source,) = sources([pattern])
            with pytest.raises(ReportError, match=told):
                read(source)


def test_a_file_without_permission(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text(BODY, encoding="utf-8")

    def refuse(*args):
        raise PermissionError(13, "Permission denied")

    # the tests may run as root, whom no permission stops
    monkeypatch.setattr(readers, "open", refuse, raising=False)
    with pytest.raises(ReportError, match="a.txt: cannot be read: Permission denied"):
        read_report(tmp_path / "a.txt")


def test_names_that_are_no_unicode(tmp_path):
    raw = os.fsencode(tmp_path) + b"/\xb1\xa8\n.txt"
    with open(raw, "wb") as out:
        out.write(b"")
    (source,) = sources([tmp_path])
    assert source.path.endswith(r"/\udcb1\udca8\n.txt") and source.path.isprintable()
    with pytest.raises(ReportError) as caught:
        read(source)
    assert str(caught.value) == f"{source.path}: the file is empty (leave it out)"
    assert str(PipelineError("a\ud800\nb", path="\udcff")).encode() == rb"\udcff: a\ud800\nb"


def test_unpacking_holds_no_more_than_a_report(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.containers.LARGEST", 1 << 20)
    monkeypatch.setattr(readers, "LARGEST", 1 << 20)
    monkeypatch.setattr(readers, "_LARGEST_PLAIN", 1 << 20)
    for suffix, pack in (("gz", gzip.open), ("xz", lzma.open), ("bz2", bz2.open)):
        with pack(tmp_path / f"a.txt.{suffix}", "wb") as out:
            for _ in range(64):
                out.write(bytes(1 << 20))
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", bytes(64 << 20))
    tracemalloc.start()
    for source in sources([tmp_path]):
        with pytest.raises(ReportError, match="larger than 1 MiB"):
            read(source)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20


@given(st.binary(min_size=1, max_size=3000), st.sampled_from(SUFFIXES))
@settings(deadline=None)
def test_any_bytes(data, suffix):
    try:
        assert read_bytes(data, f"a{suffix}").strip()
    except ReportError as error:
        assert str(error).startswith(f"a{suffix}: ")


WHOLE = {".txt": UTF, ".html": PARAGRAPHS.encode(), ".docx": word(), ".pdf": PDF}


@given(st.sampled_from(sorted(WHOLE)), st.integers(0, 10**6), st.binary(max_size=9), st.integers(0, 40))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_fault_of_a_whole_file(suffix, place, put, out):
    data = WHOLE[suffix]
    place %= len(data)
    try:
        assert read_bytes(data[:place] + put + data[place + out :], f"a{suffix}").strip()
    except ReportError as error:
        assert str(error).startswith(f"a{suffix}: ")
