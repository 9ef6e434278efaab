"""The commands of docs/adapt.md, as they stand there, on small data."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from pipeline.config import read_config
from pipeline.corpus import read_records
from pipeline.predict import predict
from pipeline.train import ExtractorConfig
from tests.conftest import ROOT

# blocks marked `sh server` need a doccano server
BLOCK = re.compile(r"^```sh( server)?\n(.*?)^```$", re.M | re.S)


def blocks():
    text = (ROOT / "docs" / "adapt.md").read_text(encoding="utf-8")
    assert text.count("\n```sh") == len(BLOCK.findall(text))
    return [(bool(server), commands.splitlines()) for server, commands in BLOCK.findall(text)]


def test_every_step_is_there_and_only_doccano_needs_a_server():
    named = [line.split()[1] for _, lines in blocks() for line in lines if line.startswith("baogao")]
    order = ["select", "doccano", "check-annotations", "predict", "diff", "evaluate", "train", "extract"]
    assert list(dict.fromkeys(named)) == order
    for server, lines in blocks():
        assert all(server == ("doccano" in line.lower()) for line in lines), lines


@pytest.fixture
def folder(tmp_path, tiny_encoder, sample):
    """The project's folder, small: few annotations, a tiny encoder, one epoch, two reports."""
    for name, file in (("reports", "云岭县-2023.txt"), ("reports-test", "澜川市-1998.md")):
        (tmp_path / name).mkdir()
        shutil.copy(ROOT / "examples" / file, tmp_path / name)
    (tmp_path / "annotations").mkdir()
    with open(tmp_path / "annotations" / "few.jsonl", "w", encoding="utf-8") as out:
        out.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in sample)
    shutil.copytree(tiny_encoder, tmp_path / "models" / "extractor" / "encoder")
    (tmp_path / "configs").mkdir()
    text = (ROOT / "configs" / "extractor.cfg").read_text(encoding="utf-8")
    text, found = re.subn(r"^epochs = \d+$", "epochs = 1", text, flags=re.M)
    assert found == 1
    (tmp_path / "configs" / "extractor.cfg").write_text(text, encoding="utf-8")
    return tmp_path


def annotate(nlp, folder):
    """What comes back from doccano: the model's annotations, three not approved, in one a YEAR taken out."""
    (folder / "mine").mkdir(exist_ok=True)
    for source, target in (("sentences.jsonl", "mine/mine.jsonl"), ("test-sentences.jsonl", "mine-test.jsonl")):
        records = list(predict(nlp, read_records(folder / source)))
        year = next((r, e) for r in records for e in r["entities"] if e["label"] == "YEAR")
        if target == "mine/mine.jsonl":
            record, entity = year
            records = [record, *[r for r in records if r is not record][:-3]]
            record["entities"].remove(entity)
            record["relations"] = [r for r in record["relations"] if r["to_id"] != entity["id"]]
        lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        (folder / target).write_text("".join(lines), encoding="utf-8")


def run(line, folder):
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "NO_COLOR": "1", "COLUMNS": "200", "PYTHONPATH": str(ROOT)}
    line = re.sub(r"^baogao\b", f"{shlex.quote(sys.executable)} -m pipeline.cli", line)
    done = subprocess.run(line, shell=True, cwd=folder, env=environment, capture_output=True, timeout=600)
    # as with diff(1), 1 says that there are differences
    assert done.returncode in ((0, 1) if " diff " in line else (0,)), f"{line}\n{done.stderr.decode()}"
    return done.stdout.decode()


@pytest.mark.slow
def test_the_tutorial_from_reports_to_a_model(folder, nlp):
    told, annotated = [], False
    for server, lines in blocks():
        if server and not annotated:
            annotate(nlp, folder)
            annotated = True
        elif not server:
            told += [run(line, folder) for line in lines]
    text = "\n".join(told)
    # one corrected, three not approved; then nothing but what the models read otherwise
    assert re.search(r"^4 of \d+ records differ; page in corrections.html", text, re.M)
    assert text.count("record removed") == 3
    assert "YEAR removed" in text.partition("page in corrections.html")[0]
    config = read_config(folder / "models" / "mine" / "config.resolved.cfg", ExtractorConfig)
    assert (config.data.annotations, config.encoder.path) == (["annotations", "mine"], "models/extractor/encoder")
    learnt = json.loads((folder / "models" / "mine" / "scores.json").read_text(encoding="utf-8"))["sentences"]
    own = len((folder / "mine" / "mine.jsonl").read_text(encoding="utf-8").splitlines())
    assert 0 < own and learnt > own
    texts = ((folder / "runs" / f"{name}.json").read_text(encoding="utf-8") for name in ("before", "after"))
    before, after = map(json.loads, texts)
    # the test annotations are the shipped model's own; one epoch of a tiny encoder cannot keep up
    assert before["End to end"]["entity"]["f1"] == 100 > after["End to end"]["entity"]["f1"]
    for name in ("corrections.html", "changes.html", "more.jsonl", "facts.jsonl"):
        assert (folder / name).is_file()
