import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.regions import AREA_TAGS, Gazetteer, area_of, resolve, short_name

BAICHENG, TAOBEI, HOHHOT, KUNSHAN, CHAOYANG = "220800", "220802", "150100", "320583", "110105"


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("白城市", "白城"),
        ("吉林省", "吉林"),
        ("延边朝鲜族自治州", "延边"),
        ("广西壮族自治区", "广西"),
        ("双江拉祜族佤族布朗族傣族自治县", "双江"),
        ("博尔塔拉蒙古自治州", "博尔塔拉"),
        ("锡林郭勒盟", "锡林郭勒"),
        ("浦东新区", "浦东"),
        ("岷县", "岷县"),
    ],
)
def test_short_names(name, short):
    assert short_name(name) == short


@pytest.mark.parametrize(
    ("text", "issuer", "name", "code"),
    [
        ("全市", BAICHENG, "白城市", "220800"),
        ("我市", BAICHENG, "白城市", "220800"),
        ("全省", BAICHENG, "吉林省", "220000"),
        ("全国", BAICHENG, "全国", "100000"),
        ("我国", None, "全国", "100000"),
        ("全区", TAOBEI, "洮北区", "220802"),
        ("全市", TAOBEI, "白城市", "220800"),
        ("全区", HOHHOT, "内蒙古自治区", "150000"),
        ("全市", KUNSHAN, "昆山市", "320583"),
        ("全市", CHAOYANG, "北京市", "110000"),
        ("洮北", BAICHENG, "洮北区", "220802"),
        ("洮北区", BAICHENG, "洮北区", "220802"),
        ("大同", None, "大同市", "140200"),
        ("吉林", None, "吉林省", "220000"),
        ("吉林市", None, "吉林市", "220200"),
        ("鼓楼区", "350100", "鼓楼区", "350102"),
        ("鼓楼区", "320100", "鼓楼区", "320106"),
        ("新余市渝水区", None, "渝水区", "360502"),
        ("福建省福州市鼓楼区", None, "鼓楼区", "350102"),
        ("襄樊", None, "襄阳市", "420600"),
        ("毕节地区", None, "毕节市", "520500"),
        ("皖", None, "安徽省", "340000"),
        ("长三角", None, "长三角", None),
    ],
)
def test_resolved(text, issuer, name, code):
    region = resolve(text, issuer)
    assert (region.name, region.adcode) == (name, code)


@pytest.mark.parametrize(
    ("text", "issuer"), [("全市", None), ("鼓楼区", None), ("全县", BAICHENG), ("无名之地", None), ("", None)]
)
def test_not_resolved(text, issuer):
    assert resolve(text, issuer) is None


def test_level_follows_the_code():
    assert [area_of(n).level for n in ("吉林省", "白城市", "洮北区")] == ["province", "prefecture", "county"]


def test_names_in_a_text():
    text = "大同、新余市渝水区与鼓楼区"
    assert [text[a:b] for a, b in Gazetteer.default().find(text)] == ["大同", "新余市", "渝水区", "鼓楼区"]


@given(st.text("大同市吉林省白城洮北区鼓楼，增长1", max_size=30))
def test_tags_mark_whole_names(text):
    gazetteer = Gazetteer.default()
    tags = gazetteer.tags(text)
    spans = list(gazetteer.find(text))
    assert len(tags) == len(text) and all(0 <= t < AREA_TAGS for t in tags)
    assert {i for a, b in spans for i in range(a, b)} == {i for i, t in enumerate(tags) if t}
    assert all(text[a:b] in gazetteer.named for a, b in spans)


def test_alike_keeps_rank_form_and_length():
    gazetteer = Gazetteer.default()
    assert {"大同市", "白城市"} <= set(gazetteer.alike("大同市"))
    assert "白城" not in gazetteer.alike("大同市")
    assert gazetteer.alike("无名之地") == ["无名之地"]
