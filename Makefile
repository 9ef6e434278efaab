# baogao: the front door. Variables: PYTHON, CORPUS, STEPS, GOLD, IN, OUT, PROJECT, BENCH.
PYTHON ?= python3
VENV   ?= .venv
EXTRAS ?= doccano,test
BAOGAO := $(VENV)/bin/baogao
IN     ?= examples
OUT    ?= facts.jsonl
GOLD   ?= tests/data/gold.jsonl
STEPS  ?=
PROJECT ?= baogao
DOCCANO ?= .venv-doccano
BENCH  ?=

.DEFAULT_GOAL := help
.PHONY: help setup extract train evaluate pretrain annotate segment bench check test golden clean

help:  ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /|/' | awk -F'|' '{printf "make %-10s %s\n", $$1, $$2}'

setup: $(VENV)/.done  ## create .venv and install baogao with the tested versions

$(VENV)/.done: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --constraint constraints.txt torch
	$(VENV)/bin/pip install --quiet --constraint constraints.txt --editable '.[$(EXTRAS)]'
	touch $@

extract: setup  ## facts of IN (default: examples/) into OUT (default: facts.jsonl)
	$(BAOGAO) extract $(IN) -o $(OUT)

train: setup  ## train models/extractor on annotations/ (goes on after a kill)
	$(BAOGAO) train

evaluate: setup  ## scores of models/extractor on GOLD
	$(BAOGAO) evaluate $(GOLD)

annotate: setup $(DOCCANO)/.done  ## correct the sentences of IN in doccano, under PROJECT, until Ctrl-C
	$(BAOGAO) doccano up $(IN) --project $(PROJECT) --server $(DOCCANO)

# an environment of its own: doccano needs older versions of what baogao uses
$(DOCCANO)/.done:
	$(PYTHON) -m venv $(DOCCANO)
	$(DOCCANO)/bin/pip install --quiet doccano==1.8.4 "marshmallow<4" "numpy<2"
	touch $@

pretrain: setup  ## pre-train models/encoder on CORPUS=DIR|FILE…, for STEPS=… steps
	@test -n "$(CORPUS)" || { echo "make pretrain needs CORPUS=DIR|FILE…" >&2; exit 2; }
	$(BAOGAO) pretrain $(CORPUS) $(if $(STEPS),--steps $(STEPS))

segment: setup  ## train models/segmenter on annotations/ and CORPUS=DIR|FILE…
	$(BAOGAO) segment $(CORPUS)

bench: setup .venv-peers/.done  ## speed and memory on IN beside peers (BENCH='--linear CORPUS' for more), into runs/bench.md
	$(VENV)/bin/python -m tests.bench $(IN) $(BENCH)

.venv-peers/.done:
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/pip install --quiet 'recognizers-text-suite==1.0.2a2' 'emoji<2'
	touch $@

check: setup  ## check annotations/ against the scheme
	$(BAOGAO) check-annotations annotations

test: setup  ## run the tests
	$(VENV)/bin/python -m pytest

golden: setup  ## write the expected facts of examples/ anew, after a look at the difference
	$(BAOGAO) extract examples -o tests/data/examples.facts.jsonl

clean:  ## remove what runs have left, not .venv
	rm -rf runs facts.jsonl facts.errors.jsonl .pytest_cache .hypothesis
