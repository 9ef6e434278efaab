"""Reports out of .zip archives."""

import gzip
import hashlib
import io
import zipfile

from pipeline.containers import read, sources
from pipeline.reports import from_text
from tests.test_containers import LINE, told


def test_archives(tmp_path):
    path = tmp_path / "a.zip"
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("a.txt", LINE)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("2022/云岭.txt", "2022/", "__MACOSX/._a.txt", "readme.rtf", "b.txt", "../../up\n.txt"):
            archive.writestr(name, f"{name}：{LINE}" if not name.endswith("/") else "")
        archive.writestr("inner.zip", inner.getvalue())
        archive.writestr("c.txt.gz", gzip.compress(LINE.encode()))
        archive.writestr("empty.txt", "")
        # names that are no ASCII are marked as UTF-8: one of the same length that is GBK takes the place of this
        archive.writestr("GBKNAME.txt", LINE)
    path.write_bytes(path.read_bytes().replace(b"GBKNAME.txt", "报告一".encode("gb18030") + b"1.txt"))
    assert told(path) == [
        (f"{path}!2022/云岭.txt", f"2022/云岭.txt：{LINE}"),
        (f"{path}!b.txt", f"b.txt：{LINE}"),
        (rf"{path}!../../up\n.txt", f"../../up\n.txt：{LINE}"),
        (f"{path}!inner.zip", "an archive in an archive"),
        (f"{path}!c.txt.gz", "an archive in an archive"),
        (f"{path}!empty.txt", "the file is empty"),
        (f"{path}!报告一1.txt", LINE),
    ]
    named = next(iter(sources([path])))
    assert named.name == "云岭" and from_text(LINE, name="云岭县_2022").year == 2022
    assert read(named)[1] == hashlib.sha256(f"2022/云岭.txt：{LINE}".encode()).hexdigest()[:16]


def test_damaged_members(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("a.txt", "b.txt", "c.txt"):
            archive.writestr(name, f"{name}：{LINE}")
    data = bytearray(path.read_bytes())
    data[data.index("a.txt：".encode()) + 10] ^= 1  # its sum is wrong now
    head = data.rindex(b"PK\x01\x02", 0, data.rindex(b"b.txt"))
    data[head + 8] |= 1  # said to be encrypted
    path.write_bytes(data)
    (_, damaged), (_, locked), (name, good) = told(path)
    assert damaged.startswith("damaged") and locked == "encrypted"
    assert (name, good) == (f"{path}!c.txt", f"c.txt：{LINE}")
    # a header that tells less than there is
    size = len(f"c.txt：{LINE}".encode()).to_bytes(4, "little")
    path.write_bytes(bytes(data).replace(size, b"\x05\x00\x00\x00"))
    assert all(what.startswith(("damaged", "encrypted")) for _, what in told(path))
