"""The annotators' loop, on a doccano server of its own."""

import copy
import json
import os
import signal
import socket
import subprocess
import sys
from functools import partial

import pytest

from pipeline import doccano
from pipeline.corpus import check_record
from pipeline.doccano import Doccano, credentials
from pipeline.doccano_records import to_doccano
from pipeline.doccano_server import Server
from pipeline.errors import PipelineError
from tests.conftest import DOCCANO, DOCCANO_PASSWORD
from tests.test_cli import baogao
from tests.test_corpus import RECORD
from tests.test_doccano_records import alike, given


def test_password_from_the_keyring_or_none(monkeypatch):
    import keyring
    from keyring.backend import KeyringBackend

    class Memory(KeyringBackend):
        priority = 1

        def get_password(self, service, username):
            return {("https://desk.example", "an"): "from the ring"}.get((service, username))

        def set_password(self, service, username, password):
            raise AssertionError("nothing is written to the ring")

    before = keyring.get_keyring()
    keyring.set_keyring(Memory())
    try:
        monkeypatch.delenv("BAOGAO_DOCCANO_PASSWORD", raising=False)
        monkeypatch.setenv("BAOGAO_DOCCANO_URL", "https://desk.example/")
        monkeypatch.setenv("BAOGAO_DOCCANO_USER", "an")
        assert credentials() == ("https://desk.example", "an", "from the ring")
        monkeypatch.setenv("BAOGAO_DOCCANO_USER", "bo")
        with pytest.raises(PipelineError, match="no password for bo .set BAOGAO_DOCCANO_PASSWORD"):
            credentials()
    finally:
        keyring.set_keyring(before)


# --- with a server


def write(path, records):
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def by_id(server, project):
    return {e.meta["record"]: e.id for e in server._client.list_examples(project.id)}


def told(run):
    """The one line on standard error."""
    lines = run.stderr.decode().strip().splitlines()
    assert len(lines) == 1 and "Traceback" not in lines[0] and DOCCANO_PASSWORD not in lines[0]
    return lines[0]


def test_push_correct_approve_pull(signed_in, tmp_path):
    records = given(6) + [RECORD]
    write(tmp_path / "in.jsonl", records[:4])
    run = baogao("doccano", "push", "in.jsonl", "--project", "loop", cwd=tmp_path)
    assert run.returncode == 0 and "4 sentences added" in run.stdout.decode(), run.stderr.decode()
    write(tmp_path / "in.jsonl", records)
    run = baogao("doccano", "push", "in.jsonl", "--project", "loop", cwd=tmp_path)
    assert "3 sentences added to project loop, 4 were there" in run.stdout.decode(), run.stderr.decode()

    server = signed_in.sign_in()
    client, project = server._client, server.find("loop")
    assert "METRIC boundaries" in project.guideline and project.guideline.startswith("# In doccano")
    colours = {t.text: t.background_color for t in client.list_label_types(project.id, "span")}
    assert colours["VALUE"] == "#c62828" and {"kind:rate", "dir:down", "status:target", "bound:>="} <= set(colours)
    links = {t.text for t in client.list_label_types(project.id, "relation")}
    assert links == {"metric", "unit", "year", "region", "base"}

    # the annotator: a target, not an actual; no region; the sentence is right now
    example = by_id(server, project)["t-1"]
    assert client.find_example_by_id(project.id, example).meta["context"] == {}
    spans = {(s.start_offset, s.end_offset): s for s in client.list_spans(project.id, example)}
    client.create_span(project.id, example, 7, 8, "status:target")
    client.delete_span(project.id, example, spans[0, 2].id)
    client.update_example_state(project.id, example)
    client.update_example_state(project.id, by_id(server, project)[records[1]["id"]])

    corrected = copy.deepcopy(RECORD)
    corrected["entities"] = [{**e, "id": e["id"] - 1} for e in corrected["entities"][1:]]
    corrected["entities"][1]["status"] = "target"
    corrected["relations"] = [
        {"id": 1, "from_id": 2, "to_id": 1, "type": "metric"}, {"id": 2, "from_id": 2, "to_id": 3, "type": "unit"}
    ]  # fmt: skip
    run = baogao("doccano", "pull", "--project", "loop", "-o", "mine.jsonl", "--approved", cwd=tmp_path)
    assert run.returncode == 0, run.stderr.decode()
    assert read(tmp_path / "mine.jsonl") == [records[1], corrected]
    run = baogao("doccano", "pull", "--project", "loop", "-o", "mine.jsonl", cwd=tmp_path)
    assert read(tmp_path / "mine.jsonl") == [*records[:6], corrected]

    # what annotators changed stays, whether or not it is pushed again
    run = baogao("doccano", "push", "in.jsonl", "--project", "loop", cwd=tmp_path)
    assert "0 sentences added" in run.stdout.decode()
    run = baogao("doccano", "pull", "--project", "loop", "-o", "mine.jsonl", cwd=tmp_path)
    assert read(tmp_path / "mine.jsonl") == [*records[:6], corrected]


