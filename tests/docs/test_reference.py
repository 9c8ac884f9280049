"""The documentation matches the code: generated parts, links, commands, configuration, keys."""

from __future__ import annotations

import html
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from msgspec.structs import fields

from gitml.cli.main import root
from gitml.comparison import result
from gitml.config import parse

TOP = Path(__file__).resolve().parents[2]
PAGES = [TOP / "README.md", *sorted((TOP / "docs").rglob("*.md"))]

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(gitml[^`\n]*)`")


def _docs(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, TOP / "scripts" / "docs.py", *words],
        env={"PYTHONPATH": str(TOP)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_generated_parts_are_up_to_date() -> None:
    done = _docs("--check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_unknown_option_writes_nothing() -> None:
    assert _docs("--wrong").returncode == 2


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_resolves(page: Path) -> None:
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    for link in _LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), f"{page.name}: {link}"
        if anchor:
            assert anchor in _anchors(target), f"{page.name}: {link}"


def test_every_page_is_reached_from_the_index() -> None:
    index = (TOP / "docs" / "index.md").read_text(encoding="utf-8")
    linked = {(TOP / "docs" / link).resolve() for link in _LINK.findall(index)}
    assert {page for page in PAGES if page.name not in ("README.md", "index.md")} <= linked


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_and_option_exists(page: Path) -> None:
    for line in _commands(page.read_text(encoding="utf-8")):
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            words = line.split()
        _check(words, f"{page.name}: {line}")


def test_the_example_configuration_is_valid() -> None:
    page = (TOP / "docs" / "reference" / "configuration.md").read_text(encoding="utf-8")
    example = next(text for kind, text in _FENCE.findall(page) if kind == "yaml")
    config = parse(example.encode())
    assert config.primary == "accuracy"
    assert "outputs.scrape" in config.declared


def test_the_schema_accepts_what_the_record_says_is_required() -> None:
    schema = json.loads((TOP / "docs" / "reference" / "record.schema.json").read_text())
    record = schema["$defs"]["Record"]
    assert {"name", "study", "fingerprint", "metrics"} <= set(record["required"])


def test_documented_json_keys_are_real(project: Any) -> None:
    documented = _documented_keys()
    run = project.run("--name", "one")
    project.run("--name", "two", "-S", "lr=0.2")
    found = {
        "gitml exp run": run,
        "gitml exp list": project.json("exp", "list")[0],
        "gitml exp show": project.json("exp", "show", "one"),
        "gitml exp note, tag and hide": project.json("exp", "note", "one", "a remark"),
        "gitml exp apply": project.json("exp", "apply", "one"),
        "gitml exp diff": project.json("exp", "diff", "one", "two"),
        "gitml check": project.json("check", "-S", "lr=0.3"),
        "gitml check --since": project.json("check", "--since", "main", "--allow-unpushed"),
        "gitml exp show --inputs": project.json("exp", "show", "two", "--inputs"),
        "gitml exp rerun": project.json("exp", "rerun", "one", "--dry-run"),
        "gitml fsck": json.loads(project.gitml("fsck", "--json", status=None).stdout),
        "gitml gc": project.json("gc", "--dry-run"),
        "gitml doctor": json.loads(project.gitml("doctor", "--json", status=None).stdout),
        "gitml init": project.json("init"),
    }
    assert not project.json("exp", "recover")
    explained = project.json("check", "-S", "lr=0.3", "--explain")["explanation"]
    found["The contents"] = found["gitml exp diff"]["contents"]
    found["The explanation"] = {*explained, *explained["nearest"][0]["differences"][0]}
    # Those of `gitml exp show` are the record's, and `explanation` comes with `--explain`.
    loose = ("gitml exp show", "gitml exp note, tag and hide")
    for command, document in found.items():
        assert documented[command] <= set(document), command
        assert command in loose or documented[command] == set(document), command


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("experiments", result.Compared),
        ("metrics", result.Metric),
        ("params", result.Setting),
        ("libraries", result.Library),
        ("data", result.Data),
        ("code", result.Code),
        ("partition", result.Part),
        ("environment", result.Fact),
        ("artifacts", result.Output),
        ("verdict", result.Verdict),
        ("gate", result.Gate),
    ],
)
def test_the_keys_of_a_comparisons_values_are_real(key: str, kind: type) -> None:
    page = (TOP / "docs" / "reference" / "json-outputs.md").read_text(encoding="utf-8")
    section = page.partition("\n## gitml exp diff\n")[2].partition("\n## ")[0]
    row = re.search(rf"^\| `{key}` \|.*?`\{{(.*?)\}}`", section, re.MULTILINE)
    assert row, key
    assert set(re.findall(r'"(\w+)"', row[1])) == {field.name for field in fields(kind)}


def test_the_record_holds_documented_fields_only(project: Any) -> None:
    page = (TOP / "docs" / "reference" / "record.md").read_text(encoding="utf-8")
    section = page.partition("### Record\n")[2].partition("### ")[0]
    documented = set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE))
    project.run("--name", "one")
    record = json.loads(project.git("show", "exp/main:.gitml/experiment.json"))
    assert set(record) <= documented
    assert (
        set(project.json("exp", "show", "one")) <= documented | _documented_keys()["gitml exp show"]
    )


def _documented_keys() -> dict[str, set[str]]:
    page = (TOP / "docs" / "reference" / "json-outputs.md").read_text(encoding="utf-8")
    found = {}
    for section in page.split("\n## ")[1:]:
        title, _, text = section.partition("\n")
        cells = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", text, re.MULTILINE)
        found[title] = {key for cell in cells for key in re.findall(r"`(\w+)`", cell)}
    return found


def _anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as Git hosts make them."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    plain = (re.sub(r"[^\w\- ]", "", html.unescape(title)) for title in _HEADING.findall(text))
    return {title.strip().lower().replace(" ", "-") for title in plain}


def _commands(page: str) -> Iterator[str]:
    for kind, text in _FENCE.findall(page):
        for line in text.splitlines():
            line = line.strip()
            if kind == "console" and not line.startswith("$ "):
                continue
            line = line.removeprefix("$ ")
            if line.startswith("gitml ") and kind in ("console", "sh"):
                yield line
    yield from _INLINE.findall(_FENCE.sub("", page))


def _check(words: list[str], where: str) -> None:
    """Walk from the root to the command that the words name, and look up every option."""
    if not words or words[0] != "gitml":
        return  # `gitml.yaml`, `gitml[torch]`
    command: click.Command = root
    known = _options(command)
    rest = iter(words[1:])
    for word in rest:
        if word in ("--", "…", "&&", "|", ">") or word.startswith("["):
            return
        if word.startswith("-"):
            name, _, value = word.partition("=")
            assert name in known, f"{where}: no option {name}"
            if known[name] and not value:
                next(rest, None)
        elif isinstance(command, click.Group):
            found = command.get_command(click.Context(command), word)
            assert found is not None, f"{where}: no command {word}"
            command = found
            known = _options(command)


def _options(command: click.Command) -> dict[str, bool]:
    """Return the options of a command, and whether each needs a value."""
    found = {"--help": False}
    for option in command.params:
        if isinstance(option, click.Option):
            needs = not option.is_flag and option.name != "resume"  # its value may be left out
            found |= dict.fromkeys((*option.opts, *option.secondary_opts), needs)
    return found
