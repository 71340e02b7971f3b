# Every target first brings up its environment by itself; `make` alone lists the targets.
.DELETE_ON_ERROR:
.SECONDEXPANSION:
.DEFAULT_GOAL := help

# The same few variables everywhere, on the command line: make fig2 PRESET=sample DATA=../assets
PRESET ?= quick#    quick, sample or paper
BACKBONE ?=#        the network: lite (the quick preset's) or vgg19 (the others')
WEIGHTS ?=#         its weight file (lite's comes along; vgg19's is looked for under DATA, else downloaded)
DATA ?= $(or $(DSD_DATA),data)#  data root: where data sets and weights live
IMAGES ?=#          any folder of images instead of the preset's; results go to figures/<preset>-images/
DEVICE ?=#          cuda, cpu (cuda where there is one)
SEED ?=#            of everything random (0)
START ?=#           weights that `make lite` goes on from
PYTHON3 ?= python3# what .venv is made from, 3.11 or newer

PRESET := $(strip $(PRESET))
export DSD_DATA := $(strip $(DATA))

# --- environment: .venv from requirements.lock, or an active conda environment named dsd -----------------------------
ifeq ($(CONDA_DEFAULT_ENV),dsd)
ENV := $(CONDA_PREFIX)
INSTALL := install --requirements requirements.lock
else
ENV := .venv
INSTALL := sync requirements.lock
endif
PYTHON := $(ENV)/bin/python
READY := $(ENV)/.dsd-ready

$(READY): requirements.lock pyproject.toml
	@$(PYTHON3) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; name another: make PYTHON3=python3.12")'
ifeq ($(ENV),.venv)
	@$(PYTHON3) -m venv .venv
endif
	@echo "Installing requirements.lock into $(ENV): the first time, a few GB are downloaded (torch with CUDA, on Linux)"
	@sed -n '/^uv==/,/[^\]$$/p' requirements.lock > $(ENV)/uv.lock
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --requirement $(ENV)/uv.lock
	@$(PYTHON) -m uv pip $(INSTALL) --quiet --python $(PYTHON) --require-hashes
	@$(PYTHON) -m uv pip install --quiet --python $(PYTHON) --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: env lock
env: $(READY) ## make or update the environment
lock: $(READY) ## update requirements.lock from pyproject.toml
	$(PYTHON) -m uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes --upgrade \
		--no-emit-index-url --no-header --quiet --output-file requirements.lock

# --- figures and tables: notebooks/fig2_dissimilarity.ipynb → figures/<preset>/fig2.{png,pdf,csv,json,ipynb} ---------
OUT := figures/$(PRESET)$(if $(strip $(IMAGES)),-images)
NAMES := $(foreach notebook,$(sort $(wildcard notebooks/*_*.ipynb)),$(firstword $(subst _, ,$(notdir $(notebook)))))
export PRESET BACKBONE WEIGHTS IMAGES DEVICE SEED START # so that the shell quotes them, whatever they hold
PARAMETERS = $(if $(BACKBONE),-p backbone="$$BACKBONE") $(if $(WEIGHTS),-p weights="$$WEIGHTS") \
	$(if $(IMAGES),--images "$$IMAGES") $(if $(DEVICE),-p device="$$DEVICE") $(if $(SEED),-p seed="$$SEED")
ifeq ($(filter $(PRESET),quick sample paper),)
$(error unknown PRESET '$(PRESET)'; valid ones: quick, sample, paper)
endif

.PHONY: figures $(NAMES)
figures: $(filter-out $(if $(IMAGES),fig4 fig6),$(filter fig% tab%,$(NAMES))) ## render every figure and table of the paper
$(NAMES): %: $(OUT)/%.ipynb

$(OUT)/%.ipynb: $$(wildcard notebooks/$$*_*.ipynb notebooks/params/$(PRESET)/$$*.yaml) notebooks/run.py \
		$(shell find dsd -name '*.py' -o -name '*.mplstyle' -o -name '*.safetensors') $(OUT)/.%.settings | $(READY)
	$(PYTHON) notebooks/run.py $* --preset $(PRESET) $(PARAMETERS) --out $(OUT)
	$(if $(filter figures/sample figures/paper,$(OUT)),$(PYTHON) notebooks/gallery.py)

# Touched only when a variable changes: another DATA or SEED makes the figure again, the same ones don't.
.PRECIOUS: $(OUT)/.%.settings
$(OUT)/.%.settings: FORCE
	@mkdir -p $(OUT)
	@printf '%s\n' "$$DSD_DATA" "$$BACKBONE" "$$WEIGHTS" "$$IMAGES" "$$DEVICE" "$$SEED" > $@.new; cmp -s $@.new $@ && rm $@.new || mv $@.new $@
.PHONY: FORCE
FORCE:

.PHONY: gallery
gallery: $(READY) ## write figures/README.md out of what was rendered
	$(PYTHON) notebooks/gallery.py

# --- VGG-19 lite, trained: an hour on two CPU cores; goes on where it was stopped ----------------------------------
.PHONY: lite
lite: $(READY) ## train VGG-19 lite, from START where given: build/lite/vgg19-lite.safetensors
	$(PYTHON) scripts/train_lite.py $(if $(DEVICE),--device "$$DEVICE") $(if $(SEED),--seed "$$SEED") $(if $(WEIGHTS),--weights "$$WEIGHTS") \
		$(if $(START),--start "$$START")

# --- checks -----------------------------------------------------------------------------------------------------------
.PHONY: test lint format bench
test: lint ## run all tests, lint and type checks
	$(PYTHON) -m pytest
lint: $(READY) ## ruff and mypy only
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m mypy
format: $(READY) ## let ruff mend what it can
	$(PYTHON) -m ruff check --fix
	$(PYTHON) -m ruff format
bench: $(READY) ## measure the claims about speed and memory: benchmarks/*.csv
	for script in benchmarks/[a-z]*.py; do $(PYTHON) $$script || exit 1; done

.PHONY: clean help
clean: ## remove .venv and caches; figures stay
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
help: ## this list
	@echo "Targets (each prepares its environment by itself):"
	@$(foreach name,$(NAMES),printf '  %-12s %s\n' $(name) 'render $(OUT)/$(name).png from notebooks/$(notdir $(wildcard notebooks/$(name)_*.ipynb))';)
	@sed -n 's/^\([a-z]*\):.* ## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{printf "%-15s%s\n", $$1, $$2}'
	@echo "Variables: make fig2 PRESET=sample DATA=../assets"
	@sed -n 's/^\([A-Z0-9]*\) ?=[^#]*# *\(.*\)/  \1|\2/p' Makefile | awk -F'|' '{printf "%-15s%s\n", $$1, $$2}'
