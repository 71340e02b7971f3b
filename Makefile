# Every target first brings up its environment by itself; `make` alone lists the targets.
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: env lock figures gallery report lite explore explore-app test test-browser lint format bench clean help FORCE

# Whatever variables hold is text, which neither make nor a shell expands: `:=` with $(value) takes it as it is, and
# recipes read it out of the environment, in quotes. `override`: the rest is not to be set from outside.
override VARIABLES := PRESET BACKBONE WEIGHTS DATA IMAGES DEVICE SEED START PYTHON3
override GIVEN := $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))
$(foreach name,$(GIVEN) $(VARIABLES),$(if $(filter-out undefined,$(origin $(name))),$(eval override $(name) := $$(value $(name)))))

# The same few variables everywhere, on the command line: make fig2 PRESET=sample DATA=../assets
PRESET ?= quick#    quick, sample or paper
BACKBONE ?=#        the network: lite (the quick preset's) or vgg19 (the others')
WEIGHTS ?=#         its weight file (lite's comes along; vgg19's is looked for under DATA, else downloaded)
DATA ?= $(or $(value DSD_DATA),data)#  data root: where data sets and weights live
IMAGES ?=#          any folder of images instead of the preset's; results go to figures/<preset>-images/
DEVICE ?=#          cuda, cpu (cuda where there is one)
SEED ?=#            of everything random (0)
START ?=#           weights that `make lite` goes on from
PYTHON3 ?= python3# what .venv is made from, 3.11 or newer

export $(VARIABLES)
override export DSD_DATA := $(DATA)
override PRESET := $(strip $(PRESET))
ifneq ($(words $(PRESET)) $(words $(filter quick sample paper,$(PRESET))),1 1)
$(error unknown PRESET '$(PRESET)'; valid ones: quick, sample, paper)
endif

# --- environment: .venv from requirements.lock, or an active conda environment named dsd -----------------------------
ifeq ($(value CONDA_DEFAULT_ENV),dsd)
override export CONDA_PREFIX := $(value CONDA_PREFIX)
override ENV := "$$CONDA_PREFIX"
override INSTALL := install --requirements requirements.lock
override READY := build/.conda-ready
else
override ENV := .venv
override INSTALL := sync requirements.lock
override READY := .venv/.dsd-ready
endif
override PYTHON := $(ENV)/bin/python

# The conda environment's path may hold anything: it stays out of targets, and its own stamp tells whether it is ready.
$(READY): requirements.lock pyproject.toml $(shell test -e $(ENV)/.dsd-ready || echo FORCE)
	@$$PYTHON3 -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; name another: make PYTHON3=python3.12")'
	$(if $(filter .venv,$(ENV)),@$$PYTHON3 -m venv .venv)
	@echo Installing requirements.lock into $(ENV)": the first time, a few GB are downloaded (torch with CUDA, on Linux)"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check uv
	@$(PYTHON) -m uv pip $(INSTALL) --quiet --python $(PYTHON) --require-hashes
	@$(PYTHON) -m uv pip install --quiet --python $(PYTHON) --no-deps --no-build-isolation --editable .
	@mkdir -p $(@D) && touch $@ $(ENV)/.dsd-ready

env: $(READY) ## make or update the environment
lock: $(READY) ## update requirements.lock from pyproject.toml
	$(PYTHON) -m uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes --upgrade \
		--no-emit-index-url --no-header --quiet --output-file requirements.lock

# --- figures and tables: notebooks/fig2_dissimilarity.ipynb → figures/<preset>/fig2.{png,pdf,csv,json,ipynb} ---------
override OUT := figures/$(PRESET)$(if $(IMAGES),-images)
override BELOW := $(shell find dsd configs -path dsd/experiments -prune -o \( -name '*.py' -o -name '*.safetensors' -o -name '*.yaml' \) -print) \
	$(addprefix dsd/experiments/,markdown.py methods.py output.py presets.py provenance.py restorations.py run.py story.py style.py style.mplstyle)

figures: ## render every figure and table of the paper
gallery: $(READY) ## write figures/README.md and the README's table out of what was rendered
	$(PYTHON) -m dsd.experiments gallery
report: $(READY) ## write report.html and report.pdf about what was rendered, beside it
	$(PYTHON) -m dsd.experiments report $(OUT)

# A target for each experiment, and the files of its own that it depends on.
include build/experiments.mk
build/experiments.mk: notebooks dsd/experiments $(wildcard notebooks/*.ipynb) dsd/experiments/catalogue.py
	@mkdir -p build
	@$$PYTHON3 dsd/experiments/catalogue.py rules > $@

$(OUT)/%.ipynb: $(BELOW) $(OUT)/.%.settings | $(READY)
	$(PYTHON) -m dsd.experiments run $* --from-environment --out $(OUT)
	$(if $(filter figures/sample figures/paper,$(OUT)),$(PYTHON) -m dsd.experiments gallery)

# Touched only when a variable changes: another DATA or SEED makes the figure again, the same ones don't.
.PRECIOUS: $(OUT)/.%.settings
$(OUT)/.%.settings: FORCE
	@mkdir -p $(OUT)
	@printf '%s\n' "$$DSD_DATA" "$$BACKBONE" "$$WEIGHTS" "$$IMAGES" "$$DEVICE" "$$SEED" > $@.new; cmp -s $@.new $@ && rm $@.new || mv $@.new $@
FORCE:

# --- VGG-19 lite, trained: an hour on two CPU cores; goes on where it was stopped ----------------------------------
lite: $(READY) ## train VGG-19 lite, from START where given: build/lite/vgg19-lite.safetensors
	$(ENV)/bin/dsd train lite $(if $(DEVICE),--device "$$DEVICE") $(if $(SEED),--seed "$$SEED") $(if $(WEIGHTS),--weights "$$WEIGHTS") \
		$(if $(START),--start "$$START")

# --- DSD of any image, live ------------------------------------------------------------------------------------------
explore: $(READY) ## play with DSD of any image: JupyterLab
	$(PYTHON) -m dsd.explore lab
explore-app: $(READY) ## the same as a page
	$(PYTHON) -m dsd.explore app

# --- checks -----------------------------------------------------------------------------------------------------------
test: lint ## run all tests, lint and type checks
	OMP_NUM_THREADS=1 $(PYTHON) -m pytest --numprocesses 2 --dist worksteal
test-browser: $(READY) ## the explorer in Chromium (Debian: chromium, chromium-driver)
	OMP_NUM_THREADS=1 $(PYTHON) -m pytest -m browser tests/test_explore_browser.py
lint: $(READY) ## ruff and mypy only
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m mypy
format: $(READY) ## let ruff mend what it can
	$(PYTHON) -m ruff check --fix
	$(PYTHON) -m ruff format
bench: $(READY) ## measure the claims about speed and memory: benchmarks/*.csv
	for script in benchmarks/[a-z]*.py; do $(PYTHON) $$script || exit 1; done

clean: ## remove .venv and caches; figures stay
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
help: ## this list
	@$$PYTHON3 dsd/experiments/catalogue.py help
