#!/usr/bin/env bash
# Makes the virtual environment (or brings it up to date) with the plugin, Qt, and the tools for tests and lint, in
# the versions of constraints.txt. An environment that is there already is kept, and with it a torch of your choice.
# PYTHON=python3.12 chooses another interpreter.
set -euo pipefail

venv=${1:?usage: make-venv.sh FOLDER}
python=${PYTHON:-python3}

if ! command -v "$python" >/dev/null; then
    echo "There is no $python here. Install Python 3.11 or newer (on Debian: sudo apt-get install python3 python3-venv)." >&2
    exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "Python 3.11 or newer is needed; $python is $("$python" -c 'import platform; print(platform.python_version())')." >&2
    echo "Name another one:  make setup PYTHON=python3.12" >&2
    exit 1
fi
if [[ ! -x $venv/bin/python ]]; then
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "$python comes without venv. On Debian:  sudo apt-get install python3-venv" >&2
        exit 1
    fi
    "$python" -m venv "$venv"
fi

export PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# Dependency groups came with pip 25.1.
if ! "$venv/bin/python" -c 'import pip, sys; sys.exit(tuple(map(int, pip.__version__.split(".")[:2])) < (25, 1))'; then
    "$venv/bin/python" -m pip install --quiet --upgrade 'pip>=25.1'
fi
echo "Installing into $venv (the first time this takes a few minutes)"
"$venv/bin/python" -m pip install --quiet --constraint constraints.txt --editable '.[napari,qt]' --group test --group lint
