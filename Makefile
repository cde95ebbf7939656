# make demo       index the sample folder, start the server and ask it as an agent would
# make test       the whole test suite
# make endurance  what takes too long for the suite: a writer that is killed two hundred times; CI runs it too
# make attack     the attacks that take too long for the suite: floods, thousands of hostile files, two hundred kills
# make thorough   a thousand examples of every property
# make lint       ruff, mypy and the import contracts
# make format     let ruff correct and format
# make docs       write the generated tables of docs/ anew
# make platforms  resolve the dependencies for every supported platform and Python; needs the package index
# make audit      known vulnerabilities of the pinned dependencies; needs the vulnerability service of the package index
# make sbom       the bill of materials, as CycloneDX, in dist/
# make wheel      wheel and source archive in dist/, built twice from two copies of HEAD and compared byte for byte
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

# Compiled modules are kept whatever the shell says: without them every process that a test starts, and every worker that
# collects the tests, compiles them again.
unexport PYTHONDONTWRITEBYTECODE

# Tools that only these targets use are in an environment of their own, so that they cannot move what the suite runs with.
TOOLS := .tools/bin
AUDITING := pip-audit==2.10.1
LISTING := cyclonedx-bom==7.5.0
BUILDING := build==1.6.1 hatchling==1.33.0

.PHONY: demo test endurance attack thorough lint format docs platforms audit sbom wheel bench clean

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

# --strict: without it, a service that knows none of the packages would count as one that knows of no vulnerability.
audit: .tools/.made
	$(TOOLS)/python -m pip install --quiet --disable-pip-version-check $(AUDITING)
	$(TOOLS)/pip-audit --strict --requirement constraints.txt --no-deps --disable-pip

sbom: .tools/.made
	$(TOOLS)/python -m pip install --quiet --disable-pip-version-check $(LISTING)
	mkdir -p dist
	$(TOOLS)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --of JSON \
	  --output-file dist/qmd-mcp.cdx.json constraints.txt

# The copies are in two places and have two modes; the time in the archives is that of the commit.
wheel: .tools/.made
	$(TOOLS)/python -m pip install --quiet --disable-pip-version-check $(BUILDING)
	rm -rf .tools/first .tools/second dist/*.whl dist/*.tar.gz
	@for copy in first second; do \
	  mkdir -p .tools/$$copy/tree && git archive HEAD | tar -x -C .tools/$$copy/tree || exit 1; \
	  test $$copy = first || chmod -R go-rwx .tools/second/tree; \
	  SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(TOOLS)/python -m build --no-isolation \
	    --outdir .tools/$$copy/dist .tools/$$copy/tree > .tools/$$copy/log 2>&1 || { cat .tools/$$copy/log; exit 1; }; \
	done
	diff --recursive .tools/first/dist .tools/second/dist
	mkdir -p dist && cp .tools/first/dist/* dist/

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

.tools/.made:
	$(PYTHON) -m venv .tools
	touch $@

clean:
	rm -rf $(VENV) .tools .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
