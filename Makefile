# make site   build the site into _site, setting up all it needs
# make test   lint and test, setting up all it needs
# make serve  build the site and serve it on this machine

PYTHON ?= python3
PROFILE ?= student
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := site
.PHONY: site test serve bench fit bands figures clean

$(VENV)/site: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("mlsysim needs Python 3.11 or later; this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.txt
	@command -v quarto || $(BIN)/pip install --quiet --disable-pip-version-check quarto-cli 2> $(VENV)/quarto.log \
		|| echo "Quarto cannot be downloaded here: the embedded renderer builds the site ($(VENV)/quarto.log)"
	@touch $@

$(VENV)/dev: $(VENV)/site
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

site: $(VENV)/site
	$(BIN)/python -m publish site --profile $(PROFILE)
	@echo "Open _site/index.html, or run: make serve"

serve: site
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory _site 8000

test: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pytest

bench: $(VENV)/site
	$(BIN)/python -m benchmarks.side_by_side --record

fit: $(VENV)/dev
	$(BIN)/python -m benchmarks.fit

bands: $(VENV)/dev
	$(BIN)/python -m benchmarks.bands
	$(BIN)/python -m benchmarks.gate

figures: $(VENV)/site
	$(BIN)/python -m publish.readme assets

clean:
	rm -rf $(VENV) _site .cache
