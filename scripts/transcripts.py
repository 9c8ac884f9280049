"""Run the commands that the documentation shows, and compare or renew what they print.

usage: python scripts/transcripts.py [PAGE…]

Every ```console block of a page is run from its first `$ ` to its last, in one shell and one empty
folder per page. Lines after a command that begin with `> ` continue it; other lines are what it
prints. What the commands print now is written into the pages that are named, or, when none is,
into every page where it differs.

- A command ends with status 0, unless its line ends in `# exit status N`.
- `…` stands for the rest of a line or a part of it; a line that is only `…` stands for any lines.
- Names of experiments, commit ids, times and decimal numbers may differ.
- `<!-- file: NAME -->` before a fenced block writes the block to that file first.
- `<!-- loose -->` before a console block: of what it prints only lines that aren't indented count.
  So it is where a network is trained, and another processor gives other digits, flips and curves.
- `<!-- setup: … -->` runs commands that readers don't need to see.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gitml.experiment.names import _ADJECTIVES, _NOUNS

TOP = Path(__file__).resolve().parent.parent

_BLOCK = re.compile(
    r"(?:<!-- (?:file: (?P<file>\S+)|(?P<loose>loose)) -->\n+)?"
    r"^```(?P<kind>[a-z]*)\n(?P<text>.*?)^```$"
    r"|<!-- setup:(?P<setup>.*?)-->",
    re.MULTILINE | re.DOTALL,
)
_STATUS = re.compile(r"\s+# exit status (\d+)$")
_MARK = "\x1e"
# What bash says of a command that was killed, when it runs a script.
_KILLED = re.compile(r"^\S+: line \d+: +\d+ Killed .*$", re.MULTILINE)
_MASKS = (
    (re.compile(r"│.*"), "│"),  # a row of a chart
    (re.compile(rf"\b(?:{'|'.join(_ADJECTIVES)})-(?:{'|'.join(_NOUNS)})\b"), "<name>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?Z?)?)?"), "<time>"),
    (re.compile(r"\b\d+(?:\.\d+)? (?:ms|s|min|h)\b"), "<time>"),
    (re.compile(r"\b[0-9a-f]{7,64}\b"), "<id>"),  # a few have no digit
    (re.compile(r"\b\d+(?:\.\d+)? (?:B|kB|MB|GB)\b"), "<size>"),
    (re.compile(r"[+-]?\b\d+(?:\.\d+(?:e-?\d+)?|e-?\d+)\b"), "<number>"),
    (re.compile(r"epoch(?:\s+[+-]?\d+)+"), "epoch <number>"),
    (re.compile(r"(?<=<number>)\s+[+-]?\d+(?=\s)"), " <number>"),
    (re.compile(r"\b(?:better|worse)\b"), "<verdict>"),
    (re.compile(r"[▁▂▃▄▅▆▇█]+"), "<curve>"),
    (re.compile(r"[─┈-]{2,}"), "<rule>"),
    (re.compile(r"\s+"), " "),
)


@dataclass(frozen=True)
class Command:
    """One command of a page.

    Attributes:
        text: What the shell gets; several lines when it continues.
        status: The exit status that it ends with.
        shown: What the page says that it prints.
        span: Where `shown` stands in the page, as offsets; None for what isn't shown.
        line: Line of the page.
        loose: Whether indented lines of what it prints may differ.
    """

    text: str
    status: int
    shown: str
    span: tuple[int, int] | None
    line: int
    loose: bool = False


@dataclass(frozen=True)
class Answer:
    """What a command did."""

    status: int
    printed: str


def pages() -> list[Path]:
    """Return the pages that have commands to run."""
    found = [TOP / "README.md", *sorted((TOP / "docs").rglob("*.md"))]
    return [page for page in found if commands_of(page.read_text(encoding="utf-8"))]


def commands_of(page: str) -> list[Command]:
    """Return the commands of a page in their order; files are written by hidden commands."""
    found: list[Command] = []
    for block in _BLOCK.finditer(page):
        line = page.count("\n", 0, block.start()) + 1
        if block["setup"]:
            found.append(Command(block["setup"].strip(), 0, "", None, line))
        elif block["file"]:
            text = f"mkdir -p \"$(dirname {block['file']})\" && cat > {block['file']} <<'FILE'\n"
            found.append(Command(f"{text}{block['text']}FILE", 0, "", None, line))
        elif block["kind"] == "console":
            loose = bool(block["loose"])
            found += _console(block["text"], block.start("text"), line, loose=loose)
    return found


def _console(text: str, offset: int, line: int, *, loose: bool) -> Iterator[Command]:
    lines = text.splitlines(keepends=True)
    number = 0
    while number < len(lines):
        first = number
        assert lines[number].startswith("$ "), f"line {line}: a console block begins with `$ `"
        words = [lines[number][2:].rstrip("\n")]
        number += 1
        while number < len(lines) and lines[number].startswith("> "):
            words.append(lines[number][2:].rstrip("\n"))
            number += 1
        start = offset + sum(map(len, lines[:number]))
        end = start
        while number < len(lines) and not lines[number].startswith("$ "):
            end += len(lines[number])
            number += 1
        shown = text[start - offset : end - offset]
        status = _STATUS.search(words[-1])
        code = int(status[1]) if status else 0
        yield Command("\n".join(words), code, shown, (start, end), line + first + 1, loose)


def run(commands: list[Command], folder: Path) -> list[Answer]:
    """Run commands one after the other in one shell, and return what each did."""
    script = ["exec 2>&1"]
    for command in commands:
        script += [
            command.text,
            "__status=$?",
            r"printf '\036%s\036' $__status",
            "(exit $__status)",
        ]
    (folder / ".script").write_text("\n".join(script) + "\n", encoding="utf-8")
    work = folder / "work"
    work.mkdir()
    done = subprocess.run(
        ["bash", "--norc", str(folder / ".script")],
        cwd=work,
        env=_environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    parts = done.stdout.split(_MARK)
    return [
        Answer(int(status), _tidy(printed, folder))
        for printed, status in zip(parts[::2], parts[1::2], strict=False)
    ]


def _tidy(printed: str, folder: Path) -> str:
    printed = printed.replace(f"{folder.resolve() / 'work'}", "~").replace(
        str(folder / "work"), "~"
    )
    printed = _KILLED.sub("Killed", printed)
    lines = [line.rsplit("\r", 1)[-1].rstrip() for line in printed.splitlines()]
    return "".join(f"{line}\n" for line in lines)


def _environment(folder: Path) -> dict[str, str]:
    """Return an environment in which nothing of this machine's configuration leaks in."""
    home = folder / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n"
        "[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n"
    )
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GIT_", "DVC_", "GITML_", "XDG_"))
    }
    return kept | {
        "HOME": str(home),
        "PATH": f"{_programs(folder)}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}"
        f"{os.environ['PATH']}",
        "GIT_CONFIG_NOSYSTEM": "1",
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(home / "dvc-site"),
        "NO_COLOR": "1",
        "COLUMNS": "108",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    }


