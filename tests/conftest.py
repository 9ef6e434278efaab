"""Shared fixtures: the shipped model, a tiny random encoder, the example reports."""

import json
import os
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"


def pytest_collection_modifyitems(items):
    absent = pytest.mark.skip(reason="the shared folder is not beside the project")
    for item in items:
        if "shared" in item.keywords and not SHARED.is_dir():
            item.add_marker(absent)


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
