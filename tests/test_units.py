import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.units import parse_unit


@pytest.mark.parametrize(
    ("text", "canonical", "dimension", "factor"),
    [
        ("亩", "亩", "area", 10000 / 15),
        ("斤", "斤", "mass", 0.5),
        ("％", "%", "ratio", 0.01),
        ("百分之", "%", "ratio", 0.01),
        ("个百分点", "个百分点", "percentage_points", 1),
        ("家", "家", "count", 1),
        ("㎡", "平方米", "area", 1),
        ("千瓦时", "千瓦时", "energy", 3.6e6),
        ("度", "千瓦时", "energy", 3.6e6),
        ("平方公里", "平方公里", "area", 1e6),
        ("立方米", "立方米", "volume", 1),
        ("方", "立方米", "volume", 1),
        ("美元", "美元", "money_usd", 1),
        ("户", "户", "households", 1),
        ("人次", "人次", "people_times", 1),
        ("个工作日", "工作日", "workday", 1),
        ("头（只）", "头", "count", 1),
        ("微克/立方米", "微克/立方米", "concentration", 1e-9),
        ("公里/小时", "公里/小时", "speed", 1000 / 3600),
        ("斤/亩", "斤/亩", "mass_per_area", 0.5 / (10000 / 15)),
        ("元/人·月", "元/人·月", "money_cny/people/time", 1 / 2629746),
        ("元每人每月", "元/人·月", "money_cny/people/time", 1 / 2629746),
        ("元/户", "元/户", "money_cny/households", 1),
        ("吨标准煤/万元", "吨标准煤/万元", "energy/money_cny", 29.3076e9 / 1e4),
    ],
)
def test_units(text, canonical, dimension, factor):
    assert parse_unit(text) == (canonical, dimension, pytest.approx(factor))


def test_same_quantity_in_two_units():
    assert 111.4e8 * parse_unit("斤")[2] == pytest.approx(557e4 * parse_unit("吨")[2])


def test_rank_and_people():
    assert parse_unit("位", rank=True)[1] == "rank"
    assert parse_unit("位")[1] == "people"


@pytest.mark.parametrize("text", ["光年云", "", "/", "元/光年云", "元//人", "2米", "米**2", "元+人", "__class__"])
def test_unknown_unit(text):
    assert parse_unit(text) is None


@given(st.text("元人亩斤吨米公里/·每%（）只头 万", max_size=8))
def test_any_text_is_a_unit_or_none(text):
    found = parse_unit(text)
    assert found is None or found[2] > 0