def _programs(folder: Path) -> Path:
    """Return a folder that has `gitml`, for an environment that it isn't installed in."""
    programs = folder / "bin"
    programs.mkdir()
    if not Path(sys.executable).with_name("gitml").exists():
        program = programs / "gitml"
        program.write_text(f'#!/bin/sh\nPYTHONPATH="{TOP}" exec "{sys.executable}" -m gitml "$@"\n')
        program.chmod(0o755)
    return programs


def differences(commands: list[Command], answers: list[Answer]) -> Iterator[str]:
    """Yield one text for each command that doesn't do what the page says."""
    for number, command in enumerate(commands):
        if number >= len(answers):
            yield f"line {command.line}: never ran: {command.text}"
            return
        answer = answers[number]
        if answer.status != command.status:
            yield (
                f"line {command.line}: `{command.text}` ended with {answer.status}, "
                f"not {command.status}:\n{answer.printed}"
            )
        elif command.span is not None and not _as_shown(command, answer):
            yield (
                f"line {command.line}: `{command.text}` printed\n{answer.printed}"
                f"where the page says\n{command.shown}"
            )


def _as_shown(command: Command, answer: Answer) -> bool:
    if command.loose:
        return same(_outer(command.shown), _outer(answer.printed))
    return same(command.shown, answer.printed)


def _outer(text: str) -> str:
    """Return the lines that aren't indented."""
    lines = (line for line in text.splitlines(keepends=True) if line.strip())
    return "".join(line for line in lines if not line.startswith(" "))


def same(shown: str, printed: str) -> bool:
    """Tell whether a command printed what a page shows, but for what differs every time."""
    pattern = []
    for line in shown.splitlines():
        if line.strip() == "…":
            pattern.append(r"(?:.*\n)*?")
        else:
            pieces = (re.escape(mask(piece)) for piece in line.rstrip().split("…"))
            pattern.append(".*".join(pieces) + r"\n")
    text = "".join(f"{mask(line.rstrip())}\n" for line in printed.splitlines())
    return re.fullmatch("".join(pattern), text) is not None


def mask(line: str) -> str:
    """Replace what differs from run to run and from machine to machine."""
    for pattern, word in _MASKS:
        line = pattern.sub(word, line)
    return line


def renew(page: Path, *, always: bool) -> list[str]:
    """Run a page, write what its commands print now into it, and return what went wrong.

    Args:
        page: What to run.
        always: Write it even if nothing differs but names, ids and times.
    """
    text = page.read_text(encoding="utf-8")
    commands = commands_of(text)
    folder = Path(tempfile.mkdtemp(prefix="gitml-docs-"))
    try:
        answers = run(commands, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    wrong = [
        f"line {command.line}: `{command.text}` ended with {answer.status}\n{answer.printed}"
        for command, answer in zip(commands, answers, strict=False)
        if command.status != answer.status
    ]
    if len(answers) < len(commands):
        wrong.append(f"line {commands[len(answers)].line}: never ran")
    if not wrong and (always or list(differences(commands, answers))):
        # All of it, so that a name or an id is the same in every block of the page.
        for command, answer in reversed(list(zip(commands, answers, strict=True))):
            if command.span is not None:
                start, end = command.span
                text = text[:start] + _renewed(command, answer) + text[end:]
        page.write_text(text, encoding="utf-8")
    return wrong


def _renewed(command: Command, answer: Answer) -> str:
    """Return what a command printed; `…` stays where it still stands for something."""
    if "…" not in command.shown or not _as_shown(command, answer):
        return answer.printed
    lines = []
    rest = answer.printed.splitlines()
    for line in command.shown.splitlines():
        places = [at for at, found in enumerate(rest) if mask(found) == mask(line)]
        if "…" not in line and places:
            line = rest[places[0]]
            rest = rest[places[0] + 1 :]
        lines.append(f"{line}\n")
    return "".join(lines)


def main(words: list[str]) -> int:
    """Renew the pages that are named, or all."""
    status = 0
    for page in [Path(word).resolve() for word in words] or pages():
        wrong = renew(page, always=bool(words))
        print(f"{page.relative_to(TOP)}: {'; '.join(wrong) if wrong else 'done'}")
        status = status or bool(wrong)
    return int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
