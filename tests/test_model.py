import dataclasses
import json

import numpy as np
import pytest
import spacy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.collate import Collator
from pipeline.config import as_text, read_config
from pipeline.corpus import filled, load_dataset, sentence_of
from pipeline.encoder import CharacterEncoder
from pipeline.errors import ConfigError, ModelError
from pipeline.evaluate import score
from pipeline.mentions import TAGS, decode, encode_tags
from pipeline.predict import assemble, load, predict, with_gold
from pipeline.relations import Pairs, choose
from pipeline.schema import LABELS, Sentence
from pipeline.train import ExtractorConfig, build, fit
from tests.conftest import ROOT


def configured(encoder, **training):
    config = read_config(ROOT / "configs" / "extractor.cfg", ExtractorConfig)
    return dataclasses.replace(
        config,
        encoder=dataclasses.replace(config.encoder, path=str(encoder)),
        heads=dataclasses.replace(config.heads, dropout=0.0),
        training=dataclasses.replace(config.training, redraw=0.0, mask_characters=0.0, **training),
    )


def rows(records):
    """The records as the loader gives them."""
    return [filled(record) for record in records]


@pytest.mark.slow
def test_a_tiny_encoder_learns_thirty_sentences_by_heart(tiny_encoder, sample, tmp_path):
    config = configured(
        tiny_encoder, epochs=40, batch_size=6, encoder_learning_rate=3e-3, head_learning_rate=3e-3, seed=2
    )
    model = build(config)
    fit(model, rows(sample), [], config.training, tmp_path)
    table = score(sample, list(predict(assemble(model.modules_by_name), sample)))
    for name in ("entity", "relation", "fact"):
        assert table[name]["f1"] == 100, table[name]
    for name in ("kind", "dir", "status", "bound"):
        assert table[f"attribute/{name}"]["accuracy"] == 100


def test_training_goes_on_after_a_kill(tiny_encoder, sample, tmp_path):
    config = configured(tiny_encoder, epochs=1, batch_size=10)
    fit(build(config), rows(sample), [], config.training, tmp_path)
    first = sorted(p.name for p in tmp_path.glob("checkpoint-*"))
    longer = dataclasses.replace(config.training, epochs=2)
    fit(build(config), rows(sample), [], longer, tmp_path)
    assert first == ["checkpoint-3"]
    assert sorted(p.name for p in tmp_path.glob("checkpoint-*")) == ["checkpoint-3", "checkpoint-6"]


@pytest.mark.slow
def test_training_keeps_the_better_of_best_epoch_and_average(tiny_encoder, sample, tmp_path):
    config = configured(tiny_encoder, epochs=4, batch_size=6, encoder_learning_rate=3e-3, head_learning_rate=3e-3)
    model, records = build(config), rows(sample)
    kept = fit(model, records[:24], records[24:], config.training, tmp_path)
    table = score(records[24:], list(predict(assemble(model.modules_by_name), records[24:])))
    assert kept["eval_fact~"] == table["fact~"]["f1"]
    told = json.loads((max(tmp_path.glob("checkpoint-*"), key=lambda p: int(p.name[11:])) / "trainer_state.json").read_text())
    assert kept["eval_fact~"] >= max(row.get("eval_fact~", 0) for row in told["log_history"])


def test_batch_size_changes_nothing(nlp, sample):
    one = list(predict(nlp, sample, batch_size=1))
    many = list(predict(nlp, sample, batch_size=64))
    assert one == many


def test_bfloat16_reads_as_single_precision_does(nlp, sample, monkeypatch):
    tables = {}
    for able in (True, False):
        monkeypatch.setattr("pipeline.encoder.native_bfloat16", lambda able=able: able)
        tables[able] = list(predict(nlp, sample))
    likeness = score(tables[False], tables[True])
    assert likeness["entity"]["f1"] > 97 and likeness["relation"]["f1"] > 96


def test_a_feature_of_words(tiny_encoder, sample):
    config = configured(tiny_encoder)
    model = build(dataclasses.replace(config, encoder=dataclasses.replace(config.encoder, use_words=True)))
    collated = model.encoder.collate(model.encoder.preprocess(["全市地区生产总值", "全市"], [Sentence(0, 8), Sentence(0, 2)]))
    plain = model.encoder(collated)
    with torch.no_grad():
        model.encoder.words.weight[0] = 1.0
    assert torch.allclose(model.encoder(collated) - plain, (collated["words"] == 0)[..., None].float(), atol=1e-5)


