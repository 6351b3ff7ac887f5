# make demo     open the viewer on the sample orthophoto; without a screen, play the same scene in a virtual one
# make test     run the tests
# make lint     check style, types, layers and the plugin's manifest
# make setup    make .venv and see to system packages (the others do so by themselves)
# make clean    remove .venv and caches; what demo/ and runs/ hold stays

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint lint-style lint-format lint-types lint-layers lint-manifest clean

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

ifeq ($(DISPLAY)$(WAYLAND_DISPLAY),)
# xcb, whatever the environment says: Qt's "offscreen" draws no images in napari.
ON_SCREEN := QT_QPA_PLATFORM=xcb xvfb-run -a -s "-screen 0 1600x1000x24"
PLAY := --play
endif

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

setup: $(READY)

$(READY): pyproject.toml constraints.txt scripts/make-venv.sh scripts/system-packages.sh
	@scripts/system-packages.sh
	@scripts/make-venv.sh $(VENV)
	@touch $@

# make demo IMAGE=city.tif TRUTH=city_mask.tif ARGS="--seconds 30"
demo: $(READY)
	$(ON_SCREEN) $(BIN)/python -m napari_partialseg.demo $(PLAY) $(if $(IMAGE),--image "$(IMAGE)") $(if $(TRUTH),--truth "$(TRUTH)") $(ARGS)

# make test ARGS="tests/annotations -k region". tests/conftest.py says in how many processes; each has its own screen.
test: $(READY)
	$(BIN)/python -m pytest -p no:cacheprovider -n auto --dist worksteal $(ARGS)

# Every check runs, also after one has failed.
lint: $(READY)
	@$(MAKE) --no-print-directory --keep-going lint-style lint-format lint-types lint-layers lint-manifest

lint-style: ; $(BIN)/ruff check .
lint-format: ; $(BIN)/ruff format --check .
lint-types: ; $(BIN)/mypy
lint-layers: ; $(BIN)/lint-imports
lint-manifest: ; $(BIN)/npe2 validate --imports napari_partialseg/napari.yaml

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