def test_a_report_is_annotated_by_the_model(signed_in, tmp_path):
    (tmp_path / "r.txt").write_text("一、2021年工作回顾\n全市地区生产总值完成550亿元，增长6.5%。\n", encoding="utf-8")
    run = baogao("doccano", "push", "r.txt", "--project", "report", cwd=tmp_path)
    assert run.returncode == 0, run.stderr.decode()
    assert baogao("doccano", "pull", "--project", "report", "-o", "mine.jsonl", cwd=tmp_path).returncode == 0
    record = read(tmp_path / "mine.jsonl")[-1]
    marked = [e for e in record["entities"] if e["label"] == "VALUE"]
    values = {record["text"][e["start_offset"] : e["end_offset"]]: e for e in marked}
    assert set(values) == {"550亿", "6.5"} and (values["6.5"]["kind"], values["6.5"]["dir"]) == ("rate", "up")
    assert "2021年工作回顾" in record["context"]["section"] and check_record(record) == []
    # --predict: the model's annotations instead of those that a record brings
    write(tmp_path / "bare.jsonl", [{**record, "id": "again", "entities": [], "relations": []}])
    assert baogao("doccano", "push", "bare.jsonl", "--project", "again", "--predict", cwd=tmp_path).returncode == 0
    (again, faults), *_ = signed_in.sign_in().pull("again", approved=False)["again"]
    assert (again["entities"], faults) == (record["entities"], [])


def test_what_breaks_the_scheme_is_listed_and_left_out(signed_in, tmp_path):
    server = signed_in.sign_in()
    project = server.prepare("faults")
    server.push(project, [RECORD, *given(2)])
    server._client.create_span(project.id, by_id(server, project)["t-1"], 0, 2, "bound:>")
    run = baogao("doccano", "pull", "--project", "faults", "-o", "mine.jsonl", cwd=tmp_path)
    assert run.returncode == 1
    assert told(run) == "baogao: faults: sentence t-1: label bound:> at 0 does not stand on one VALUE"
    assert [r["id"] for r in read(tmp_path / "mine.jsonl")] == [r["id"] for r in given(2)]


def test_what_a_broken_import_left_is_mended(signed_in):
    """Sentences without spans, spans without links, twins; but never what an annotator changed."""
    server = signed_in.sign_in()
    client, project = server._client, server.prepare("mended")
    records = [RECORD, *[r for r in given() if r["relations"]][:4]]
    server.push(project, records)
    ids = by_id(server, project)
    bare, linkless, emptied, edited = (records[i]["id"] for i in (0, 1, 2, 3))
    client.delete_all_spans(project.id, ids[bare])
    client.delete_all_relations(project.id, ids[linkless])
    client.delete_all_spans(project.id, ids[emptied])
    client.update_example_state(project.id, ids[emptied])  # on purpose: approved
    client.delete_span(project.id, ids[edited], client.list_spans(project.id, ids[edited])[0].id)
    server._upload(project, [to_doccano(records[3]), to_doccano(records[4])])  # an import done late
    assert client.count_examples(project.id) == 7

    assert server.push(project, records) == 2
    assert client.count_examples(project.id) == 5
    pulled = {r["id"]: alike(r) for r, _ in server.pull("mended", approved=False)["mended"]}
    for record in (records[0], records[1], records[4]):
        assert pulled[record["id"]] == alike(record)
    assert pulled[emptied]["entities"] == []
    assert len(pulled[edited]["entities"]) == len(records[3]["entities"]) - 1


