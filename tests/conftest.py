"""Shared fixtures: the shipped model, a tiny random encoder, the example reports."""

import json
import os
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
DOCCANO = Path(os.environ.get("BAOGAO_DOCCANO_SERVER", ROOT / ".venv-doccano"))
DOCCANO_PASSWORD = "bai-cheng-2021"


def pytest_collection_modifyitems(items):
    absent = pytest.mark.skip(reason="the shared folder is not beside the project")
    for item in items:
        if "shared" in item.keywords and not SHARED.is_dir():
            item.add_marker(absent)
        if "desk" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.doccano)


@pytest.fixture(scope="session")
def nlp():
    from pipeline import load

    return load()


@pytest.fixture(scope="session")
def sample():
    """Thirty annotated sentences, with and without facts."""
    with open(ROOT / "tests" / "data" / "gold.jsonl", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines][:30]


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory, sample):
    """A folder with a small untrained encoder over the sample's characters."""
    from transformers import ModernBertConfig, ModernBertModel, set_seed

    from pipeline.characters import build_tokenizer

    set_seed(3)
    folder = tmp_path_factory.mktemp("tiny")
    tokenizer = build_tokenizer((r["text"] for r in sample), min_count=1)
    config = ModernBertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=512,
        global_attn_every_n_layers=1,
        pad_token_id=0,
        cls_token_id=2,
        sep_token_id=3,
        bos_token_id=2,
        eos_token_id=3,
    )
    ModernBertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


class Desk:
    """A doccano server that tests can stop and start again."""

    def __init__(self, folder, port):
        self.folder, self.port, self.running = folder, port, ExitStack()
        self.url = f"http://127.0.0.1:{port}"

    def start(self):
        from pipeline.doccano_server import serving

        known = {"user": "admin", "password": DOCCANO_PASSWORD, "host": "127.0.0.1", "port": self.port}
        self.server = self.running.enter_context(serving(self.folder, environment=DOCCANO, **known))

    def stop(self):
        self.running.close()

    def sign_in(self, user="admin"):
        from pipeline.doccano import Doccano

        return Doccano(self.url, user, DOCCANO_PASSWORD)


@pytest.fixture(scope="session")
def desk(tmp_path_factory):
    """A doccano server for the whole run; the tests that use it have the marker `doccano`."""
    if not DOCCANO.is_dir():
        pytest.skip(f"no doccano in {DOCCANO}: `make annotate` builds one, BAOGAO_DOCCANO_SERVER names another")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    desk = Desk(tmp_path_factory.mktemp("doccano"), port)
    with desk.running:
        desk.start()
        yield desk


@pytest.fixture
def signed_in(desk, monkeypatch):
    """The server, with its address and password where the commands look for them."""
    monkeypatch.setenv("BAOGAO_DOCCANO_URL", desk.url)
    monkeypatch.setenv("BAOGAO_DOCCANO_USER", "admin")
    monkeypatch.setenv("BAOGAO_DOCCANO_PASSWORD", DOCCANO_PASSWORD)
    return desk
