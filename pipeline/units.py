"""Units as reports write them -> canonical name, dimension and factor to the dimension's base unit.

Sizes: 亩 and 斤 after the State Council's order on units of measurement of 1984 (1 亩 = 10,000/15 m²,
1 斤 = 0.5 kg); tonnes of standard coal as 29.3076 GJ (GB/T 2589-2020).
"""

from __future__ import annotations

import unicodedata

__all__ = ["parse_unit"]

_KNOWN: dict[str, tuple[str, str, float]] = {}


def _add(dimension: str, *rows: tuple[str, float]) -> None:
    for names, factor in rows:
        canonical, *_ = names.split()
        for name in names.split():
            _KNOWN[name] = (canonical, dimension, factor)


_add("area", ("平方米 m2 ㎡ 平米", 1.0), ("公顷", 1e4), ("亩", 1e4 / 15), ("平方公里 km2 平方千米", 1e6))
_add("mass", ("吨 t", 1e3), ("公斤 千克 kg", 1.0), ("斤", 0.5), ("克", 1e-3), ("担", 50.0))
_add("length", ("公里 千米 km", 1e3), ("米", 1.0), ("里", 500.0), ("厘米", 0.01), ("毫米", 1e-3), ("海里", 1852.0))
_add("volume", ("立方米 方 立方", 1.0), ("升", 1e-3))
_add("power", ("千瓦 kW kw", 1e3), ("瓦", 1.0), ("兆瓦 MW", 1e6), ("吉瓦 GW", 1e9))
_add("energy", ("千瓦时 度 千瓦小时", 3.6e6), ("吨标准煤 吨标煤", 29.3076e9))
_add("voltage", ("千伏 kV", 1e3), ("伏", 1.0))
_add("money_cny", ("元 元人民币 块", 1.0))
_add("money_usd", ("美元", 1.0))
_add("money_hkd", ("港元 港币", 1.0))
_add("money_eur", ("欧元", 1.0))
_add("time", ("分钟", 60.0), ("小时", 3600.0), ("天 日", 86400.0), ("个工作日 工作日", 86400.0))
_add("ratio", ("% ％ 百分之", 0.01), ("‰ 千分之", 0.001), ("成", 0.1), ("倍", 1.0))
_add("percentage_points", ("个百分点 百分点", 1.0))
_add("concentration", ("微克/立方米 微克每立方米 ug/m3", 1e-9), ("毫克/立方米", 1e-6), ("毫克/升", 1e-3))
_add("people", ("人 名 位", 1.0))
_add("people_times", ("人次", 1.0))
_add("households", ("户", 1.0))
_COUNTED = (
    "个 家 项 条 座 件 所 台 辆 套 张 处 起 场 场次 次 种 类 批 部 只 头 株 棵 艘 架 列 枚 对 期 幢 栋 间 孔 眼 口 宗 "
    "支 篇 例 床 标箱 台套 站 村 片 盏 本 册 份 门 届 轮 步 级 代 峰 尾 羽 箱 吨次 标准箱 单 款 面 块 段 组 团 员 门 金 银 铜"
)
for _name in _COUNTED.split():
    _KNOWN.setdefault(_name, (_name, "count", 1.0))


def parse_unit(text: str, *, rank: bool = False) -> tuple[str, str, float] | None:
    """(canonical name, dimension, factor to the base unit), or None for a unit that is not known.

    Base units are SI; counts keep their classifier as the canonical name. With `rank`, 位 and 名 say
    a place in an order.
    """
    plain = unicodedata.normalize("NFKC", text).replace(" ", "")
    if rank and plain in ("位", "名"):
        return plain, "rank", 1.0
    return _KNOWN.get(plain) or _KNOWN.get(text)