def test_annotators_who_work_alone_are_compared(signed_in, tmp_path):
    server = signed_in.sign_in()
    project = server.prepare("alone", independent=True)
    records = [RECORD, {**copy.deepcopy(RECORD), "id": "t-2", "text": "全市进出口增长9%。"}]
    server.push(project, records)
    assert server.push(project, records) == 0
    for user in ("an", "bo"):
        server._client.create_user(user, DOCCANO_PASSWORD)
        server._client.add_member(project.id, user, "annotator")
        client = signed_in.sign_in(user)._client
        for key, example in by_id(server, project).items():
            rows = to_doccano(RECORD)["entities"]
            rows = [r for r in rows if not (user == "bo" and key == "t-2" and r["label"] == "REGION")]
            places = {r["id"]: (r["start_offset"], r["end_offset"], r["label"]) for r in rows}
            spans = {k: client.create_span(project.id, example, *place) for k, place in places.items()}
            for link in RECORD["relations"]:
                if link["to_id"] in spans:
                    ends = spans[link["from_id"]].id, spans[link["to_id"]].id
                    client.create_relation(project.id, example, *ends, link["type"])
            client.update_example_state(project.id, example)
    run = baogao("doccano", "pull", "--project", "alone", "-o", "mine.jsonl", cwd=tmp_path)
    assert run.returncode == 0, run.stderr.decode()
    said = run.stdout.decode()
    assert "1 records in mine.jsonl" in said and "1 sentences are in conflict: mine.conflicts.jsonl" in said
    # both found 7 of the one's 8 mentions and 5 of its 6 links
    line = next(line for line in said.splitlines() if "an – bo" in line)
    assert [cell.strip() for cell in line.split("│")][1:-1] == ["an – bo", "2", "93.33", "90.91", *["1.00"] * 4]
    assert read(tmp_path / "mine.jsonl") == [RECORD]
    conflict = read(tmp_path / "mine.conflicts.jsonl")[0]
    found = {who: len(version["entities"]) for who, version in conflict["versions"].items()}
    assert (conflict["id"], found) == ("t-2", {"an": 4, "bo": 3})


def test_refusals_are_one_line(signed_in, tmp_path, monkeypatch):
    write(tmp_path / "in.jsonl", given(2))
    (tmp_path / "mine.jsonl").write_text("mine\n", encoding="utf-8")
    run = baogao("doccano", "pull", "--project", "nowhere", "-o", "mine.jsonl", cwd=tmp_path)
    assert run.returncode == 2 and f"{signed_in.url}: no project 'nowhere' (there are: " in told(run)
    assert (tmp_path / "mine.jsonl").read_text(encoding="utf-8") == "mine\n"
    server = signed_in.sign_in()
    server._client.create_project("flat", "SequenceLabeling", "no overlaps")
    run = baogao("doccano", "push", "in.jsonl", "--project", "flat", cwd=tmp_path)
    assert run.returncode == 2 and "lacks overlapping spans or relations" in told(run)
    server.prepare("empty")
    run = baogao("doccano", "pull", "--project", "empty", "-o", "mine.jsonl", cwd=tmp_path)
    assert run.returncode == 2 and "no sentence to fetch" in told(run)
    with pytest.raises(PipelineError, match="the members of 'empty' share one annotation"):
        server.prepare("empty", independent=True)
    write(tmp_path / "twice.jsonl", [RECORD, RECORD])
    run = baogao("doccano", "push", "twice.jsonl", "--project", "empty", cwd=tmp_path)
    assert run.returncode == 2 and "id t-1 stands twice" in told(run)
    monkeypatch.setenv("BAOGAO_DOCCANO_PASSWORD", "not the one")
    run = baogao("doccano", "push", "in.jsonl", "--project", "empty", cwd=tmp_path)
    assert run.returncode == 2 and "user admin or the password is wrong" in told(run)
    assert "not the one" not in run.stderr.decode()