def test_offsets_and_links_of_predictions(nlp, sample):
    for record in predict(nlp, sample):
        ids = {e["id"]: e for e in record["entities"]}
        for entity in record["entities"]:
            assert 0 <= entity["start_offset"] < entity["end_offset"] <= len(record["text"])
            assert entity["label"] in LABELS
        assert all(ids[r["from_id"]]["label"] == "VALUE" for r in record["relations"])
        linked = {r["to_id"] for r in record["relations"]}
        assert all(e["id"] in linked for e in record["entities"] if e["label"] in ("METRIC", "UNIT"))


def test_gold_mentions_are_kept(nlp, sample):
    table = score(sample, list(with_gold(nlp, sample)))
    assert table["entity"]["f1"] == 100
    assert table["relation"]["f1"] > 60


def test_half_width_marks_and_full_width_digits_read_alike(nlp):
    texts = ["全市地区生产总值增长8.2%，粮食总产量达到57万吨。", "全市地区生产总值增长８.２％,粮食总产量达到５７万吨。"]
    found = list(predict(nlp, [{"id": i, "text": t} for i, t in enumerate(texts)]))
    spans = [[(e["label"], e["start_offset"], e["end_offset"]) for e in r["entities"]] for r in found]
    assert spans[0] == spans[1]


def test_long_sentence_goes_through_windows(nlp):
    text = "，".join(f"新建学校{i}所" for i in range(1, 120)) + "。"
    record = next(iter(predict(nlp, [{"id": 1, "text": text}])))
    values = [e for e in record["entities"] if e["label"] == "VALUE"]
    assert len(text) > 800 and len(values) >= 110


def test_spacy_load_gives_the_same(nlp, sample):
    other = spacy.load(ROOT / "models" / "extractor")
    assert list(predict(other, sample[:5])) == list(predict(nlp, sample[:5]))


def test_plain_nlp_call(nlp):
    doc = nlp("去年全市地区生产总值增长8.2%。我们统一思想。")
    assert len(list(doc.sents)) == 2
    assert {"VALUE", "METRIC", "UNIT"} <= {e.label_ for e in doc.ents}
    assert not doc.tensor[18:].any()


def test_saved_and_loaded_again(nlp, tmp_path, sample):
    nlp.to_disk(tmp_path / "m")
    assert list(predict(load(tmp_path / "m"), sample[:5])) == list(predict(nlp, sample[:5]))


