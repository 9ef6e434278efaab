"""Names of metrics -> indicators of the catalogue (`indicators.yaml`)."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from itertools import chain

from pipeline.words import words

__all__ = ["Indicator", "catalogue", "match_indicator"]

# what may stand around an indicator's name without changing it
_BEFORE = re.compile(
    r"^(?:全市|全省|全县|全区|全州|全国|全盟|全旗|我市|我省|我县|我区|我国|全年|全社会(?=用电|R&D|研发|消费品)|累计|预计|实现|完成|达到|其中|年均|当年|本级|同期|辖区|地方(?=一般公共))+"
)
_BEHIND = re.compile(r"(?:年均|年平均|同比|累计|预期|名义|实际)?(?:增长速度|增长率|增速|增长|增幅|涨幅|增长目标|目标|总量|规模|数量|总数|数额)$")
_SHARE = re.compile(r"(.+)占(.+?)的?(?:比重|比例|比率)")
_SHARE_ENDS = ("", "比重", "的比重", "的比例")
# words that may differ: 城镇常住居民人均可支配收入 is 城镇居民人均可支配收入
_NEUTRAL = frozenset("的 总 额 量 数 值 共 约 常住 完成 实现 累计 总量 总额 数量 人数 总数 及 和 与 、 等 均 年末 年 新 达".split())
# an indicator's dimension -> the dimensions of units that a level or change of it may have
_UNITS = {
    "money": ("money_cny", "money_usd", "money_hkd", "money_eur"),
    "share": ("ratio", "percentage_points"),
    "area": ("area",),
    "mass": ("mass",),
    "length": ("length",),
    "volume": ("volume", "mass"),
    "power": ("power",),
    "energy": ("energy", "mass"),
    "count": ("count", "people", "people_times", "households", "teu"),
    "persons": ("people", "people_times", "count"),
    "households": ("households", "people", "count"),
    "time": ("time", "count", "workday"),
    "concentration": ("concentration", "mass"),
}
_MAY_DIFFER = frozenset("".join(_NEUTRAL))
_ALIKE, _CANDIDATES = 0.6, 6
_MEASURED = ("level", "change")  # kinds whose unit is the indicator's own
_REMEMBERED = 2**14  # texts, not all of a corpus: names of metrics hardly repeat
_TELLING = 4  # characters: 企业 or 投资 alone names no indicator


@dataclass(frozen=True)
class Indicator:
    """One entry of the catalogue: what it is called, what its values are counted in, the usual kinds."""

    code: str
    zh: str
    en: str
    aliases: tuple[str, ...]
    dimension: str
    kinds: tuple[str, ...]


@cache
def catalogue() -> dict[str, Indicator]:
    """The indicators by code."""
    import yaml

    rows = yaml.load(files("pipeline").joinpath("indicators.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
    made = (Indicator(**{**r, "aliases": tuple(r["aliases"]), "kinds": tuple(r["kinds"])}) for r in rows)
    return {indicator.code: indicator for indicator in made}


@cache
def _by_name() -> dict[str, str]:
    names: dict[str, str] = {}
    for indicator in catalogue().values():
        for name in (indicator.zh, *indicator.aliases):
            names[_plain(name)] = indicator.code
    # a name without 总额 and the like stands for its indicator unless another bears it, and so do the
    # parts of a share of a whole: of 民生支出 占 财政支出 的比重 the METRIC may lack 占 or 的比重
    for name, code in list(names.items()):
        share = _SHARE.fullmatch(name)
        for end in _SHARE_ENDS if share else ():
            names.setdefault(share[1] + share[2] + end, code)
        if len(_bare(name)) >= _TELLING:
            names.setdefault(_bare(name), code)
    return names


@cache
def _by_bigram() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in _by_name():
        for gram in _bigrams(name):
            found.setdefault(gram, []).append(name)
    return found


def _bigrams(text: str) -> set[str]:
    return {text[i : i + 2] for i in range(len(text) - 1)}


def _of_the_same_words(text: str) -> str | None:
    """The name of the catalogue that has the same content words, among those most alike in their characters."""
    if len(text) < _TELLING:
        return None
    grams = _bigrams(text)
    shared = Counter(chain.from_iterable(_by_bigram().get(gram, ()) for gram in grams))
    total = len(grams) - 1
    likeness = {name: like for name, n in shared.items() if (like := 2 * n / (total + len(name))) >= _ALIKE}
    for name in sorted(likeness, key=lambda name: (-likeness[name], name))[:_CANDIDATES]:
        # cutting words costs most: first see that no other character makes the difference
        if set(name) ^ set(text) <= _MAY_DIFFER and _content(name) == _content(text):
            return name
    return None


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).upper()
    return re.sub(r"[\s“”\"'‘’·]|\([^)]*\)", "", text)


def _bare(text: str) -> str:
    return _BEHIND.sub("", _BEFORE.sub("", text)) or text


@lru_cache(_REMEMBERED)
def _content(text: str) -> frozenset[str]:
    return frozenset(word for word in words(text) if word not in _NEUTRAL)


@lru_cache(_REMEMBERED)
def match_indicator(text: str, dimension: str | None = None, kind: str = "level") -> tuple[str, float] | None:
    """(code, score) of the indicator that a metric's text names, or None.

    Args:
        text: the joined text of a fact's METRIC.
        dimension: of the fact's unit, where known; an indicator that cannot be counted so is none.
        kind: of the fact; units say nothing of rates, multiples, shares and ranks.

    Returns:
        The score is 1 for a name of the catalogue, 0.95 for one with growth words or an area around it,
        0.9 for the same words in another order or with neutral ones between.
    """
    plain, bare = _plain(text), _bare(_plain(text))
    names = _by_name()
    if plain in names:
        found = names[plain], 1.0
    elif bare in names and len(bare) > 2:  # 出口总量 may be tons of steel
        found = names[bare], 0.95
    else:
        name = _of_the_same_words(bare)
        found = (names[name], 0.9) if name else None
    if found and kind in _MEASURED and dimension and not _fits(catalogue()[found[0]].dimension, dimension):
        return None
    return found


def _fits(wanted: str, given: str) -> bool:
    wanted, per, _ = wanted.partition("_per_")
    given = given.split("/")[0] if per else given.removesuffix("/time")  # 元/人, 吨/日
    return wanted not in _UNITS or given in _UNITS[wanted]
