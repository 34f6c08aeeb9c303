"""Every `lorasteer` command shown in the docs exists, with all the options it is shown with."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/how-to/*.md"), *ROOT.glob("docs/design/*.md")]
FENCE = re.compile(r"^```(?:bash|console)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def commands(text: str) -> list[str]:
    """Lines of shell blocks that start lorasteer; a backslash at the end joins the next line."""
    lines = "\n".join(FENCE.findall(text)).replace("\\\n", " ").splitlines()
    plain = [re.sub(r"^(\$ )?(\.venv/bin/)?", "", line) for line in lines]
    return [line for line in plain if line.startswith("lorasteer ")]


SHOWN = sorted({line for page in PAGES for line in commands(page.read_text())})


@cache
def help_of(command: str) -> str:
    code = "import sys; from lorasteer.cli import main; sys.argv = ['lorasteer', *sys.argv[1:]]; main()"
    wide = {**os.environ, "COLUMNS": "200", "TERMINAL_WIDTH": "200", "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, *shlex.split(command), "--help"], capture_output=True, text=True, env=wide, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_commands_are_found() -> None:
    page = "```bash\nmake demo\n$ lorasteer a \\\n  --b 1\n```\n`lorasteer c`\n"
    assert [shlex.split(line) for line in commands(page)] == [["lorasteer", "a", "--b", "1"]]
    assert SHOWN


@pytest.mark.parametrize("line", SHOWN)
def test_command_exists_with_its_options(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    command = words[0] if not words[0].startswith("-") else ""
    shown = help_of(command)
    if "COMMAND [ARGS]" in shown and len(words) > 1 and not words[1].startswith("-"):
        shown = help_of(f"{command} {words[1]}")
    options = {word.split("=")[0] for word in words if re.match(r"--?[a-zA-Z]", word)}
    missing = {option for option in options if not re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", shown)}
    assert missing == set()
