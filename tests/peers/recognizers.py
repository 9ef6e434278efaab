"""Recognizers-Text over a file of lines: currencies, dimensions and times in Chinese (an environment of its own).

usage: python recognizers.py FILE PROCESSES   (prints {"characters", "seconds", "found"}, loading left out)
"""

import json
import multiprocessing
import sys
import time
from pathlib import Path

from recognizers_date_time import DateTimeRecognizer
from recognizers_number_with_unit import NumberWithUnitRecognizer
from recognizers_text import Culture

_MODELS = []


def load(_: object = None) -> None:
    units, times = NumberWithUnitRecognizer(Culture.Chinese), DateTimeRecognizer(Culture.Chinese)
    models = units.get_currency_model(), units.get_dimension_model(), times.get_datetime_model()
    _MODELS.extend(models)
    read("2023年增长6.5%，达到30万吨，投资1亿元。")  # what is made at the first use


def read(line: str) -> int:
    return sum(len(model.parse(line)) for model in _MODELS)


def main() -> None:
    lines, processes = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines(), int(sys.argv[2])
    if processes == 1:
        load()
        start = time.perf_counter()
        found = sum(map(read, lines))
    else:
        with multiprocessing.Pool(processes, initializer=load) as pool:
            pool.map(time.sleep, [1.0] * processes, chunksize=1)  # every process is up
            start = time.perf_counter()
            found = sum(pool.imap_unordered(read, lines, chunksize=8))
    taken = time.perf_counter() - start
    print(json.dumps({"characters": sum(map(len, lines)), "seconds": taken, "found": found}))


if __name__ == "__main__":
    main()
