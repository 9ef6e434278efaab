"""Speed of extraction, each figure beside one measured in the same run (`make bench`).

usage: python -m tests.bench [FILE|FOLDER…]   (repeated to 200,000 characters; default: the examples, which are
denser in figures, and so slower, than a whole report)
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.conftest import ROOT

IMPORTS = "import spacy, torch, transformers.models.modernbert.modeling_modernbert"


def seconds(work) -> float:
    """The shorter of two runs."""
    taken = []
    for _ in range(2):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


def fresh(*command: str) -> float:
    return seconds(lambda: subprocess.run([sys.executable, *command], check=True, capture_output=True))


def fresh_docs(nlp, reports) -> list:
    from pipeline.language import sentences_of

    docs = []
    for report in reports:
        doc = nlp.make_doc(report.text)
        doc._.sentences = sentences_of(report)
        docs.append(doc)
    return docs


def resolve(docs, reports) -> None:
    """What makes facts of analysed docs, nothing remembered from before."""
    from pipeline.facts import facts_of
    from pipeline.indicators import match_indicator
    from pipeline.units import parse_unit

    match_indicator.cache_clear()
    parse_unit.cache_clear()
    for doc, report in zip(docs, reports, strict=True):
        list(facts_of(doc, report))


def main() -> None:
    from pipeline import load
    from pipeline.containers import sources
    from pipeline.extraction import analyse
    from pipeline.reports import read_report
    from pipeline.words import words

    files = [Path(source.file) for source in sources(sys.argv[1:] or [ROOT / "examples"])]
    reports = [read_report(path) for path in files]
    size = sum(len(r.text) for r in reports)
    reports *= max(1, 200_000 // size)
    size = sum(len(r.text) for r in reports)

    imports = fresh("-c", IMPORTS)
    process = fresh("-m", "pipeline.cli", "extract", *map(str, files), "-o", str(ROOT / "runs" / "bench.jsonl"))
    loading = seconds(load)
    nlp = load()
    encoder = nlp.get_pipe("encoder")
    docs = fresh_docs(nlp, reports)
    extraction = seconds(lambda: list(analyse(nlp, reports)))
    encoding = seconds(lambda: list(encoder.pipe(docs, batch_size=8)))
    read = list(nlp.pipe(fresh_docs(nlp, reports), batch_size=8))
    resolving = seconds(lambda: resolve(read, reports))
    cutting = seconds(lambda: [words(r.text) for r in reports])

    print(f"{len(reports)} reports, {size:,} characters")
    print(f"fresh process, {len(files)} files   {process:6.2f} s   {process / imports:5.2f} x the libraries' imports alone")
    print(f"loading the model          {loading:6.2f} s   {loading / imports:5.2f} x the libraries' imports alone")
    print(f"extraction, once loaded    {size / extraction:8,.0f} characters/s   {encoding / extraction:5.0%} of it the encoder")
    print(f"                           {resolving / extraction:5.0%} of it numbers, units, periods, areas, indicators")
    print(f"                           {cutting / extraction:5.2f} x the speed of pkuseg's word cutting on one core")


if __name__ == "__main__":
    main()
