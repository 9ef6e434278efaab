"""Files to `Report`s: decoding, extraction, unwrapping, furniture, title, issuer, year, sections."""

from __future__ import annotations

import datetime
import hashlib
import re
import statistics
from dataclasses import replace
from pathlib import Path

from pipeline.language import section_tree
from pipeline.manifest import YEARS
from pipeline.readers import SUFFIXES, read_text, stem, whole
from pipeline.regions import Gazetteer, issuer_code, issuer_region
from pipeline.schema import Report, Section

__all__ = ["SUFFIXES", "from_text", "read_report"]

Source = tuple[str, float]

# Lines that are page furniture wherever they stand: whole-line matches only.
_FURNITURE = re.compile(
    r"(?:购物车|我的足迹|立即下载|(?:加入)?(?:Vip|VIP|vip)?免费下载.*|下载|打印|全屏|收藏|分享到?[:：]?|分享到微信|×|[|｜>》《]+|"
    r"【?字[号体][:：]?|【字[号体][:：]?\s*大\s*中\s*小】?|加大|还原|减小|[大中小]|】|【|您的位置[:：]?|当前位置[:：]?.*|首页|"
    r"》*点击图片进入专题《*|相关(?:报道|文档|阅读|链接|新闻)[:：]?|文档附件[:：]?|附件[:：]?|责任编辑[:：].*|上一篇.*|下一篇.*|"
    r"[^。，]{0,40}\.(?:docx?|pdf|wps)|关闭(?:窗口)?|(?:信息|文章|稿件|新闻)?来源[:：][^，。；]{0,30}|(?:发布|更新)(?:时间|日期)[:：][\d\s年月日:：/.-]{0,30}|返回(?:顶部|首页)?|打印本页|扫一扫.*|第\s*\d+\s*页(?:\s*共\s*\d+\s*页)?|-\s*\d+\s*-|—\s*\d+\s*—)"
)
# controls, joiners and marks of direction
_INVISIBLE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_HAN = r"[\u4e00-\u9fff]"
_NUMERAL = "一二三四五六七八九十"
_OPENING = rf"(?:——|[{_NUMERAL}]{{1,3}}、|[（(][{_NUMERAL}]{{1,3}}[）)]|各位代表)"
_HEADING = rf"(?:[{_NUMERAL}]{{1,3}}、|[（(][{_NUMERAL}]{{1,3}}[）)])[^ 。；]{{2,40}}"
_HEADINGS = (
    (1, re.compile(rf"[{_NUMERAL}]{{1,3}}、[^。；]{{2,40}}$")),
    (2, re.compile(rf"[（(][{_NUMERAL}]{{1,3}}[）)][^。；]{{2,40}}。?$")),
)
# unnumbered headings that say which part of the report begins
_PLAIN_HEADING = re.compile(
    r"[^，。；：！]{0,24}(?:工作回顾|工作总体要求|工作安排|主要任务|重点工作|目标任务|工作建议|主要工作|工作任务|名词解释)$"
)
_DELIVERY = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日")
_ASSEMBLY = re.compile(rf"在({_HAN}{{2,12}}?)第[{_NUMERAL}\d]+届")
_TITLE_AREA = re.compile(rf"({_HAN}{{2,12}}?(?:省|市|县|区|州|盟|旗))(?:\d{{4}}年)?(?:人民)?(?:政府)?工作报告")
_SPEAKER_AREA = re.compile(rf"我代表({_HAN}{{2,12}}?(?:省|市|县|区|州|盟|旗))人民政府")
_NOISE_BEFORE_AREA = re.compile(r"^(?:近[一二三四五六七八九十]年|\d{4}年度?|年度?)+")
_CHINESE_DIGIT = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "○": 0, "O": 0, "Ｏ": 0}


def read_report(
    path: Path | str,
    *,
    title: str | None = None,
    region: str | None = None,
    year: int | None = None,
    date: str | None = None,
) -> Report:
    """The report in a file of text, Markdown, HTML, docx or pdf, plain or packed (.gz, .bz2, .xz).

    Args:
        path: the file; its ending says what it is.
        title, region, year, date: known to the caller; they override what the text says.

    Raises:
        ReportError: the file cannot be read, holds no text, or is none of these forms.
    """
    path = Path(path)
    text, source = read_text(path)
    return from_text(text, name=stem(path), id=source, title=title, region=region, year=year, date=date)


def from_text(
    text: str,
    *,
    name: str = "",
    id: str | None = None,
    title: str | None = None,
    region: str | None = None,
    year: int | None = None,
    date: str | None = None,
) -> Report:
    """A report from decoded text: cleaned once, its head read, its headings found."""
    text = clean(text)
    report = Report(id or hashlib.sha256(text.encode()).hexdigest()[:16], text, sections=find_sections(text))
    head = text[:1500]
    date, date_source = (date, ("given", 1.0)) if date else (_date(head), ("head", 0.97))
    region, region_source = (region, ("given", 1.0)) if region else _region(head, name)
    year, year_source = (year, ("given", 1.0)) if year else _year(head, name, date)
    sources = {"region": region_source, "year": year_source, "date": date_source if date else None}
    adcode = issuer_code(region, f"{name}\n{text}") if region else None
    area = issuer_region(adcode, region)
    return replace(
        report,
        title=title or _title(head) or name,
        region=region,
        adcode=adcode,
        level=area.level if area else None,
        year=year,
        date=date,
        sources={k: v for k, v in sources.items() if v},
    )


