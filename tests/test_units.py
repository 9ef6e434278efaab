import pytest

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
    ],
)
def test_units(text, canonical, dimension, factor):
    assert parse_unit(text) == (canonical, dimension, pytest.approx(factor))


def test_same_quantity_in_two_units():
    assert 111.4e8 * parse_unit("斤")[2] == pytest.approx(557e4 * parse_unit("吨")[2])


def test_rank_and_people():
    assert parse_unit("位", rank=True)[1] == "rank"
    assert parse_unit("位")[1] == "people"


def test_unknown_unit():
    assert parse_unit("光年云") is None
