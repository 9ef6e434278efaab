"""An annotator at work: doccano's pages in Debian's chromium, with a mouse."""

import copy
import json
import os
import shutil

import pytest

from tests.conftest import DOCCANO_PASSWORD
from tests.test_cli import baogao

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip

TEXT = "全市地区生产总值完成550亿元，增长6.5%。"
RECORD = {
    "id": "s-1",
    "text": TEXT,
    "entities": [
        {"id": 1, "label": "METRIC", "start_offset": 2, "end_offset": 8},
        {
            "id": 2, "label": "VALUE", "start_offset": 10, "end_offset": 14,
            "kind": "level", "status": "actual", "bound": "=",
        },
        {"id": 3, "label": "UNIT", "start_offset": 14, "end_offset": 15},
        {
            "id": 4, "label": "VALUE", "start_offset": 18, "end_offset": 21,
            "kind": "rate", "dir": "up", "status": "actual", "bound": "=",
        },
        {"id": 5, "label": "UNIT", "start_offset": 21, "end_offset": 22},
    ],
    "relations": [
        {"id": 1, "from_id": 2, "to_id": 1, "type": "metric"},
        {"id": 2, "from_id": 2, "to_id": 3, "type": "unit"},
        {"id": 3, "from_id": 4, "to_id": 1, "type": "metric"},
        {"id": 4, "from_id": 4, "to_id": 5, "type": "unit"},
    ],
    "context": {"section": "一、2021年工作回顾", "previous": "过去一年，我们迎难而上。", "position": 0.1},
    "meta": {"doc": "sample", "region": "云岭县", "level": "county", "report_year": "2022"},
}  # fmt: skip

WHERE = """(text, [start, end]) => {
    const range = document.createRange()
    range.setStart(text.firstChild, start)
    range.setEnd(text.firstChild, end)
    const box = range.getBoundingClientRect()
    return [box.left, box.right, (box.top + box.bottom) / 2]
}"""


@pytest.fixture
def page():
    if CHROMIUM is None:
        pytest.skip("no chromium on the path: apt-get install chromium")
    api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser.new_page(viewport={"width": 1280, "height": 1450})
        browser.close()


@pytest.mark.browser
def test_annotator_adds_a_mention_by_mouse(signed_in, page, tmp_path):
    (tmp_path / "in.jsonl").write_text(json.dumps(RECORD), encoding="utf-8")
    run = baogao("doccano", "push", "in.jsonl", "--project", "browser", cwd=tmp_path)
    assert run.returncode == 0, run.stderr.decode()
    project = run.stdout.decode().split()[-1]

    page.goto(f"{signed_in.url}/auth")
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", DOCCANO_PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/projects")
    page.goto(f"{project}/sequence-labeling?page=1")

    text = page.locator("svg text", has_text=TEXT)
    text.wait_for()
    page.locator("svg text", has_text="kind:rate").wait_for()
    shown = page.locator("svg text").all_text_contents()
    assert {"METRIC", "VALUE", "UNIT", "kind:rate", "dir:up", "metric", "unit"} <= set(shown)
    assert "过去一年，我们迎难而上。" in page.content() and "一、2021年工作回顾" in page.content()

    page.locator(".v-chip", has_text="REGION").click()
    left, right, height = text.evaluate(WHERE, [0, 2])
    page.mouse.move(left + 1, height)
    page.mouse.down()
    page.mouse.move((left + right) / 2, height)
    page.mouse.move(right - 1, height)
    with page.expect_response(lambda answer: answer.url.endswith("/spans") and answer.request.method == "POST"):
        page.mouse.up()
    page.locator("svg text", has_text="REGION").wait_for()
    page.locator(".toolbar-control button").first.click()  # approve
    page.get_by_text("100%").wait_for()
    page.wait_for_timeout(500)  # the bar moves there
    page.screenshot(path=os.environ.get("BAOGAO_SCREENSHOT", tmp_path / "doccano.png"))

    run = baogao("doccano", "pull", "--project", "browser", "-o", "mine.jsonl", "--approved", cwd=tmp_path)
    assert run.returncode == 0, run.stderr.decode()
    expected = copy.deepcopy(RECORD)
    for entity in expected["entities"]:
        entity["id"] += 1
    for relation in expected["relations"]:
        relation["from_id"] += 1
        relation["to_id"] += 1
    expected["entities"].insert(0, {"id": 1, "label": "REGION", "start_offset": 0, "end_offset": 2})
    assert json.loads((tmp_path / "mine.jsonl").read_text(encoding="utf-8")) == expected