def test_missing_or_foreign_model(tmp_path, nlp):
    with pytest.raises(ModelError, match="no model here"):
        load(tmp_path)
    nlp.to_disk(tmp_path / "m")
    meta = tmp_path / "m" / "meta.json"
    meta.write_text(meta.read_text().replace('"baogao_format":1', '"baogao_format":99'))
    with pytest.raises(ModelError, match="format 99"):
        load(tmp_path / "m")
    meta.write_text(meta.read_text().replace('"baogao_format":99', '"baogao_format":1'))
    (tmp_path / "m" / "mentions" / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(ModelError, match="mentions"):
        load(tmp_path / "m")


def test_an_encoder_with_subwords_is_pooled_to_characters(tmp_path, sample):
    """Any BERT drops in: other width, other vocabulary, several characters a token."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    letters = sorted({c for r in sample for c in r["text"].lower() if not c.isspace()})
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *[f"##{c}" for c in letters], "20", "##20", "##21"]
    (tmp_path / "vocab.txt").write_text("\n".join(dict.fromkeys(words)), encoding="utf-8")
    tokenizer = BertTokenizerFast(str(tmp_path / "vocab.txt"))
    tokenizer.save_pretrained(tmp_path)
    BertModel(
        BertConfig(
            vocab_size=len(tokenizer), hidden_size=48, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64
        )
    ).save_pretrained(tmp_path)
    encoder = CharacterEncoder.pretrained(tmp_path, heading_characters=8, window=300, use_position=True, use_words=False, use_areas=True).eval()
    texts = ["2021年 增长12.5%。", "全市"]
    batch = encoder.collate(encoder.preprocess(texts, [Sentence(0, len(t)) for t in texts]))
    vectors = encoder(batch)
    assert vectors.shape == (2, len(texts[0]), 48)
    alone = encoder(encoder.collate(encoder.preprocess(texts[1:], [Sentence(0, 2)])))
    assert torch.allclose(alone[0], vectors[1, :2], atol=1e-5)


def test_no_encoder_there(tmp_path):
    with pytest.raises(ModelError, match="no encoder"):
        build(configured(tmp_path / "none"))


@given(st.data())
@settings(max_examples=60)
def test_decoding_gives_whole_spans(data):
    length = data.draw(st.integers(1, 12))
    seed = data.draw(st.integers(0, 10**6))
    scores = torch.from_numpy(np.random.default_rng(seed).normal(size=(length, len(TAGS)))).log_softmax(-1).numpy()
    spans = decode(scores[None], [length])[0]
    assert all(a[1] <= b[0] for a, b in zip(spans, spans[1:], strict=False))
    tags = encode_tags(length, [s[:3] for s in spans])
    sure = np.full((length, len(TAGS)), -50.0)
    sure[np.arange(length), tags] = 0.0
    # longer and shorter sentences beside it change nothing
    beside = np.stack([sure, np.roll(sure, 1, axis=0)])
    padded = np.concatenate([beside, np.zeros((2, 3, len(TAGS)))], axis=1)
    found = decode(padded, [length, length + 3])[0]
    assert [s[:3] for s in found] == [s[:3] for s in spans] == [s[:3] for s in decode(sure[None], [length])[0]]


def test_pairs_and_choice():
    text = "粮食产量100亿斤，居全省第三位"
    mentions = [(0, 4, "METRIC"), (4, 8, "VALUE"), (8, 9, "UNIT"), (11, 13, "REGION"), (13, 15, "VALUE"), (15, 16, "UNIT")]
    pairs = Pairs(text, mentions)
    assert len(pairs.members) == 8
    targets = pairs.targets({(1, 0): "metric", (4, 3): "base"})
    assert sum(t != 0 for t in targets) == 2
    probability = np.full((8, 3), 0.05)
    probability[:, 1] = 0.9
    kept = choose(mentions, pairs, probability)
    for value in (1, 4):
        units = [c for v, c, kind, _ in kept if v == value and kind == "unit"]
        assert len(units) == 1


def test_collator_redraws_digits_only(tiny_encoder, sample):
    encoder = build(configured(tiny_encoder)).encoder
    record = next(r for r in rows(sample) if any(e["label"] == "VALUE" for e in r["entities"]))
    again = Collator(encoder, redraw=1.0, mask=0.0, seed=5)._redrawn(record)
    assert len(again["text"]) == len(record["text"])
    changed = {i for i, (a, b) in enumerate(zip(again["text"], record["text"], strict=True)) if a != b}
    inside = {i for e in record["entities"] if e["label"] == "VALUE" for i in range(e["start_offset"], e["end_offset"])}
    assert changed <= inside


def test_configuration_faults(tmp_path):
    text = (ROOT / "configs" / "extractor.cfg").read_text(encoding="utf-8")
    for old, new, message in (
        ("dropout =", "drop_out =", "did you mean dropout"),
        ("[heads]", "[hats]", "unknown section"),
        ("patience = 6", "", "missing setting"),
        ("epochs = ", "epochs = true #", "is no int"),
    ):
        path = tmp_path / "c.cfg"
        path.write_text(text.replace(old, new), encoding="utf-8")
        with pytest.raises(ConfigError, match=message):
            read_config(path, ExtractorConfig)
    config = read_config(ROOT / "configs" / "extractor.cfg", ExtractorConfig)
    (tmp_path / "again.cfg").write_text(as_text(config), encoding="utf-8")
    assert read_config(tmp_path / "again.cfg", ExtractorConfig) == config


def test_loader_and_context():
    record = next(iter(load_dataset([ROOT / "tests" / "data" / "gold.jsonl"])))
    assert sentence_of(record).section
