# make demo       index the sample folder, start the server and ask it as an agent would
# make test       the whole test suite
# make endurance  what takes too long for the suite: a writer that is killed two hundred times; CI runs it too
# make attack     the attacks that take too long for the suite: floods, thousands of hostile files, two hundred kills
# make thorough   a thousand examples of every property
# make lint       ruff, mypy and the import contracts
# make format     let ruff correct and format
# make docs       write the generated tables of docs/ anew
# make platforms  resolve the dependencies for every supported platform and Python; needs the package index
# make bench      quality and speed; SETS=folder of evaluation sets, DOCS=folder of documents (benchmarks/results/sets.md)
# make clean      delete the virtual environment and every cache

PYTHON ?= python3
SETS ?= sets
DOCS ?= sets/documents/tldr-en
VENV := .venv
BIN := $(VENV)/bin

# As uv names them. macOS on Intel is missing: LanceDB and ONNX Runtime publish no wheels for it any more.
PLATFORMS := x86_64-manylinux_2_28 aarch64-manylinux_2_28 aarch64-apple-darwin x86_64-pc-windows-msvc
PYTHONS := 3.11 3.12 3.13

.PHONY: demo test endurance attack thorough lint format docs platforms bench clean

demo: $(VENV)/.installed
	$(BIN)/python examples/demo.py

test: $(VENV)/.developing
	$(BIN)/python -m pytest

endurance: $(VENV)/.developing
	$(BIN)/python -m pytest -n 0 -m endurance

attack: $(VENV)/.developing
	$(BIN)/python -m pytest -n 0 -m attack

thorough: $(VENV)/.developing
	HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest tests/properties

lint: $(VENV)/.developing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.developing
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.developing
	$(BIN)/python docs/generate.py

# ONNX Runtime's and numpy's wheels for macOS need macOS 14.
platforms: $(VENV)/.made
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt uv
	@for platform in $(PLATFORMS); do for python in $(PYTHONS); do \
	  MACOSX_DEPLOYMENT_TARGET=14.0 $(BIN)/uv pip compile --quiet --python-platform $$platform --python-version $$python \
	    --only-binary :all: --constraint constraints.txt --extra dev --extra cuda pyproject.toml > /dev/null || exit 1; \
	  echo "$$platform, Python $$python: every dependency has a wheel"; \
	done; done

bench: $(VENV)/.developing
	$(BIN)/python -m benchmarks.quality $(SETS)
	$(BIN)/python -m benchmarks.speed $(DOCS)

$(VENV)/.made:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.installed: $(VENV)/.made pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/.developing: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
