import pytest

from pipeline.indicators import catalogue, match_indicator


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("地区生产总值", "gdp"),
        ("生产总值", "gdp"),
        ("ＧＤＰ", "gdp"),
        ("全市地区生产总值", "gdp"),
        ("“森林覆盖率”", "forest_coverage"),
        ("完成社会消费品零售总额", "retail_sales"),
        ("社会消费品零售总额增速", "retail_sales"),
    ],
)
def test_names_and_their_variants(text, code):
    assert match_indicator(text)[0] == code


def test_like_names_of_unlike_things_are_kept_apart():
    urban, rural = match_indicator("城镇居民人均可支配收入"), match_indicator("农村居民人均可支配收入")
    assert urban[0] != rural[0]
    assert match_indicator("第一产业增加值")[0] != match_indicator("第二产业增加值")[0]


@pytest.mark.parametrize("text", ["", "滨江新城", "滨江大舞台", "建设"])
def test_unmatched_stays_none(text):
    assert match_indicator(text) is None


def test_a_unit_that_cannot_be_rules_a_match_out():
    assert match_indicator("森林覆盖率", "ratio")
    assert match_indicator("森林覆盖率", "money_cny") is None
    assert match_indicator("地区生产总值", "ratio", "rate")


def test_catalogue_is_whole():
    names = [name for i in catalogue().values() for name in (i.zh, *i.aliases)]
    assert len(catalogue()) >= 200 and len(names) == len(set(names))
    assert all(set(i.kinds) <= {"level", "rate", "share", "change", "multiple", "rank"} for i in catalogue().values())
