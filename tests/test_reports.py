import docx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import readers
from pipeline.errors import ReportError
from pipeline.language import sentences_of
from pipeline.manifest import read_manifest
from pipeline.readers import decode
from pipeline.reports import from_text, read_report

BODY = (
    "2022年云岭县政府工作报告\n——2022年1月9日在云岭县第十八届人民代表大会第一次会议上\n县长 周文远\n各位代表：\n"
    "一、2021年工作回顾\n全县地区生产总值增长８.２％，新建公路１２公里。\n二、2022年重点工作\n增长7%左右。\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_encodings(tmp_path, encoding, newline):
    path = tmp_path / "报告.txt"
    path.write_bytes((BODY.replace("\n", newline) * 3).encode(encoding))
    report = read_report(path)
    assert report.title == "2022年云岭县政府工作报告"
    assert (report.region, report.year, report.date) == ("云岭县", 2022, "2022-01-09")
    assert "增长８.２％，新建公路１２公里。" in report.text


def test_big5_is_read():
    old = "各位代表：過去一年，全縣地區生產總值增長8.2%，新建公路12公里，糧食總產量達到25萬噸，群眾滿意度明顯提高。"
    assert decode(old.encode("big5hkscs"), "a.txt") == old


LEVEL_ONE = sorted(c for c in readers._COMMON if "\u4e00" <= c <= "\u9fff")
prose = st.text(st.sampled_from(LEVEL_ONE + list("，。、；：0123456789%\n")), min_size=40).filter(
    lambda text: sum(c in LEVEL_ONE for c in text) > 20
)


@given(prose, st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be"]))
def test_text_comes_back(text, encoding):
    assert decode(text.encode(encoding), "a.txt") == text


def test_sections():
    report = from_text(BODY)
    assert [s.title for s in report.sections] == ["一、2021年工作回顾", "二、2022年重点工作"]
    first = report.sections[0]
    assert report.text[first.start :].startswith(first.title)
    assert report.text[first.end :].startswith("二、")


def test_options_override():
    report = from_text(BODY, title="题", region="白城市", year=1999)
    assert (report.title, report.region, report.year) == ("题", "白城市", 1999)


def test_furniture_goes_and_body_stays():
    page = "购物车\n我的足迹\n加入Vip免费下载 立即下载\n下载\n打印\n【字号：\n大\n中\n小\n】\n" + BODY + "收藏\n|\n分享到:\n相关报道："
    text = from_text(page).text
    for word in ("购物车", "免费下载", "打印", "字号", "收藏", "分享", "相关报道"):
        assert word not in text
    assert text == from_text(BODY).text


def test_furniture_words_inside_a_sentence_stay():
    assert "建成下载中心3个，收藏文物2万件。" in from_text("建成下载中心3个，收藏文物2万件。").text


def test_page_copied_into_one_line():
    words = "——我们坚持生态优先，新增蓄水能力5.5亿立方米，植树造林133.3万亩，林草覆盖率达到26.6%，全市环境质量持续改善。"
    wrapped = " ".join(words[i : i + 25] for i in range(0, len(words), 25))
    line = "云岭县政府工作报告 各位代表: 一、工作回顾 " + " ".join([wrapped] * 12)
    text = from_text(line).text
    assert text.count(words) == 12
    assert "一、工作回顾\n" in text


def test_hard_wrapped_lines_are_joined():
    body = "".join(f"第{i}项工作取得进展，建成学校{i}所，改造道路{i}公里，群众满意度达到9{i % 10}%，" for i in range(40)) + "成效明显。"
    lines = "\n".join(body[i : i + 30] for i in range(0, len(body), 30))
    assert from_text(lines).text == body


def test_docx_and_html(tmp_path):
    document = docx.Document()
    for line in BODY.strip().split("\n"):
        document.add_paragraph(line)
    table = document.add_table(rows=1, cols=1)
    table.rows[0].cells[0].text = "附表增长6%。"
    document.save(tmp_path / "a.docx")
    paragraphs = "".join(f"<p>{line}</p>" for line in (BODY * 3).strip().split("\n"))
    page = f"<html><body><nav>首页</nav><article>{paragraphs}</article></body></html>"
    (tmp_path / "a.html").write_text(page, encoding="utf-8")
    assert read_report(tmp_path / "a.docx").text.endswith("附表增长6%。")
    for name in ("a.docx", "a.html"):
        report = read_report(tmp_path / name)
        assert (report.region, report.year) == ("云岭县", 2022)
        assert "全县地区生产总值增长８.２％" in report.text


BAD = {
    "empty.txt": b"",
    "blank.txt": b"  \n\n",
    "binary.txt": bytes(range(256)) * 40,
    "nozip.docx": b"this is no zip",
    "broken.pdf": b"%PDF-1.4 broken",
    "table.xlsx": b"PK",
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(BAD[name])
    with pytest.raises(ReportError) as caught:
        read_report(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_missing_file(tmp_path):
    with pytest.raises(ReportError, match="No such file"):
        read_report(tmp_path / "none.txt")


def test_a_december_report_is_next_years():
    head = "政府工作报告\n——2022年12月30日在乌蒙市第三届人民代表大会第三次会议上\n各位代表：\n"
    assert from_text(head + "过去一年增长6%。").year == 2023
    assert from_text(head.replace("12月30日", "1月5日") + "过去一年增长6%。").year == 2022


def test_source_lines_of_a_page_are_furniture():
    page = "政府工作报告\n来源：乌蒙日报\n发布时间：2022-01-12 08:30\n资金来源：省财政拨款12亿元。\n来源：增长6%。"
    assert from_text(page).text == "政府工作报告\n资金来源：省财政拨款12亿元。\n来源：增长6%。"


def test_issuer_and_its_code():
    head = "政府工作报告\n——2022年1月11日在白城市第七届人民代表大会第一次会议上\n各位代表：\n"
    report = from_text(head + "增长6%。")
    assert (report.adcode, report.level, report.sources["region"]) == ("220800", "prefecture", ("assembly", 0.98))
    state = from_text("政府工作报告\n现在，我代表国务院，向大会报告政府工作。")
    assert (state.region, state.adcode, state.level) == ("全国", "100000", "country")
    named = from_text("各位代表：增长6%。", name="province_山东_1995")
    assert (named.region, named.adcode, named.year) == ("山东", "370000", 1995)
    unknown = from_text("各位代表：增长6%。")
    assert (unknown.region, unknown.adcode, unknown.year, unknown.sources) == (None, None, None, {})


def test_areas_of_one_name_are_told_apart_by_what_the_report_names():
    head = "政府工作报告\n——2022年1月11日在鼓楼区第七届人民代表大会第一次会议上\n各位代表：\n"
    assert from_text(head + "福州主城区建设加快，融入福建发展大局。").adcode == "350102"
    assert from_text(head + "南京主城区建设加快，融入江苏发展大局。").adcode == "320106"
    assert from_text(head + "增长6%。").adcode is None


def test_manifest(tmp_path):
    table = tmp_path / "m.csv"
    table.write_text("path,region,year,date\na.txt,白城市,2022,2022-01-11\nb.txt,,,\n", encoding="utf-8-sig")
    assert read_manifest(table) == {"a.txt": {"region": "白城市", "year": 2022, "date": "2022-01-11"}, "b.txt": {}}
    report = from_text("增长6%。", **read_manifest(table)["a.txt"])
    assert (report.adcode, report.year, report.date) == ("220800", 2022, "2022-01-11")
    assert report.sources == {name: ("given", 1.0) for name in ("region", "year", "date")}


@pytest.mark.parametrize("text", ["", "file,year\na,1\n", "path,yaer\na,1\n", "path,year\na,last\n", "path,date\na,2022-13-01\n"])
def test_faulty_manifests(tmp_path, text):
    (tmp_path / "m.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ReportError, match="m.csv"):
        read_manifest(tmp_path / "m.csv")


HOSTILE = {
    "100,000 lines": "".join(f"{i}、增长{i}%\n" for i in range(100_000)),
    "50,000 headings": "一、工作回顾\n（二）重点工作\n" * 25_000,
    "wrapped lines": "新增城镇就业人数保持平稳增长态势持续向好\n" * 50_000,
    "one line": "全县地区生产总值增长8.2%，城镇登记失业率控制在3.8%以内。" * 25_000,
    "one line with blanks": "全县地区生产总值增长8.2%。 一、" * 25_000,
    "digits": "7" * 1_000_000,
    "marks": "。；”）" * 100_000,
    "open quotes": "“" * 1_000_000,
    "controls": "增\x00\x01\x1c\x85\u2028\ufeff" * 50_000,
    "nothing seen": "\x00\x01\u200b",
    "right to left": "增\u202e长\u200f8%。" * 100_000,
    "halves of characters": "增\ud83d长\udc00" * 100_000,
    "blanks": " \u3000\t" * 300_000 + "增",
    "beyond the basic plane": "\U00020000\U0001f600" * 200_000,
    "impossible dates": "政府工作报告\n0000年0月99日会议\n9999年12月31日会议\n九九九九年政府工作报告\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text(name):
    report = from_text(HOSTILE[name], name=HOSTILE[name][:100])
    text = report.text
    assert text.encode().decode() == text and not set("\x00\x01\r\x85\u2028\u202e\u200f") & set(text)
    assert (report.year, report.date) == (None, None)
    assert all(text.startswith(s.title, s.start) and s.start < s.end <= len(text) for s in report.sections)
    end = 0
    for sentence in sentences_of(report):
        assert end <= sentence.start < sentence.end <= len(text)
        assert text[sentence.start : sentence.end].strip() == text[sentence.start : sentence.end]
        end = sentence.end
