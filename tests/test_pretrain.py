import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch

from pipeline.characters import build_tokenizer, distributional_embeddings
from pipeline.config import read_config
from pipeline.encoder import CharacterEncoder
from pipeline.errors import CorpusError, ModelError
from pipeline.optim import Muon
from pipeline.packing import Masker, corpus_files, held_out, pack, stream
from pipeline.pretrain import EncoderConfig, pretrain
from tests.conftest import ROOT


@pytest.fixture
def config():
    found = read_config(ROOT / "configs" / "encoder.cfg", EncoderConfig)
    return dataclasses.replace(
        found,
        model=dataclasses.replace(
            found.model, hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, min_count=1
        ),
        data=dataclasses.replace(found.data, sequence_length=32, held_out_share=0.1, held_out_sequences=4, shuffle_sequences=8),
        training=dataclasses.replace(found.training, batch_size=4, steps=6, checkpoint_every=3, log_every=1),
    )


@pytest.fixture
def corpus(tmp_path):
    lines = [f"全市新建学校{i}所，增长{i % 17}.{i % 7}%，改造道路{i * 3}公里。" for i in range(200)]
    (tmp_path / "a.txt").write_text("\n".join(lines), encoding="utf-8")
    rows = [{"id": i, "text": line} for i, line in enumerate(lines)]
    (tmp_path / "b.jsonl").write_text("\n".join(json.dumps(r, ensure_ascii=False) for r in rows), encoding="utf-8")
    return tmp_path


def test_pretraining_writes_an_encoder_that_loads(corpus, config, tmp_path):
    output, work = tmp_path / "encoder", tmp_path / "work"
    result = pretrain([corpus / "a.txt"], output, config, work=work)
    assert result["steps"] == 6 and result["perplexity"] > 1
    assert (output / "loss.png").stat().st_size > 1000
    assert CharacterEncoder.pretrained(output, heading_characters=4, window=100, use_position=True, use_words=False, use_areas=True).dimension == 32
    again = pretrain([corpus / "a.txt"], output, config, work=work, steps=8)
    assert again["steps"] == 8
    assert [p.name for p in work.glob("*/checkpoint-8")] == ["checkpoint-8"]


def test_resumed_equals_undisturbed(corpus, config, tmp_path):
    whole = pretrain([corpus / "b.jsonl"], tmp_path / "one", config, work=tmp_path / "w1")
    pretrain([corpus / "b.jsonl"], tmp_path / "two", config, work=tmp_path / "w2")
    # as if killed behind step 3
    shutil.rmtree(next((tmp_path / "w2").glob("*/checkpoint-6")))
    resumed = pretrain([corpus / "b.jsonl"], tmp_path / "two", config, work=tmp_path / "w2")
    assert resumed["loss"] == pytest.approx(whole["loss"], abs=1e-4)


def test_goes_on_from_an_encoder(corpus, config, tmp_path):
    first = pretrain([corpus / "a.txt"], tmp_path / "one", config, work=tmp_path / "w1", steps=40)
    second = pretrain([corpus / "a.txt"], tmp_path / "two", config, work=tmp_path / "w1", start=tmp_path / "one")
    assert second["tokens"] == first["tokens"] + 6 * 4 * config.training.accumulation * 32
    assert second["loss"] < first["loss"] + 0.05
    assert len(list((tmp_path / "w1").iterdir())) == 2, "it must not resume the run that made its start"
    with pytest.raises(ModelError, match="no encoder to go on from"):
        pretrain([corpus / "a.txt"], tmp_path / "two", config, work=tmp_path / "w3", start=tmp_path / "none")


def test_held_out_documents_are_never_trained_on(corpus, config):
    lines = (corpus / "a.txt").read_text(encoding="utf-8").splitlines()
    tokenizer = build_tokenizer(lines, min_count=1)
    documents = stream([corpus / "a.txt"])

    def lines_of(rows):
        joined = "".join(c for row in rows for c in tokenizer.convert_ids_to_tokens(row["input_ids"]) if c != "[CLS]")
        return set(joined.split("[SEP]")[1:-1])

    kept = lines_of(pack(documents, tokenizer, config.data, seed=1, validation=True))
    passes = list(pack(documents, tokenizer, config.data, seed=1).take(400))
    fold = tokenizer.backend_tokenizer.normalizer.normalize_str
    away = {fold(line) for line in lines if held_out(line, 0.1)}
    assert kept and kept <= away
    assert not away & lines_of(passes)
    # a new pass packs anew: what comes twice does so by chance
    assert len({tuple(row["input_ids"]) for row in passes}) > 0.9 * len(passes)


def test_no_corpus(tmp_path):
    with pytest.raises(CorpusError, match="no such"):
        corpus_files([tmp_path / "none"])
    with pytest.raises(CorpusError, match="no corpus file"):
        corpus_files([tmp_path])


def test_masking(config):
    tokenizer = build_tokenizer(["全市增长12%，道路里程345公里。"], min_count=1)
    ids = tokenizer("全市增长12%，道路里程345公里。" * 4, add_special_tokens=False)["input_ids"]
    masker = Masker(tokenizer, config.masking, seed=1)
    batch = masker([{"input_ids": ids}, {"input_ids": ids}])
    again = masker([{"input_ids": ids}])
    chosen = batch["labels"] != -100
    share = chosen.float().mean()
    assert 0.15 < share < 0.3
    assert torch.equal(batch["labels"][chosen], torch.tensor([ids, ids])[chosen])
    assert torch.equal(batch["input_ids"][0], again["input_ids"][0])


def test_tokenizer_folds_width_and_case():
    tokenizer = build_tokenizer(["gdp增长12%,"], min_count=1)
    coded = tokenizer("ＧＤＰ增长１２％，", add_special_tokens=False, return_offsets_mapping=True)
    assert tokenizer.unk_token_id not in coded["input_ids"]
    assert coded["offset_mapping"] == [(i, i + 1) for i in range(9)]


def test_characters_in_like_places_get_like_vectors():
    random = np.random.default_rng(0)
    rows = [[5, int(random.choice([6, 7])), 8, 9, int(random.choice([10, 11])), 12] * 20 for _ in range(20)]
    vectors = distributional_embeddings(rows, size=13, dimension=4)

    def likeness(a, b):
        return vectors[a] @ vectors[b] / np.linalg.norm(vectors[a]) / np.linalg.norm(vectors[b])

    assert likeness(6, 7) > 0.9 > likeness(6, 10)


def test_muon_descends():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 4))
    optimizer = Muon(model.named_parameters(), lr=0.01, matrix_lr=0.1, weight_decay=0.0)
    x = torch.randn(64, 8)
    y = x @ torch.randn(8, 4) / 3
    losses = []
    for _ in range(100):
        loss = torch.nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
