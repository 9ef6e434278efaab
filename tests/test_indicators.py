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


@pytest.mark.parametrize(
    ("text", "like"),
    [
        ("新建农村公路", "农村公路总里程"),
        ("新认定高新技术企业", "高新技术企业"),
        ("省级重点实验室", "国家重点实验室"),
        ("规上企业", "规上工业企业"),
        ("人工造林", "营造林"),
        ("污水集中处理率", "污水处理率"),
        ("高职院校", "本科院校"),
        ("城居民人均可支配收入", "乡居民人均可支配收入"),
    ],
)
def test_what_is_built_of_one_level_or_of_another_scope_is_apart(text, like):
    assert match_indicator(text)[0] != match_indicator(like)[0]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("城居民人均可支配收入", "income_urban"),
        ("乡常住居民人均可支配收入", "income_rural"),
        ("民生支出一般公共预算支出", "livelihood_share"),
        ("服务业增加值生产总值的比重", "services_share"),
        ("新建、改扩建公办幼儿园", "public_kindergartens_built"),
    ],
)
def test_joined_parts(text, code):
    assert match_indicator(text, None, "share")[0] == code


@pytest.mark.parametrize("text", ["", "滨江新城", "滨江大舞台", "建设", "出口总量", "利税", "到位资金", "工业企业"])
def test_unmatched_stays_none(text):
    assert match_indicator(text) is None


def test_a_unit_that_cannot_be_rules_a_match_out():
    assert match_indicator("森林覆盖率", "ratio")
    assert match_indicator("森林覆盖率", "money_cny") is None
    assert match_indicator("地区生产总值", "ratio", "rate")
    assert match_indicator("地区生产总值", "ratio", "level") is None
    assert match_indicator("养老床位", "count", "change") and match_indicator("养老床位", "area", "change") is None
    assert match_indicator("森林覆盖率", "percentage_points", "change")
    assert match_indicator("农民人均纯收入", "money_cny/people") and match_indicator("农民人均纯收入", "people") is None
    assert match_indicator("污水处理能力", "mass/time")


def test_catalogue_is_whole():
    names = [name for i in catalogue().values() for name in (i.zh, *i.aliases)]
    assert len(catalogue()) >= 1200 and len(names) == len(set(names))
    assert all(set(i.kinds) <= {"level", "rate", "share", "change", "multiple", "rank"} for i in catalogue().values())