def clean(text: str) -> str:
    """Text without furniture lines, hard wraps, or the blanks that wraps left inside words."""
    text = re.sub(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]", "\n", whole(text))
    text = text.replace("\xad", "-")
    text = _INVISIBLE.sub("", text)
    lines = [re.sub(r"[ \t\u3000\xa0]+", " ", line).strip() for line in text.split("\n")]
    lines = [line for line in lines if line and not _FURNITURE.fullmatch(line.replace(" ", ""))]
    lines = [part for line in lines for part in _rebroken(line)]
    return "\n".join(_closed_up(line) for line in _unwrapped(lines))


def _rebroken(line: str) -> list[str]:
    """The paragraphs of a page copied into one line: blanks stand where its line ends were."""
    if len(line) < 400 or line.count(" ") < len(line) / 100:
        return [line]
    parts = re.split(rf"(?<=[。：:！!”）)\u4e00-\u9fff]) (?={_OPENING})|(?<=各位代表[:：!！]) ", line)
    return [piece for part in parts for piece in re.sub(rf"^({_HEADING}) ", r"\1\n", part).split("\n")]


def _closed_up(line: str) -> str:
    """No blank between two Chinese characters, or between one and a mark or a figure."""
    inner = r"[\u4e00-\u9fff，。、；：！？“”（）《》—,;:%％]"
    line = re.sub(rf"(?<={inner}) (?={inner}|[0-9A-Za-z])", "", line)
    return re.sub(rf"(?<=[0-9A-Za-z]) (?={inner})", "", line)


def _unwrapped(lines: list[str]) -> list[str]:
    """Hard-wrapped lines joined; a page is taken as wrapped where its lines are of one length."""
    full = [_width(line) for line in lines if _width(line) > 24]
    if len(full) < 20:
        return lines
    width = statistics.quantiles(full, n=20)[-1]
    near = sum(0.85 * width <= n <= width * 1.1 for n in full) / len(full)
    if width > 180 or near < 0.5:
        return lines
    joined: list[list[str]] = []
    for line in lines:
        if joined and _width(joined[-1][-1]) >= 0.85 * width and not re.match(_OPENING, line):
            joined[-1].append(line)
        else:
            joined.append([line])
    return ["".join(parts) for parts in joined]


def _width(line: str) -> int:
    """Columns on a page: two for a Chinese character."""
    return len(line.encode("gb18030", errors="replace"))


def _title(head: str) -> str | None:
    lines = head.split("\n")[:12]
    return next((line for line in lines if "工作报告" in line and len(line) <= 60), None)


def _date(head: str) -> str | None:
    """The day of delivery: the first full date of the head, ISO 8601."""
    lines = head.split("\n")[:20]
    line = next((x for x in lines if _DELIVERY.search(x) and "会议" in x), None) or head[:600]
    match = _DELIVERY.search(line)
    if match is None:
        return None
    try:
        day = datetime.date(*map(int, match.groups()))
    except ValueError:
        return None
    return day.isoformat() if day.year in YEARS else None


def _region(head: str, name: str) -> tuple[str | None, Source | None]:
    """The issuer: from the assembly's line, the speaker's words, the title, then the file's name."""
    for pattern, source in ((_ASSEMBLY, ("assembly", 0.98)), (_SPEAKER_AREA, ("speaker", 0.97)), (_TITLE_AREA, ("title", 0.9))):
        for match in pattern.finditer(head):
            area = _NOISE_BEFORE_AREA.sub("", match.group(1))
            area = re.sub(r"^(?:中国共产党|中共)", "", area)
            if area.startswith("全国"):
                return "全国", source
            if len(area) >= 3 and area[-1] in "省市县区州盟旗":
                return area, source
    if "新疆生产建设兵团" in name or "我代表新疆生产建设兵团" in head or "新疆生产建设兵团工作报告" in head:
        return "新疆生产建设兵团", ("title", 0.9)
    if "我代表国务院" in head or "国务院" in name:
        return "全国", ("speaker", 0.95)
    match = re.search(rf"({_HAN}{{2,10}}?(?:省|市|县|区|州|盟|旗))", _NOISE_BEFORE_AREA.sub("", name))
    if match:
        return match.group(1), ("file name", 0.8)
    known = [name[a:b] for a, b in Gazetteer.default().find(name)]
    return (known[-1], ("file name", 0.7)) if known else (None, None)


def _year(head: str, name: str, date: str | None) -> tuple[int | None, Source | None]:
    """The year a report plans for: of its date, its title, then the file's name.

    A congress that meets in November or December hears next year's report (2022年12月30日: the report of 2023).
    """
    if date:
        year, month = int(date[:4]), int(date[5:7])
        return year + (month >= 11), ("date", 0.97)
    for text, source in ((_title(head) or "", ("title", 0.9)), (name, ("file name", 0.8))):
        match = re.search(r"(?<!\d)((?:19|20)\d\d)(?!\d)", text)
        if match:
            return int(match.group(1)), source
        match = re.search(r"([一二○〇零Ｏ九][一二三四五六七八九○〇零Ｏ]{3})年", text)
        year = int("".join(str(_CHINESE_DIGIT[c]) for c in match.group(1))) if match else 0
        if year in YEARS:
            return year, source
    return None, None


def find_sections(text: str) -> tuple[Section, ...]:
    """Sections by their headings: lines 一、…, （一）… and the usual unnumbered ones."""
    found, offset = [], 0
    for line in text.split("\n"):
        level = next((n for n, pattern in _HEADINGS if pattern.match(line)), None)
        if level is None and len(line) <= 30 and _PLAIN_HEADING.match(line) and offset > 0:
            level = 1
        if level is not None:
            found.append((line, offset, level))
        offset += len(line) + 1
    return section_tree(found, len(text))
