"""Is choosing better than chance? Annotation rounds replayed on the annotation corpus.

usage: python -m tests.simulate [--start 300] [--step 200] [--rounds 3] [--epochs 25] [--seeds 2] [--limit N]

From `start` annotated sentences drawn at random, each round adds `step`: those that `baogao select` chooses with
the model of that round, or as many at random; their labels are then revealed. Each point is a training from
`models/encoder` on what is revealed so far, scored on documents that no round may choose from. Every point is
written to --work as soon as it is done, and a repeated command goes on behind the last; then docs/selection.png
and docs/selection.md are drawn. `--limit` keeps that many sentences of the corpus, for a trial.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

from transformers import set_seed

from pipeline.config import as_text, read_config, run_folder
from pipeline.corpus import content_hash, load_dataset, split_by_document
from pipeline.evaluate import score
from pipeline.output import replacing
from pipeline.predict import assemble, predict
from pipeline.selection import select
from pipeline.train import ExtractorConfig, build, fit
from tests.conftest import ROOT

WAYS = ("chosen", "random")
SHOWN = ("entity", "relation", "fact~")
HELD_OUT = 0.1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in {"start": 300, "step": 200, "rounds": 3, "epochs": 25, "seeds": 2}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--limit", type=int, help="sentences of the corpus, for a trial (default: all)")
    parser.add_argument("--encoder", type=Path, default=ROOT / "models" / "encoder")
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "selection")
    parser.add_argument("--output", type=Path, default=ROOT / "docs")
    return parser.parse_args()


def point(
    folder: Path, config: ExtractorConfig, revealed: list[dict], pool: list[dict], held_out: list[dict], step: int
) -> dict:
    """What a model of `revealed` scores, and the ids it would choose from `pool`; read where it is done already."""
    done = folder / "point.json"
    if done.is_file():
        return json.loads(done.read_text(encoding="utf-8"))
    set_seed(config.training.seed)
    model = build(config)
    fit(model, revealed, [], config.training, folder / "checkpoints")
    nlp = assemble(model.modules_by_name)
    table = score(held_out, list(predict(nlp, held_out)))
    found = {
        "sentences": len(revealed),
        "characters": sum(len(r["text"]) for r in revealed),
        "facts": sum(e["label"] == "VALUE" for r in revealed for e in r["entities"]),
        "scores": {name: table[name]["f1"] for name in SHOWN},
        "next": [r["id"] for r in select(pool, nlp, number=step, seed=config.training.seed)],
    }
    with replacing(done) as out:
        json.dump(found, out)
    shutil.rmtree(folder / "checkpoints")
    return found


def rounds(settings: argparse.Namespace, way: str, seed: int, records: list[dict]) -> Iterator[dict]:
    config = read_config(ROOT / "configs" / "extractor.cfg", ExtractorConfig)
    config = dataclasses.replace(
        config,
        encoder=dataclasses.replace(config.encoder, path=str(settings.encoder)),
        training=dataclasses.replace(config.training, seed=seed, epochs=settings.epochs),
    )
    # the same documents are held out for every seed, so that seeds differ in chance alone
    pool, held_out = split_by_document(records, share=HELD_OUT, seed=0)
    random.Random(seed).shuffle(pool)
    revealed, pool = pool[: settings.start], pool[settings.start :]
    weights = sorted(settings.encoder.glob("*.safetensors"))
    for number in range(settings.rounds + 1):
        what = (as_text(config), content_hash(revealed), content_hash(held_out), content_hash(pool), settings.step)
        found = point(run_folder(settings.work, *what, files=weights), config, revealed, pool, held_out, settings.step)
        yield {"way": way, "seed": seed, **{k: v for k, v in found.items() if k != "next"}}
        if way == "chosen":
            wanted = set(found["next"])
        else:
            wanted = {r["id"] for r in random.Random(f"{seed} {number}").sample(pool, min(settings.step, len(pool)))}
        revealed = revealed + [r for r in pool if r["id"] in wanted]
        pool = [r for r in pool if r["id"] not in wanted]


def table(points: list[dict]) -> str:
    """A Markdown table of means over the seeds."""
    lines = [f"| sentences | way | characters | facts | {' | '.join(SHOWN)} |"]
    lines.append("|---:|---|---:|---:|" + "---:|" * len(SHOWN))
    for size in sorted({p["sentences"] for p in points}):
        for way in WAYS:
            some = [p for p in points if (p["sentences"], p["way"]) == (size, way)]
            cells = [f"{mean(p['scores'][name] for p in some):.2f}" for name in SHOWN]
            sums = [f"{mean(p[name] for p in some):.0f}" for name in ("characters", "facts")]
            lines.append(f"| {size} | {way} | {' | '.join([*sums, *cells])} |")
    return "\n".join(lines) + "\n"


def draw(points: list[dict], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(SHOWN), figsize=(10, 3.4), sharex=True)
    for name, one in zip(SHOWN, axes, strict=True):
        for way, colour in zip(WAYS, ("tab:red", "tab:gray"), strict=True):
            some = [p for p in points if p["way"] == way]
            sizes = sorted({p["sentences"] for p in some})
            means = [mean(p["scores"][name] for p in some if p["sentences"] == s) for s in sizes]
            one.plot(sizes, means, color=colour, label=way)
            one.plot([p["sentences"] for p in some], [p["scores"][name] for p in some], ".", color=colour)
        one.set_title(name)
        one.set_xlabel("annotated sentences")
    axes[0].set_ylabel("F1 on held-out documents")
    axes[0].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def main() -> None:
    settings = arguments()
    records = list(load_dataset([ROOT / "annotations"]))
    if settings.limit:
        records = random.Random(0).sample(records, min(settings.limit, len(records)))
    points = []
    for seed in range(1, settings.seeds + 1):
        for way in WAYS:
            for found in rounds(settings, way, seed, records):
                points.append(found)
                print(json.dumps(found), flush=True)
    settings.output.mkdir(parents=True, exist_ok=True)
    draw(points, settings.output / "selection.png")
    with replacing(settings.output / "selection.md") as out:
        out.write("# Sentences chosen, or drawn at random\n\n")
        out.write(f"Means over {settings.seeds} seeds, {settings.epochs} epochs a point; F1 on documents held out; ")
        out.write(f"`python -m tests.simulate`.\n\n{table(points)}\n![F1 by annotated sentences](selection.png)\n")
    print(table(points), end="")


if __name__ == "__main__":
    main()
