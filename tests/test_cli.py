"""The commands as a user runs them: in a process of their own, offline."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.test_corpus import FAULTS, broken


def baogao(*arguments, cwd, stdin=None):
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *map(str, arguments)],
        cwd=cwd, env=environment, input=stdin, capture_output=True, timeout=600,
    )  # fmt: skip


def test_extract_show_and_standard_input(tmp_path):
    run = baogao("extract", ROOT / "examples", "-o", tmp_path / "f.jsonl", cwd=tmp_path)
    assert run.returncode == 0, run.stderr.decode()
    assert "facts from 2 reports" in run.stdout.decode()
    rows = [json.loads(line) for line in (tmp_path / "f.jsonl").read_text(encoding="utf-8").splitlines()]
    assert all(row["schema_version"] == 1 for row in rows)

    shown = baogao("show", ROOT / "examples" / "云岭县-2023.txt", cwd=tmp_path)
    assert shown.returncode == 0 and "地区生产总值" in shown.stdout.decode()

    text = "今年全市地区生产总值增长8%。".encode("gb18030")
    piped = baogao("extract", "-", "-o", tmp_path / "p.jsonl", "--region", "白城市", cwd=tmp_path, stdin=text)
    assert piped.returncode == 0, piped.stderr.decode()
    fact = json.loads((tmp_path / "p.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert (fact["value"]["number"], fact["report"]["region"]) == (8, "白城市")


def test_predict_and_evaluate(tmp_path):
    gold = ROOT / "tests" / "data" / "gold.jsonl"
    assert baogao("predict", gold, "-o", tmp_path / "p.jsonl", cwd=tmp_path).returncode == 0
    run = baogao("evaluate", gold, "-o", tmp_path / "s.json", cwd=tmp_path)
    assert run.returncode == 0, run.stderr.decode()
    tables = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    assert tables["On gold mentions"]["entity"]["f1"] == 100
    assert (tmp_path / "s.md").read_text(encoding="utf-8").startswith("## End to end")


def test_check_annotations(tmp_path):
    run = baogao("check-annotations", ROOT / "annotations", "--stats", cwd=tmp_path)
    assert run.returncode == 0, run.stderr.decode()
    assert "| facts |" in run.stdout.decode()
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(broken(FAULTS["edge"]), ensure_ascii=False), encoding="utf-8")
    run = baogao("check-annotations", path, cwd=tmp_path)
    assert run.returncode == 2 and f"{path}:1:" in run.stderr.decode()


@pytest.mark.slow
def test_train_from_own_annotations(tmp_path, tiny_encoder):
    """A user's annotations, a small encoder, one epoch; then the model extracts."""
    (tmp_path / "mine").mkdir()
    shutil.copy(ROOT / "tests" / "data" / "gold.jsonl", tmp_path / "mine")
    text = (ROOT / "configs" / "extractor.cfg").read_text(encoding="utf-8")
    text = text.replace('"models/encoder"', json.dumps(str(tiny_encoder))).replace('["annotations"]', '["mine"]')
    text = re.sub(r"^epochs = \d+", "epochs = 1", text, flags=re.M)
    (tmp_path / "c.cfg").write_text(text, encoding="utf-8")
    (tmp_path / "corpus.txt").write_text("全市地区生产总值完成550亿元，增长6.5%。\n新增城镇就业1.2万人。\n", encoding="utf-8")
    run = baogao("label", "corpus.txt", "-o", "silver.jsonl", "--sure", "0.1", cwd=tmp_path)
    assert run.returncode == 0, run.stderr.decode()
    run = baogao("train", "c.cfg", "-o", "model", "--silver", "silver.jsonl", cwd=tmp_path)
    assert run.returncode == 0, run.stderr.decode()
    for name in ("meta.json", "scores.json", "config.resolved.cfg", "README.md"):
        assert (tmp_path / "model" / name).is_file()
    scores = json.loads((tmp_path / "model" / "scores.json").read_text(encoding="utf-8"))
    assert re.fullmatch(r"[0-9a-f]{64}", scores["data_sha256"])
    assert scores["silver"] == 2
    assert "2 sentences of published reports" in (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    # with other annotations it trains anew, and does not go on from the first run's checkpoints
    lines = (tmp_path / "mine" / "gold.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "mine" / "gold.jsonl").write_text("".join(lines[:40]), encoding="utf-8")
    assert baogao("train", "c.cfg", "-o", "model", cwd=tmp_path).returncode == 0
    assert len(list((tmp_path / "runs" / "extractor").iterdir())) == 2
    again = json.loads((tmp_path / "model" / "scores.json").read_text(encoding="utf-8"))
    assert again["data_sha256"] != scores["data_sha256"]
    run = baogao("extract", ROOT / "examples", "--model", "model", cwd=tmp_path)
    assert run.returncode == 0, run.stderr.decode()


BAD = {
    "no such file": ["extract", "none.txt"],
    "no report in this folder": ["extract", "folder"],
    "no such form of output": ["extract", "good.txt", "-o", "facts.doc"],
    "report goes with .jsonl only": ["extract", "good.txt", "-o", "facts.csv", "--per", "report"],
    "no model here": ["extract", "good.txt", "--model", "folder"],
    "not JSON": ["predict", "good.txt"],
    "edge (offset off by one?)": ["evaluate", "off.jsonl"],
    "no such configuration": ["train", "none.cfg"],
    "the file is empty": ["show", "empty.txt"],
    "an encrypted or broken": ["show", "broken.pdf"],
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input_is_one_line_and_status_two(tmp_path, message):
    (tmp_path / "folder").mkdir()
    (tmp_path / "good.txt").write_text("全市地区生产总值增长8%。", encoding="utf-8")
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 broken")
    (tmp_path / "off.jsonl").write_text(json.dumps(broken(FAULTS["edge"]), ensure_ascii=False), encoding="utf-8")
    run = baogao(*BAD[message], cwd=tmp_path)
    told = run.stderr.decode().strip()
    assert run.returncode == 2, told
    assert len(told.splitlines()) == 1 and "Traceback" not in told
    assert message.replace("an encrypted or broken", "a broken pdf") in told


def test_only_bad_reports(tmp_path):
    (tmp_path / "bad.docx").write_bytes(b"no zip")
    run = baogao("extract", "bad.docx", cwd=tmp_path)
    assert run.returncode == 2
    assert (tmp_path / "facts.errors.jsonl").is_file()


def test_progress_and_stopping_off_a_terminal(tmp_path):
    for n in range(6):
        (tmp_path / f"{n}.txt").write_text(f"全市地区生产总值增长{n}.5%。" * 400, encoding="utf-8")
    (tmp_path / "3.txt").write_bytes(b"")
    run = baogao("extract", ".", "--log-every", "0.1", "--workers", "1", cwd=tmp_path)
    told = run.stderr.decode()
    assert run.returncode == 1 and re.search(r"^\d reports, [\d.]+ reports/s, [\d,]+ characters/s, [\d,]+ facts, \d failed$", told, re.M)
    assert "3.txt: the file is empty (leave it out)" in told
    (tmp_path / "facts.jsonl").unlink()
    run = baogao("extract", ".", "--fail-fast", cwd=tmp_path)
    assert run.returncode == 1 and "stopped" in run.stdout.decode() and not (tmp_path / "facts.jsonl").exists()
    run = baogao("extract", ".", cwd=tmp_path)
    assert run.returncode == 2 and "an unfinished run is here (go on with --resume" in run.stderr.decode()
    run = baogao("extract", ".", "--resume", cwd=tmp_path)
    assert run.returncode == 1 and len((tmp_path / "facts.errors.jsonl").read_text().splitlines()) == 1


def test_readme_commands_exist():
    """Every `make` target and `baogao` command that a README names is there."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    cli = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "pipeline").glob("cli*.py"))
    for name in ("README.md", "README.zh.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        targets, commands = set(re.findall(r"^make (\w+)", text, re.M)), set(re.findall(r"^baogao ([\w-]+)", text, re.M))
        assert {"extract", "test", "train"} <= targets and {"extract", "predict", "evaluate"} <= commands
        assert all(re.search(rf"^{target}:", makefile, re.M) for target in targets)
        commands |= set(re.findall(r"^baogao doccano (\w+)", text, re.M))
        assert all(f"def {command.replace('-', '_')}(" in cli or f'name="{command}"' in cli for command in commands)


def test_panel_and_manifest(tmp_path):
    text = "各位代表：\n一、2021年工作回顾\n全市地区生产总值完成550亿元，增长6.5%。\n二、2022年工作安排\n地区生产总值增长7%左右。\n"
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    (tmp_path / "m.csv").write_text("path,region,year\na.txt,白城市,2022\n", encoding="utf-8")
    run = baogao("extract", "a.txt", "--manifest", "m.csv", cwd=tmp_path)
    assert run.returncode == 0, run.stderr.decode()
    for name in ("panel.csv", "panel.xlsx"):
        run = baogao("panel", "facts.jsonl", "-o", name, cwd=tmp_path)
        assert run.returncode == 0 and f"in {name}" in run.stdout.decode(), run.stderr.decode()
    assert "220800,2021-01-01,2021-12-31,gdp,level,actual" in (tmp_path / "panel.csv").read_text(encoding="utf-8-sig")
    run = baogao("panel", "facts.jsonl", "-o", "targets.csv", "--growth-targets", cwd=tmp_path)
    assert run.returncode == 0 and "左右" in (tmp_path / "targets.csv").read_text(encoding="utf-8-sig")
    for bad in (("panel", "none.jsonl"), ("panel", "facts.jsonl", "-o", "x.doc"), ("extract", "a.txt", "--manifest", "a.txt")):
        run = baogao(*bad, cwd=tmp_path)
        assert run.returncode == 2 and len(run.stderr.decode().strip().splitlines()) == 1