def test_server_that_stops_half_way(signed_in, tmp_path, monkeypatch):
    """Nothing is lost: a repeat adds the rest, each sentence once."""
    monkeypatch.setattr(doccano, "_AT_ONCE", 5)
    records, parts = given(20), []
    server = signed_in.sign_in()
    project = server.prepare("broken")

    def stop_after_two_parts(done):
        parts.append(done)
        if len(parts) == 3:  # the first call tells what was there
            signed_in.stop()

    with pytest.raises(PipelineError, match="cannot be reached or stopped .*nothing is done twice"):
        server.push(project, records, progress=stop_after_two_parts)
    assert parts == [0, 5, 5]

    write(tmp_path / "in.jsonl", records)
    (tmp_path / "mine.jsonl").write_text("mine\n", encoding="utf-8")
    for command in (["push", "in.jsonl"], ["pull", "-o", "mine.jsonl"]):
        run = baogao("doccano", *command, "--project", "broken", cwd=tmp_path)
        assert run.returncode == 2 and "cannot be reached" in told(run)
    assert (tmp_path / "mine.jsonl").read_text(encoding="utf-8") == "mine\n"

    signed_in.start()
    run = baogao("doccano", "push", "in.jsonl", "--project", "broken", cwd=tmp_path)
    assert "10 sentences added to project broken, 10 were there" in run.stdout.decode(), run.stderr.decode()
    assert baogao("doccano", "pull", "--project", "broken", "-o", "mine.jsonl", cwd=tmp_path).returncode == 0
    assert [alike(r) for r in read(tmp_path / "mine.jsonl")] == [alike(r) for r in records]


def test_task_worker_that_sleeps(signed_in, tmp_path):
    write(tmp_path / "in.jsonl", given(2))
    worker = signed_in.server.processes["task"].pid
    os.kill(worker, signal.SIGSTOP)
    try:
        run = baogao("doccano", "push", "in.jsonl", "--project", "idle", cwd=tmp_path)
    finally:
        os.kill(worker, signal.SIGCONT)
    assert run.returncode == 2 and "not well: CeleryHealthCheckCelery" in told(run)


def test_server_whose_process_ended(tmp_path):
    with pytest.raises(PipelineError, match="task.log: doccano's task process ended with 3"):
        Server("http://127.0.0.1:1", {"task": subprocess.Popen(["sh", "-c", "exit 3"])}, tmp_path).wait()


def test_up_makes_a_project_and_stops_cleanly(desk, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    write(tmp_path / "in.jsonl", [RECORD])
    environment = os.environ | {"BAOGAO_DOCCANO_SERVER": str(DOCCANO)}
    environment.pop("BAOGAO_DOCCANO_PASSWORD", None)
    command = [sys.executable, "-m", "pipeline.cli", "doccano", "up", "in.jsonl", "--port", port, "--folder", "desk"]
    # tests that a shell has put into the background ignore interrupts, and what they start would, too
    heeding = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    run = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True, preexec_fn=heeding
    )
    try:
        said = [line for line in iter(run.stdout.readline, "Ctrl-C stops it; all is kept\n") if line]
        assert f"1 sentences added to project baogao, 0 were there: http://127.0.0.1:{port}/projects/1\n" in said
        secret = tmp_path / "desk" / "password"
        assert secret.stat().st_mode & 0o077 == 0 and secret.read_text() not in "".join(said)
        server = Doccano(f"http://127.0.0.1:{port}", "admin", secret.read_text())
        assert server.pull("baogao", approved=False)["baogao"] == [(RECORD, [])]
    finally:
        run.send_signal(signal.SIGINT)
        assert run.wait(60) == 130
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(port))) != 0


def test_up_that_cannot(tmp_path, monkeypatch):
    monkeypatch.delenv("BAOGAO_DOCCANO_SERVER", raising=False)
    run = baogao("doccano", "up", cwd=tmp_path)
    assert run.returncode == 2 and ".venv-doccano: no doccano here (run `make annotate`" in told(run)
    code = tmp_path / ".venv-doccano" / "lib" / "python3.11" / "site-packages" / "backend" / "manage.py"
    code.parent.mkdir(parents=True)
    code.write_text("")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        run = baogao("doccano", "up", "--port", taken.getsockname()[1], cwd=tmp_path)
    assert run.returncode == 2 and "cannot listen there: Address already in use" in told(run)
