import json

import pytest
import torch

from pipeline.corpus import check_record
from pipeline.errors import ModelError
from pipeline.predict import DEFAULT_MODEL, predict
from pipeline.silver import ensemble, label


def test_one_model_twice_reads_like_once(nlp, sample):
    twice = ensemble([DEFAULT_MODEL, DEFAULT_MODEL])
    assert list(predict(twice, sample)) == list(predict(nlp, sample))


def test_models_that_read_otherwise_are_refused(tmp_path, nlp):
    nlp.to_disk(tmp_path)
    path = tmp_path / "encoder" / "settings.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "window": 77}))
    with pytest.raises(ModelError, match="otherwise"):
        ensemble([DEFAULT_MODEL, tmp_path])


def test_labels_are_records_of_the_scheme(tmp_path):
    lines = ["一、2021年工作回顾", "全市地区生产总值完成312亿元，增长6.5%。", "新增城镇就业1.2万人。", "我们深知差距。"]
    (tmp_path / "corpus.txt").write_text("\n".join(lines), encoding="utf-8")
    one = list(label([tmp_path], ensemble([DEFAULT_MODEL]), sentences=9, per_report=9, sure=0.0, seed=1))
    assert one and all(not check_record(record) for record in one)
    assert all(any(c.isdigit() for c in record["text"]) for record in one)
    none = label([tmp_path], ensemble([DEFAULT_MODEL]), sentences=9, per_report=9, sure=1.1, seed=1)
    assert list(none) == []


def test_mean_of_heads_is_a_probability(nlp):
    both = ensemble([DEFAULT_MODEL, DEFAULT_MODEL])
    head = both.get_pipe("mentions").module
    vectors = torch.randn(2, 5, both.get_pipe("encoder").module.dimension)
    assert torch.allclose(head(vectors).exp().sum(-1), torch.ones(2, 5), atol=1e-4)
