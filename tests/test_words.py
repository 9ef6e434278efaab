import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import read_config
from pipeline.errors import ModelError
from pipeline.segmenter import SegmenterConfig, train_segmenter
from pipeline.words import word_tags, words
from tests.conftest import ROOT


def test_terms_are_words():
    assert "地区生产总值" in words("全市地区生产总值增长8%")


def test_words_of_a_doc(nlp):
    doc = nlp.make_doc("全市地区生产总值增长8%。")
    assert "".join(doc._.words) == doc.text and "地区生产总值" in doc._.words


@given(st.text(alphabet="全市增长地区生产总值12.%亿元，。 \t　“”５", max_size=60))
@settings(max_examples=60)
def test_words_are_the_text(text):
    bare = "".join(text.split())
    assert "".join(words(text)) == bare
    tags = word_tags(text)
    assert len(tags) == len(text)
    # a word that begins also ends, and nothing stands inside a word that has not begun
    kept = [t for t, c in zip(tags, text, strict=True) if not c.isspace()]
    opened = False
    for tag in kept:
        assert (tag in (1, 2)) == opened
        opened = tag in (0, 1)
    assert not opened


def test_a_segmenter_is_trained_on_annotations(tmp_path):
    config = read_config(ROOT / "configs" / "segmenter.cfg", SegmenterConfig)
    config = dataclasses.replace(
        config,
        data=dataclasses.replace(
            config.data,
            annotations=[str(ROOT / "tests" / "data" / "gold.jsonl")],
            terms=str(ROOT / "annotations" / "terms.txt"),
        ),
        training=dataclasses.replace(config.training, iterations=2, feature_trim=0),
    )
    scores = train_segmenter([], tmp_path / "segmenter", config)
    assert scores["sentences"] + scores["held_out"] == 61 and scores["f1"] > 50
    assert np.load(tmp_path / "segmenter" / "weights.npz")["w"].any()
    assert "".join(words("全市新建学校3所。", path=tmp_path / "segmenter")) == "全市新建学校3所。"


def test_no_segmenter_there(tmp_path):
    with pytest.raises(ModelError, match="no segmenter here"):
        words("全市", path=tmp_path)
