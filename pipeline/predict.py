"""The trained pipeline: put together, loaded, and run over annotation records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span

from pipeline import DEFAULT_MODEL
from pipeline.attributes import Attributes
from pipeline.component import Module
from pipeline.corpus import sentence_of
from pipeline.encoder import Encoder
from pipeline.errors import ModelError
from pipeline.language import mark_sentences
from pipeline.mentions import Mentions
from pipeline.relations import Relations

__all__ = ["FORMAT", "assemble", "load", "predict", "record_doc", "to_record", "whole", "with_gold"]

FORMAT = 1
# importing these registers them, also where the package runs uninstalled
COMPONENTS = {"encoder": Encoder, "mentions": Mentions, "relations": Relations, "attributes": Attributes}
_SENTENCES = mark_sentences


def assemble(modules: dict[str, Module], *, skip_plain: bool = True) -> Language:
    """A spaCy pipeline around the torch modules {component: module}."""
    nlp = spacy.blank("zh", config={"nlp": {"tokenizer": {"@tokenizers": "baogao.characters.v1"}}})
    nlp.meta["baogao_format"] = FORMAT
    nlp.add_pipe("baogao_sentences", name="sentences")
    for name, module in modules.items():
        settings = {"skip_plain": skip_plain} if name == "encoder" else {}
        nlp.add_pipe(f"baogao_{name}", name=name, config=settings).module = module.eval()
    return nlp


def load(path: Path | str = DEFAULT_MODEL) -> Language:
    """The trained pipeline of a folder.

    Raises:
        ModelError: the folder is missing, no pipeline, or of another version.
    """
    path = Path(path)
    if not (path / "meta.json").is_file():
        raise ModelError("no model here", path=path, mend="run `make train`, or name a model with --model")
    found = spacy.util.load_meta(path / "meta.json").get("baogao_format")
    if found != FORMAT:
        raise ModelError(
            f"a model of format {found}, this version reads {FORMAT}", path=path, mend="train it anew with `make train`"
        )
    try:
        return spacy.load(path)
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot be loaded: {str(error).splitlines()[0]}", path=path, mend="train it anew") from error


def predict(nlp: Language, records: Iterable[dict], *, batch_size: int = 256) -> Iterator[dict]:
    """Annotation records from records with id and text; YEAR and REGION are found in every sentence."""

    def docs() -> Iterator[tuple[Doc, dict]]:
        for record in records:
            yield record_doc(nlp, record), record

    with whole(nlp):
        for doc, record in nlp.pipe(docs(), as_tuples=True, batch_size=batch_size):
            yield to_record(doc, record, linked_only=True)


@contextmanager
def whole(nlp: Language) -> Iterator[None]:
    """While it lasts, sentences without a numeral are read too: YEAR and REGION are annotated everywhere."""
    encoder = nlp.get_pipe("encoder")
    skipped, encoder.skip_plain = encoder.skip_plain, False
    try:
        yield
    finally:
        encoder.skip_plain = skipped


def record_doc(nlp: Language, record: dict) -> Doc:
    """A Doc of one sentence, in the context that the record gives."""
    doc = nlp.make_doc(record["text"])
    doc._.sentences = [sentence_of(record)] if record["text"] else []
    return doc


def with_gold(nlp: Language, records: Iterable[dict]) -> Iterator[dict]:
    """Records whose mentions are gold and whose relations and attributes are the model's."""
    components = [nlp.get_pipe(name) for name in ("encoder", "relations", "attributes")]
    for record in records:
        doc = record_doc(nlp, record)
        doc.ents = [Span(doc, e["start_offset"], e["end_offset"], e["label"]) for e in record["entities"]]
        with whole(nlp):
            for component in components:
                doc = component(doc)
        yield to_record(doc, record, linked_only=False)


def to_record(doc: Doc, record: dict, *, linked_only: bool) -> dict:
    """The doc's mentions, attributes and links in the annotation form, under the record's id.

    With `linked_only`, a METRIC or UNIT that no VALUE points to is left out: by the scheme these
    are mentions only where they take part in a fact.
    """
    entities, linked = [], {mention for _, mention, _, _ in doc._.relations}
    for n, entity in enumerate(doc.ents):
        if linked_only and entity.label_ in ("METRIC", "UNIT") and n not in linked:
            continue
        row = {"id": n + 1, "label": entity.label_, "start_offset": entity.start, "end_offset": entity.end}
        row |= {name: choice for name, (choice, _) in (doc._.attributes or {}).get(n, {}).items()}
        entities.append(row)
    relations = [
        {"id": k + 1, "from_id": v + 1, "to_id": c + 1, "type": kind}
        for k, (v, c, kind, _) in enumerate(doc._.relations)
    ]
    kept = {k: record[k] for k in ("context", "meta") if k in record}
    return {"id": record["id"], "text": record["text"], "entities": entities, "relations": relations, **kept}
