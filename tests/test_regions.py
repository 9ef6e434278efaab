import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.regions import AREA_TAGS, Gazetteer, area_of, issuer_code, issuer_region, resolve, short_name, zone

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
        ("凉山州", None, "凉山彝族自治州", "513400"),
        ("湖北恩施州", None, "恩施土家族苗族自治州", "422800"),
        ("长阳县", "420500", "长阳土家族自治县", "420528"),
        ("锡盟", "150000", "锡林郭勒盟", "152500"),
        ("全盟", "152200", "兴安盟", "152200"),
        ("全旗", "150621", "达拉特旗", "150621"),
        ("我州", "222401", "延边朝鲜族自治州", "222400"),
        ("巴州", "650000", "巴音郭楞蒙古自治州", "652800"),
        ("巴州", "511900", "巴州区", "511902"),
        ("全疆", "652300", "新疆维吾尔自治区", "650000"),
        ("全州", "450300", "全州县", "450324"),
        ("全区", "310115", "浦东新区", "310115"),
        ("师市", "659001", "石河子市", "659001"),
        ("雄安", "130600", "雄安新区", None),
        ("河北雄安新区", None, "雄安新区", None),
        ("兰州新区", "620100", "兰州新区", None),
        ("兵团", "650000", "新疆生产建设兵团", None),
        ("兵团第八师", None, "新疆生产建设兵团第八师", None),
    ],
)
def test_resolved(text, issuer, name, code):
    region = resolve(text, issuer)
    assert (region.name, region.adcode) == (name, code)


@pytest.mark.parametrize(
    ("text", "issuer"),
    [("全市", None), ("鼓楼区", None), ("全县", BAICHENG), ("全州", None), ("湘江", "430000"), ("无名之地", None), ("", None)],
)
def test_not_resolved(text, issuer):
    assert resolve(text, issuer) is None


@pytest.mark.parametrize(
    ("text", "name", "meant"),
    [
        ("全区", "兰州新区", "兰州新区"),
        ("我区", "河北雄安新区", "雄安新区"),
        ("新区", "成都天府新区", "天府新区"),
        ("开发区", "滨江经济技术开发区", "滨江经济技术开发区"),
    ],
)
def test_a_zone_has_a_name_and_no_code(text, name, meant):
    region = resolve(text, None, name)
    assert (region.name, region.adcode, region.level) == (meant, None, "new_area")
    assert issuer_code(name, f"{name}工作报告") is None


@pytest.mark.parametrize(
    ("text", "issuer", "name"),
    [("全市", None, "兰州新区"), ("新区", None, "滨江经济技术开发区"), ("全区", None, "滨江港"), ("新区", BAICHENG, "白城市")],
)
def test_a_zone_is_not_what_it_is_not_called(text, issuer, name):
    assert resolve(text, issuer, name) is None


def test_the_issuers_own_area():
    assert issuer_region("220800", "白城市").name == "白城市"
    assert issuer_region(None, "新疆生产建设兵团").level == "province"
    assert issuer_region(None, "贵安新区").level == "new_area"
    assert issuer_region(None, "云岭县") is None and issuer_region(None, None) is None


def test_zones_by_name():
    assert zone("贵安新区").level == "new_area"
    assert zone("白城市") is None and zone(None) is None


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("凉山州", "513400"),
        ("第八师石河子市", "659001"),
        ("上海市浦东新区", "310115"),
        ("阿拉善盟", "152900"),
        ("新疆生产建设兵团", None),
    ],
)
def test_issuers(name, code):
    assert issuer_code(name, f"{name}政府工作报告") == code


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


def test_spoken_names_are_not_marked():
    assert [a for a in Gazetteer.default().find("凉山州")] == [(0, 2)]


def test_alike_keeps_rank_form_and_length():
    gazetteer = Gazetteer.default()
    assert {"大同市", "白城市"} <= set(gazetteer.alike("大同市"))
    assert "白城" not in gazetteer.alike("大同市")
    assert gazetteer.alike("无名之地") == ["无名之地"]
