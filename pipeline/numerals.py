"""Numerals as reports write them -> numbers: 5.5亿, ３万4000, 二百余万, 6%—7, 三分之一, 翻一番."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from functools import lru_cache

__all__ = ["Number", "parse_numeral"]

_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {c: i for i, c in enumerate("〇壹贰叁肆伍陆柒捌玖")}
_DIGITS |= {"〇": 0, "○": 0, "两": 2, "俩": 2, "首": 1}
_SMALL = {"十": 10, "百": 100, "千": 1000, "拾": 10, "佰": 100, "仟": 1000}
_LARGE = {"万": 10**4, "亿": 10**8, "萬": 10**4, "億": 10**8}
_DASH = r"[-—–~～至到]+"
_ABOVE, _ABOUT = re.compile(r"[余多]|以上"), re.compile(r"[几数上近约]")
_LONGEST = 32  # characters; what is longer is no numeral, and might be beyond a float


@dataclass(frozen=True)
class Number:
    """A number, or the ends of a range, or the members of a ratio; `bound` is what its words add.

    `bound` is ">" for 余, 多 and 过半, ">=" for 上千, "~" for 几, 数 and 近, "=" otherwise. All
    numbers are None where only the bound is certain (数十 is 20 to 90, 十几 is 11 to 19: ranges).
    """

    number: float | None = None
    low: float | None = None
    high: float | None = None
    numbers: tuple[float, ...] = ()
    bound: str = "="


@lru_cache(2**14)
def parse_numeral(text: str) -> Number | None:
    """The number of a VALUE's text, or None where it is no numeral.

    Chinese and Arabic numerals mix (3万4000); in a range the magnitude of the second number counts
    for the first where that has none (60—70万); 百分之 and % belong to the unit and are not applied.
    """
    text = unicodedata.normalize("NFKC", text).replace(",", "").replace(" ", "").strip()
    text = re.sub(r"^(?:第|前|后|倒数第)", "", text)
    if not text or len(text) > _LONGEST:
        return None
    return _worded(text) or _ratio(text) or _range(text) or _loose(text) or _hedged(text)


def _hedged(text: str) -> Number | None:
    """近三分之一, 约30—40, 翻一番多: words around what is no plain numeral."""
    match = re.fullmatch(r"(近|约|超过?)?(.+?)([多余]?)", text)
    if not match or not (match.group(1) or match.group(3)):
        return None
    inner = _worded(match.group(2)) or _range(match.group(2))
    bound = "~" if match.group(1) in ("近", "约") else ">"
    return None if inner is None else replace(inner, bound=bound)


def _worded(text: str) -> Number | None:
    doubled = re.fullmatch(r"翻(?:了)?(.+)?番", text)
    if doubled:
        times = _plain(doubled.group(1) or "一")
        return None if times is None or times > 100 else Number(2.0**times)
    if text in ("一半", "半", "半数"):
        return Number(0.5)
    if text in ("过半", "超半", "大半"):
        return Number(0.5, bound=">")
    fraction = re.fullmatch(r"(.+)分之(.+)", text) or re.fullmatch(r"(?P<above>\d+)/(?P<below>\d+)", text)
    if fraction:
        named = fraction.groupdict()
        below, above = _plain(named.get("below") or fraction.group(1)), _plain(named.get("above") or fraction.group(2))
        return Number(float(f"{above / below:.12g}")) if below and above is not None else None
    return None


def _ratio(text: str) -> Number | None:
    parts = re.split(r"[:∶：]", text)
    numbers = [_plain(part) for part in parts]
    if len(parts) < 2 or None in numbers:
        return None
    return Number(numbers=tuple(numbers))


def _range(text: str) -> Number | None:
    parts = re.split(rf"%?{_DASH}", text)
    if len(parts) == 2 and all(parts):
        low, high = _plain(parts[0]), _plain(parts[1])
        if low is not None and high is not None:
            magnitude = re.search(r"[百千万亿]+$", parts[1])
            if magnitude and not re.search(r"[百千万亿]$", parts[0]) and low < high:
                low *= _plain("一" + magnitude.group()) or 1
            return Number(low=low, high=high)
    # 五六百, 十五六万, 一百二三十: neighbouring digits
    pair = re.fullmatch(r"(.*[十百千])?([一二两三四五六七八])([二两三四五六七八九])([十百千]*)([万亿]*)", text)
    if pair and _DIGITS[pair.group(3)] == _DIGITS[pair.group(2)] + 1:
        return _stepped(pair.group(1), _DIGITS[pair.group(2)], _DIGITS[pair.group(3)], *pair.group(4, 5))
    return None


def _stepped(before: str | None, low: int, high: int, small: str, large: str) -> Number | None:
    """(before + low to high × small) × large: 十, 5, 6, "", 万 is 150,000 to 160,000."""
    base = _plain(before) if before else 0.0
    step, scale = _plain("一" + small), _plain("一" + large)
    if base is None or step is None or scale is None:
        return None
    return Number(low=(base + low * step) * scale, high=(base + high * step) * scale)


def _loose(text: str) -> Number | None:
    """A numeral with 余, 多, 几, 数, 上, 近 in it."""
    few = re.fullmatch(r"(.*?)([几数])([十百千]*)([万亿]*)", text)
    if few:
        least = 1 if few.group(1) and not few.group(3) else 2
        found = _stepped(few.group(1), least, 9, *few.group(3, 4))
        return None if found is None else replace(found, bound="~")
    bound = ">" if _ABOVE.search(text) else "~" if re.match("[近约]", text) else ">=" if text[0] in "上超" else "="
    text = re.sub(r"^(?:近|约|上|超过?|达)|[余多]|以上$", "", text)
    number = _plain(text)
    return None if number is None else Number(number, bound=bound)


def _plain(text: str) -> float | None:
    """A numeral without words around it: 1100.9亿, 一万五千亿, 3万4000, 三十六点九, 百."""
    if not re.fullmatch(r"[\d.点零〇○一二两俩三四五六七八九十百千万亿萬億壹贰叁肆伍陆柒捌玖拾佰仟首]+", text):
        return None
    if re.fullmatch(r"[零〇○一二三四五六七八九]{2,}", text):
        return float("".join(str(_DIGITS[c]) for c in text))
    try:
        return float(f"{_value(text):.12g}")
    except (ValueError, KeyError, IndexError):
        return None


def _value(text: str) -> float:
    for word in "亿億万萬":
        if word in text:
            before, after = text.rsplit(word, 1)
            scale = _LARGE[word]
            rest = _tail(after, scale)
            return (_value(before) if before else 1.0) * scale + rest
    return _below_ten_thousand(text)


def _tail(text: str, scale: float) -> float:
    """What stands behind a magnitude: 3万4 is 34,000, 3万4000 is 34,000, 三万零五 is 30,005."""
    if not text:
        return 0.0
    if len(text) == 1 and text not in "0零〇○" and (text.isdecimal() or text in _DIGITS):
        return _value(text) * scale / 10
    return _value(text)


def _below_ten_thousand(text: str) -> float:
    whole, _, decimals = text.replace("点", ".").partition(".")
    if decimals and not re.search(r"[十百千]", decimals):
        digits = "".join(str(_DIGITS.get(c, c)) for c in decimals)
        return _below_ten_thousand(whole or "0") + float("0." + digits)
    if decimals:  # 1.5千
        digits = "".join(str(_DIGITS.get(c, c)) for c in decimals[:-1])
        return (_below_ten_thousand(whole) + float("0." + digits)) * _SMALL[decimals[-1]]
    total, digits = 0.0, ""
    for i, character in enumerate(text):
        if character in _SMALL:
            total += (float(digits) if digits else 1.0) * _SMALL[character]
            digits = ""
        elif character in "零〇○" and total:
            digits = ""
        else:
            digits += str(_DIGITS.get(character, character))
    if digits:
        # 三百五 is 350, 三百零五 is 305
        short = re.search(r"([百千])[一二两三四五六七八九]$", text)
        total += float(digits) * (_SMALL[short.group(1)] / 10 if short else 1)
    return total
