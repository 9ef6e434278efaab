"""spaCy's own NER (HashEmbedCNN, width 96, depth 4; transition-based parser) for the five labels, over a file of lines.

usage: python spacy_ner.py ANNOTATIONS FILE PROCESSES   (prints {"characters", "seconds", "found"})

It is trained for a few updates only: enough to predict something, as the speed does not depend on how well.
"""

import json
import random
import sys
import time
from pathlib import Path

import spacy
from spacy.training import Example
from spacy.util import filter_spans, fix_random_seed, minibatch

_SENTENCES, _EPOCHS = 1000, 4


def examples(nlp: spacy.language.Language, folder: Path) -> list[Example]:
    lines = [line for path in sorted(folder.glob("*.jsonl")) for line in path.read_text(encoding="utf-8").splitlines()]
    made = []
    for record in map(json.loads, random.Random(1).sample(lines, min(_SENTENCES, len(lines)))):
        doc = nlp.make_doc(record["text"])
        spans = [doc.char_span(e["start_offset"], e["end_offset"], e["label"]) for e in record["entities"]]
        reference = doc.copy()
        reference.ents = filter_spans([span for span in spans if span is not None])
        made.append(Example(doc, reference))
    return made


def main() -> None:
    fix_random_seed(1)
    nlp = spacy.blank("zh")  # a token a character
    nlp.add_pipe("ner")
    gold = examples(nlp, Path(sys.argv[1]))
    optimizer = nlp.initialize(lambda: gold)
    for _ in range(_EPOCHS):
        for batch in minibatch(gold, 64):
            nlp.update(batch, sgd=optimizer)
    lines = Path(sys.argv[2]).read_text(encoding="utf-8").splitlines()
    start = time.perf_counter()
    found = sum(len(doc.ents) for doc in nlp.pipe(lines, n_process=int(sys.argv[3]), batch_size=64))
    taken = time.perf_counter() - start
    print(json.dumps({"characters": sum(map(len, lines)), "seconds": taken, "found": found}))


if __name__ == "__main__":
    main()
