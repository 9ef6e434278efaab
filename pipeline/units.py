"""Units as reports write them -> canonical name, dimension and factor to the dimension's base unit.

Sizes stand in `units.txt`, read by pint. Classifiers (家, 所, 台套) count each in a dimension of its
own: 元/户 is money by household, and 家 and 亩 are never added up. What is unknown stays so.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pint

__all__ = ["parse_unit"]

_CLASSIFIERS = (
    "个 家 项 条 座 件 所 台 辆 套 张 处 起 场 场次 次 种 类 大类 批 批次 部 只 头 株 棵 艘 架 列 枚 对 期 幢 栋 间 孔 眼 口 宗 支 篇 例 床 台套 台次 "
    "站 村 片 盏 本 册 份 人份 门 届 轮 步 级 代 峰 尾 羽 箱 吨次 单 款 面 段 组 团 金 银 铜 户次 家次 辆次 件次 剂次 架次 列次 航次 班次 课时 头只 班 "
    "根 顶 颗 双 罐 袋 瓶 回 强 基 页 首 圈 笔 枝 锭 地 县 乡 镇 镇街 路端 端 台件 标段 标准 公里次 吨公里 人公里 人年 人日 分 岁 位次 个位次 方面 区 市 州 国 路 车 匹 斤粮 套间 "
    "例次 重点 卷 集 分册 幅 项次 例数 床位 柜 桶 艇 道 层 栏 块 名次 届次 把 棚 捆 院 校 师 团队 组织 社 厂 店 馆 园 港 桥 线 网 圈层 席 朵 盆 粒 只次 样 式"
).split()
# what the parts of a unit amount to, by pint's dimensions
_DIMENSIONS = {
    "[length]": "length",
    "[length] ** 2": "area",
    "[length] ** 3": "volume",
    "[mass]": "mass",
    "[mass] / [length] ** 3": "concentration",
    "[mass] / [length] ** 2": "mass_per_area",
    "[length] / [time]": "speed",
    "dimensionless": "ratio",
}
_RANK = ("位", "名", "个位次", "位次", "强")


@cache
def _registry() -> pint.UnitRegistry:
    import pint  # half a second that a run without facts is spared

    registry = pint.UnitRegistry(str(files("pipeline").joinpath("units.txt")), on_redefinition="raise")
    for name in dict.fromkeys(_CLASSIFIERS):
        if name not in registry:
            registry.define(f"{name} = [{name}]")
    return registry


@lru_cache(2**14)
def parse_unit(text: str, *, rank: bool = False) -> tuple[str, str, float] | None:
    """(canonical name, dimension, factor to the base unit), or None for a unit that is not known.

    Base units are SI where SI has one (square metre, kilogram, joule); counts keep their classifier as
    the canonical name and have the dimension "count". Compound units join their parts: 元/人·月 has the
    dimension money_cny/(people*time). With `rank`, 位 and 名 say a place in an order.
    """
    plain = unicodedata.normalize("NFKC", text)
    plain = re.sub(r"\s|\(.*?\)", "", plain)
    if rank and plain in _RANK:
        return plain, "rank", 1.0
    plain = plain.replace("%", "百分之").replace("‰", "千分之").replace("℃", "摄氏度").replace("°C", "摄氏度")
    parts = re.split(r"([/每·.*])", plain)
    if not plain or not all(_named(part) for part in parts[::2]):
        return None
    above, below = parts[0], parts[2::2]
    unit = _registry().Unit(above) / _registry().Unit("*".join(below)) if below else _registry().Unit(above)
    quantity = (1 * unit).to_base_units()
    names = [_canonical(part) for part in (above, *below)]
    canonical = names[0] + ("/" + "·".join(names[1:]) if below else "")
    return canonical, _dimension(unit, canonical), float(f"{quantity.magnitude:.12g}")


def _named(part: str) -> bool:
    return bool(re.fullmatch(r"[^\W\d_][^\W_]*", part)) and part in _registry()


def _canonical(part: str) -> str:
    return {"百分之": "%", "千分之": "‰"}.get(part) or _registry().get_name(part, case_sensitive=True)


def _dimension(unit: pint.Unit, canonical: str) -> str:
    formula = str(unit.dimensionality)
    if formula in _DIMENSIONS:
        return _DIMENSIONS[formula]
    if canonical in _CLASSIFIERS:
        return "count"
    return re.sub(r"[\[\] ]", "", formula)
