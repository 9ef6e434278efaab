"""baogao: quantitative facts from Chinese government work reports.

    import pipeline

    nlp = pipeline.load()
    for fact in pipeline.extract("report.docx", nlp=nlp):
        print(fact.metric.text, fact.value.number)
"""

from __future__ import annotations

import importlib
from pathlib import Path

__all__ = ["DEFAULT_MODEL", "extract", "load", "read_report"]

DEFAULT_MODEL = Path(__file__).resolve().parent.parent / "models" / "extractor"

_HOME = {"extract": "pipeline.extraction", "load": "pipeline.predict", "read_report": "pipeline.reports"}


def __getattr__(name: str):
    # imported on first use: `import pipeline` and `baogao --help` stay quick
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'pipeline' has no attribute '{name}'")
