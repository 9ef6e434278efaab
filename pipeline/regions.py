"""What the name of an area means: its official name, six-digit code and level.

Codes are those of `gazetteer`. What has none there (most new areas, development zones, the corps of
Xinjiang and its divisions) has a name and a level only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.gazetteer import AREA_TAGS, LEVELS, Area, Gazetteer, short_name

__all__ = [
    "AREA_TAGS",
    "Area",
    "Gazetteer",
    "Region",
    "area_of",
    "by_code",
    "issuer_code",
    "issuer_region",
    "resolve",
    "short_name",
    "zone",
]

COUNTRY = "100000"
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
# the new areas that the State Council has founded and that have no code; other zones are known as issuers only
_NEW_AREAS = (
    "雄安新区 西咸新区 贵安新区 天府新区 湘江新区 江北新区 福州新区 滇中新区 哈尔滨新区 长春新区 赣江新区 兰州新区 西海岸新区 金普新区 "
    "舟山群岛新区"
).split()
_ZONE = "新区|开发区|高新区|经开区|园区|示范区|实验区|试验区|合作区|先行区|保税区"
_ZONE_WORD = re.compile(rf"[全我本这]?({_ZONE}|区)")
_CORPS = "新疆生产建设兵团"
_DIVISION = re.compile(rf"(?:{_CORPS}|兵团)?第?([一二三四五六七八九十]{{1,2}})师")
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


def resolve(text: str, issuer: str | None, name: str | None = None) -> Region | None:
    """The area that a REGION's text means in a report of `issuer`.

    Args:
        text: a name (白城市, 白城, 吉林白城, 凉山州, 皖) or a deictic word (全市, 我县).
        issuer: code of the report's own area, or None.
        name: its name, which gives deictic words a meaning where it is a zone without a code.

    Returns:
        The area, with the code in force today for a former name; None where the text names none, or
        one of several alike without a hint which.
    """
    text = re.sub(r"[\s“”]", "", text)
    if text in _COUNTRY:
        return by_code(COUNTRY)
    deictic = _DEICTIC.fullmatch(text)
    if deictic:
        region = _deictic(deictic.group(1) or deictic.group(2), issuer)
        if region or not issuer:  # 全州 in a report of 桂林 is the county
            return region or _own_zone(text, name)
    area = _named(text, issuer)
    if area is not None:
        return as_region(area)
    if text in _NAMED:
        return Region(text)
    if text in _LETTERS:
        return as_region(Gazetteer.default().areas[_LETTERS[text] + "0000"])
    return (None if issuer else _own_zone(text, name)) or _without_code(text, issuer)


def zone(name: str | None) -> Region | None:
    """A new area or development zone by its name, without a code; None for a name of another kind."""
    if not name or not re.search(rf"(?:{_ZONE})$", name):
        return None
    return Region(next((new for new in _NEW_AREAS if name.endswith(new)), name), None, "new_area")


def issuer_region(code: str | None, name: str | None) -> Region | None:
    """The area of a report's issuer: that of its code, else a zone or the corps of Xinjiang by its name."""
    if code:
        return by_code(code)
    return Region(_CORPS, None, "province") if name == _CORPS else zone(name)


def _own_zone(text: str, name: str | None) -> Region | None:
    """The zone `name` where 全区, 我区 or 新区 means it."""
    word, own = _ZONE_WORD.fullmatch(text), zone(name)
    return own if word and own and name.endswith(word.group(1)) else None


def _without_code(text: str, issuer: str | None) -> Region | None:
    """雄安新区, 雄安, 河北雄安新区; 兵团, 第八师, and 师市 in a report of a city that is one with its division."""
    text = "雄安新区" if text == "雄安" else text
    new = zone(text)
    if new and new.name in _NEW_AREAS and (text == new.name or _named(text.removesuffix(new.name), None)):
        return new
    if text in (_CORPS, "兵团", "全兵团"):
        return issuer_region(None, _CORPS)
    division = _DIVISION.fullmatch(text)
    if division:
        return Region(f"{_CORPS}第{division.group(1)}师", None, "prefecture")
    return by_code(issuer) if issuer and issuer.startswith("6590") and text in ("师市", "全师", "我师") else None


def area_of(name: str, within: str | None = None) -> Area | None:
    """The area of an issuer's name, as far as one is meant: 吉林省白城市, 白城市, 第八师石河子市; `within` is a code
    that it lies near."""
    plain = re.sub(r"\s", "", name)
    return _named(_DIVISION.sub("", plain, count=1) or plain, within)


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
    start = next((n for n in range(len(text)) if text[n:] in gazetteer.spoken), len(text))
    pieces = [*(text[a:b] for a, b in gazetteer.find(text[:start])), *filter(None, [text[start:]])]
    if not pieces or "".join(pieces) != text:
        return None
    found = [gazetteer.named.get(piece, []) + gazetteer.spoken.get(piece, []) for piece in pieces]
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
        rank = LEVELS.index(area.level)
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
