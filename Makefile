# `make` lists what there is to make. Everything runs in .venv, which the first target that needs it creates.

.DEFAULT_GOAL := help
SHELL := /bin/bash
BIN := .venv/bin
WAREHOUSE := out/demo
comma := ,
PRETRAIN_ON := trainer.cli pretrain conf/pretrain/demo.yaml --data $(WAREHOUSE)/releases/demo
PRETRAIN := $(BIN)/python -m $(PRETRAIN_ON)

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: demo-corpus demo-train  ## both of the next two

demo-corpus: .venv/with-spark  ## build a small release from data/demo, train a vocabulary on it, write it as token ids
	@$(BIN)/corpus build conf/recipes/demo.yaml --warehouse $(WAREHOUSE)
	@$(BIN)/corpus tokenizer train --warehouse $(WAREHOUSE) --release demo --vocab-size 8000 --name demo-8k
	@$(BIN)/corpus tokenize --warehouse $(WAREHOUSE) --release demo --tokenizer demo-8k

# Stage 1 is stopped half way and goes on, on two processes; Stage 2 follows where the release has one.
demo-train: .venv/with-spark,train,page  ## pretrain a small model on that release, resume it, go on to Stage 2 (two minutes)
	@test -f $(WAREHOUSE)/releases/demo/release.json || $(MAKE) --no-print-directory demo-corpus
	@$(PRETRAIN) --out $(WAREHOUSE)/runs/stage1 --resume --steps 80
	@OMP_NUM_THREADS=1 $(BIN)/torchrun --nproc_per_node 2 -m $(PRETRAIN_ON) --out $(WAREHOUSE)/runs/stage1 --resume
	@if test -d $(WAREHOUSE)/releases/demo/stage2; then \
	  $(PRETRAIN) --stage 2 --init $(WAREHOUSE)/runs/stage1 --out $(WAREHOUSE)/runs/stage2 --resume \
	    --set schedule.total_steps=40 --set batch.rows=32 --set optimizer.lr=1e-3; \
	fi

# The same examples of the property tests each time; new ones are looked for by test-all and by a bare pytest.
test: lint  ## lint, then every test under ten seconds
	@$(BIN)/pytest -q --hypothesis-profile=ci

test-all: lint  ## lint, then every test, property tests with examples never seen before
	@$(BIN)/pytest -q -m "slow or not slow"

lint: .venv/with-spark,train,page,dev  ## format, style, types and the direction of imports
	@$(BIN)/ruff format --check --quiet || { echo 'not formatted; run: $(BIN)/ruff format' >&2; exit 1; }
	@$(BIN)/ruff check --quiet
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports > .venv/imports.log || { cat .venv/imports.log; exit 1; }

bench: .venv/with-spark,train,page,dev  ## measure the corpus job against its floors (needs a folder of text, see bench/)
	@$(BIN)/python -m bench.corpus

language-data: .venv/with-spark,train,page,dev  ## write CLDR's names of months, units and money into normalizers/data
	@$(BIN)/python -m normalizers.cldr

bench-spoken: .venv/with-spark,train,page,dev  ## measure the spoken form against its floors (needs a folder of text, see bench/)
	@$(BIN)/python -m bench.normalizers

bench-tokenize: .venv/with-spark,train,page,dev  ## measure tokenising against its floors (needs a folder of text, see bench/)
	@$(BIN)/python -m bench.tokenize

bench-stream: .venv/with-spark,train,page,dev  ## measure the trainer's stream against its floors (needs a folder of text, see bench/)
	@$(BIN)/python -m bench.stream

bench-near: .venv/with-spark,train,page,dev  ## measure near de-duplication against its floors (needs a folder of text, see bench/)
	@$(BIN)/python -m bench.near

bench-utterances: .venv/with-spark,train,page,dev  ## measure Stage 2 against its floors (needs a folder of utterances, see bench/)
	@$(BIN)/python -m bench.utterances

bench-heldout: .venv/with-spark,train,page,dev  ## measure the search for evaluation texts against its floors (needs a folder of text, see bench/)
	@$(BIN)/python -m bench.heldout

bench-trainer: .venv/with-train  ## measure training steps on the GPUs there are, or that they run on the CPU
	@n=$$(nvidia-smi --list-gpus 2> /dev/null | wc -l); \
	$(BIN)/torchrun --nproc-per-node $$((n > 0 ? n : 1)) -m bench.trainer

package: .venv/with-spark,train,page,dev  ## build the wheel that a cluster installs, into dist/
	@$(BIN)/pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	@ls -1 dist/*.whl

clean:  ## remove all that make made, .venv included
	@rm -rf .venv out dist build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# The name after "with-" is the list of extras. A pyspark of 450 MB arrives as source and is built once.
.venv/with-%: pyproject.toml constraints.txt
	@python=$$(for name in python3.11 python3.12 python3.13 python3 python; do \
	  $$name -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	    2> /dev/null && { echo $$name; break; }; done); \
	if [ -z "$$python" ]; then \
	  echo 'make: no Python 3.11, 3.12 or 3.13 (with venv) on the PATH; install one of them' >&2; exit 1; fi; \
	echo "installing into .venv with $$($$python --version) (once, ~2 minutes)" >&2; \
	$$python -m venv .venv && \
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$*]'
	@touch $(if $(findstring dev,$*),.venv/with-spark .venv/with-train .venv/with-spark$(comma)train .venv/with-spark$(comma)train$(comma)page) $@

.PHONY: help demo demo-corpus demo-train test test-all lint bench bench-spoken bench-tokenize bench-stream bench-near bench-heldout bench-utterances bench-trainer language-data package clean
.PRECIOUS: .venv/with-%
