"""Where the time goes inside one process, on one thread: imports, model, encoder, resolving, cutting words."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from spacy.language import Language
from spacy.tokens import Doc

from pipeline.schema import Report

__all__ = ["parts"]

_IMPORTS = "import spacy, torch, transformers.models.modernbert.modeling_modernbert"


def parts(reports: Sequence[Report]) -> list[tuple[str, str, str]]:
    """(what, figure, figure beside it) for a table."""
    import torch

    from pipeline import load
    from pipeline.extraction import analyse
    from pipeline.words import words

    torch.set_num_threads(1)  # as a worker
    size = sum(len(report.text) for report in reports)
    imports = _seconds(lambda: subprocess.run([sys.executable, "-c", _IMPORTS], check=True))
    loading = _seconds(load)
    nlp = load()
    encoder = nlp.get_pipe("encoder")
    analysis = _seconds(lambda: list(analyse(nlp, reports)))
    docs = _docs(nlp, reports)
    encoding = _seconds(lambda: list(encoder.pipe(docs, batch_size=8)))
    read = list(nlp.pipe(_docs(nlp, reports), batch_size=8))
    resolving = _seconds(lambda: _resolve(read, reports))
    cutting = _seconds(lambda: [words(report.text) for report in reports])
    return [
        ("loading the model", f"{loading:.2f} s", f"{loading / imports:.2f} × the libraries' imports ({imports:.2f} s)"),
        ("one thread, once loaded", f"{size / analysis:,.0f} characters/s", f"{cutting / analysis:.2f} × pkuseg's word cutting"),
        ("of it the encoder", f"{encoding / analysis:.0%}", ""),
        ("of it numbers, units, periods, areas, indicators", f"{resolving / analysis:.0%}", ""),
    ]


def _seconds(work: Callable[[], object]) -> float:
    """The shorter of two runs."""
    taken = []
    for _ in range(2):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


def _docs(nlp: Language, reports: Sequence[Report]) -> list[Doc]:
    from pipeline.language import sentences_of

    docs = []
    for report in reports:
        doc = nlp.make_doc(report.text)
        doc._.sentences = sentences_of(report)
        docs.append(doc)
    return docs


def _resolve(docs: Sequence[Doc], reports: Sequence[Report]) -> None:
    """What makes facts of analysed docs, no metric or unit remembered from before."""
    from pipeline.facts import facts_of
    from pipeline.indicators import match_indicator
    from pipeline.units import parse_unit

    match_indicator.cache_clear()
    parse_unit.cache_clear()
    for doc, report in zip(docs, reports, strict=True):
        list(facts_of(doc, report))
