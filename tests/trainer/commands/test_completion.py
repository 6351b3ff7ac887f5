"""What completes the commands in a shell."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from command_helpers import run

from trainer.commands import partialseg
from trainer.commands.completion import completion_script, options_of


def test_completion_knows_commands_and_options(capsys):
    assert run("--print-completion", "bash") == 0
    script = capsys.readouterr().out
    for command in partialseg.COMMANDS:
        assert f"{command.name})" in script
    assert "--fraction" in script
    assert run("--print-completion=zsh") == 0
    assert "'random-mask:" in capsys.readouterr().out
    assert run("--print-completion", "fish") == 2


def _main(arguments):
    print("--steps INT, --per-class; torchrun --nproc_per_node 4")
    raise SystemExit(0)


def test_options_are_read_from_the_help():
    assert options_of(lambda: _main) == ("--per-class", "--steps")


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [(["la"], ["landcover-ai"]), (["train", "--st"], ["--steps"]), (["landcover-ai", "f"], ["fetch"])],
    ids=["command", "option", "word"],
)
def test_bash_completes(typed, offered):
    commands = [("train", "trains", (), lambda: _main), ("landcover-ai", "data", ("fetch", "cut"), lambda: _main)]
    script = completion_script("bash", commands)
    words = " ".join(f"'{word}'" for word in ("partialseg", *typed))
    script += f'COMP_WORDS=({words}); COMP_CWORD={len(typed)}; _partialseg; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout.split() == offered
