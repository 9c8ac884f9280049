"""Write the generated parts of the documentation.

usage: python scripts/docs.py [--check]

A generated part stands between `<!-- generated: NAME -->` and `<!-- end generated -->`. With
`--check` nothing is written; the exit status is 1 when a part is not what the code says now.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from docs_api import python_api
from docs_commands import commands
from docs_contents import contents_fields
from docs_text import attributes, cell, sentence

from gitml import config, errors
from gitml.execution import environment
from gitml.experiment import record
from gitml.inputs import manifest
from gitml.outputs import artifact
from gitml.outputs.tensor_manifest import TensorSummary

TOP = Path(__file__).resolve().parent.parent
DOCS = TOP / "docs"
SCHEMA = DOCS / "reference" / "record.schema.json"

_PART = re.compile(
    r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end generated -->)", re.DOTALL
)
_ROLES = {
    "weights": "Model weights.",
    "metrics": "Files with the last values of metrics (JSON, YAML, TOML, or a CSV's last row).",
    "history": "Tables of metrics over steps.",
    "plots": "Images and plot data.",
    "predictions": "Predictions, one row an example.",
    "importance": "Feature importances.",
    "explanations": "Explanations of predictions.",
    "checkpoints": "Files that a run can resume from.",
    "logs": "Logs.",
    "other": "Everything else that is worth keeping.",
}
_RECORD = (
    record.Record,
    record.Segment,
    record.Lock,
    record.Nearest,
    manifest.Manifest,
    manifest.CommandInput,
    manifest.CodeInput,
    manifest.ModuleInput,
    manifest.DataInput,
    manifest.PartitionInput,
    manifest.PartInput,
    manifest.LibrariesInput,
    artifact.Artifact,
)


def configuration() -> str:
    """Return the keys of `gitml.yaml` with their meanings and defaults."""
    top = _rows(config.Config, skip=("outputs", "declared", "code_inert"), texts=_TOP)
    top.append(
        f"| `code.inert` | {attributes(config.Config)['code_inert']} | `[]` |",
    )
    outputs = _rows(config.Outputs, prefix="outputs.", texts=_ROLES)
    data = _rows(config.DataSource)
    metrics = _rows(config.MetricGoal, texts={"goal": "What is better.", "primary": _PRIMARY})
    keep = _rows(config.Keep, prefix="outputs.keep.")
    retention = _rows(config.Retention)
    examples = _rows(config.Examples)
    head = ["| key | meaning | default |", "| --- | --- | --- |"]
    parts = [
        *head,
        *top,
        "",
        "### Outputs",
        "",
        sentence(config.Outputs),
        "",
        *head,
        *outputs,
        "",
        "### Which files of a series are kept",
        "",
        f"`outputs.keep`: {sentence(config.Keep)}",
        "",
        *head,
        *keep,
        "",
        f"Each is a mapping. {sentence(config.Retention)} Without a rule all are stored.",
        "",
        *head,
        *retention,
        "",
        "### Where examples are to be seen",
        "",
        "`examples` is a pattern of paths such as `data/{id}.png`, or a mapping with these keys:",
        "",
        *head,
        *examples,
        "",
        "### An entry of `data`",
        "",
        "A plain path, or a mapping with these keys:",
        "",
        *head,
        *data,
        "",
        "### An entry of `metrics`",
        "",
        "`max`, `min`, or a mapping with these keys:",
        "",
        *head,
        *metrics,
    ]
    return "\n".join(parts) + "\n"


_TOP = {
    "command": "What `gitml exp run` runs when no command is given; text or a list of words.",
    "data": "Inputs of data: files and folders. What has a `.dvc` file is found anyway.",
    "models": "Settings of a model registry, kept for later; not interpreted.",
}
_PRIMARY = "Whether this is the metric by which the best experiment is chosen; at most one is."


def _rows(
    kind: type, *, prefix: str = "", skip: tuple[str, ...] = (), texts: dict[str, str] | None = None
) -> list[str]:
    described = {**attributes(kind), **(texts or {})}
    rows = []
    for field in msgspec.structs.fields(kind):
        if field.name not in skip:
            text = _sized(described[field.name], field.default)
            rows.append(f"| `{prefix}{field.name}` | {cell(text)} | {_default(field)} |")
    return rows


def _sized(text: str, default: Any) -> str:
    """Say that a number of bytes may be written with a unit."""
    if text.startswith("Bytes; ") and isinstance(default, int):
        rest = text.removeprefix("Bytes; ")
        return f"A size such as `500 kB`, `1 MiB` or a number of bytes; {rest}"
    return text


def _default(field: msgspec.structs.FieldInfo) -> str:
    value = field.default
    if value is msgspec.NODEFAULT and field.default_factory is not msgspec.NODEFAULT:
        value = field.default_factory()
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`[{', '.join(value)}]`"
    if isinstance(value, dict):
        return "`{}`"
    if isinstance(value, int) and value:
        unit, name = max((n, t) for n, t in ((10**9, "GB"), (10**6, "MB")) if value % n == 0)
        return f"`{value // unit} {name}`"
    return f"`{value}`" if value or (value == 0 and isinstance(value, int)) else "none"


def record_fields() -> str:
    """Return every value of the record with its fields."""
    _, components = msgspec.json.schema_components([record.Record], ref_template="{name}")
    parts = []
    for kind in _RECORD:
        described = attributes(kind)
        schema = components[kind.__name__]
        required = schema.get("required", [])
        parts += [f"### {kind.__name__}", "", sentence(kind), ""]
        parts += ["| field | type | meaning |", "| --- | --- | --- |"]
        for name, found in schema["properties"].items():
            text = described.get(name) or _implied(kind, name)
            optional = "" if name in required else "; may be missing"
            parts.append(f"| `{name}` | {_type(found)}{optional} | {cell(text)} |")
        parts.append("")
    return "\n".join(parts)


def tensor_fields() -> str:
    """Return the fields of a line of a tensor manifest."""
    described = attributes(TensorSummary)
    described["sketch"] = "Estimates how far two tensors are apart; at most 512 characters."
    shown = ((name, text.replace("None", "null")) for name, text in described.items())
    rows = [f"| `{name}` | {cell(text)} |" for name, text in shown]
    return "\n".join(["| field | meaning |", "| --- | --- |", *rows])


def _implied(kind: type, name: str) -> str:
    """Return the meaning of fields that their class's own sentence explains."""
    known = {
        ("Nearest", "experiment"): "Its name.",
        ("Nearest", "commit"): "Its commit.",
        ("Nearest", "level"): "How alike the two are, such as `near`.",
        ("PartInput", "count"): "Number of examples.",
        ("PartInput", "digest"): "Over the sorted ids.",
        ("PartInput", "groups"): "Over the sorted ids of groups, where examples have groups.",
        ("PartInput", "content"): "Over the content of the examples, where it is known.",
        ("Manifest", "command"): "The program.",
        ("Manifest", "code"): "The code.",
        ("Manifest", "data"): "Name → input of data.",
        ("Manifest", "libraries"): "Python and what was imported.",
        ("Manifest", "partition"): "Which examples are in which part.",
        ("Manifest", "schema"): "Version of this description.",
    }
    return known[kind.__name__, name]


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return f"[{schema['$ref']}](#{schema['$ref'].lower()})"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        kinds = [_type(item) for item in schema["anyOf"]]
        if sorted(kinds) == sorted(["null", "boolean", "integer", "number", "string"]):
            return "scalar"
        return " or ".join(kinds)
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if schema.get("type") == "object":
        inner = schema.get("additionalProperties")
        return f"object of {_type(inner)}" if isinstance(inner, dict) and inner else "object"
    return str(schema.get("type", "any"))


def variables() -> str:
    """Return the environment variables that a record keeps."""
    return ", ".join(f"`{name}`" for name in environment.VARIABLES) + ".\n"


def error_family() -> str:
    """Return the tree of exceptions, as the module draws it."""
    lines = [line[4:] for line in (errors.__doc__ or "").splitlines() if line.startswith("    ")]
    return "```text\n" + "\n".join(lines) + "\n```\n"


def module_map() -> str:
    """Return the packages with the first line of each module."""
    parts = []
    for folder in _packages():
        name = folder.relative_to(TOP).as_posix()
        parts += [f"### `{name}/`", "", _first_line(folder / "__init__.py"), ""]
        parts += ["| module | is for |", "| --- | --- |"]
        parts += [f"| `{path.name}` | {cell(_first_line(path))} |" for path in _modules(folder)]
        parts.append("")
    return "\n".join(parts)


def _packages() -> list[Path]:
    below = ["git", "storage", "inputs", "execution", "outputs", "experiment", "history"]
    above = ["comparison/statistics", "comparison", "operations", "views", "views/report"]
    return [TOP / "gitml" / name for name in (*below, *above, "cli", "api")]


def _modules(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")


def _first_line(path: Path) -> str:
    import ast

    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.split("\n\n")[0].replace("\n", " ")


def schema() -> str:
    """Return the JSON schema of the record."""
    return (
        msgspec.json.format(
            msgspec.json.encode(msgspec.json.schema(record.Record)), indent=1
        ).decode()
        + "\n"
    )


PARTS: dict[str, Callable[[], str]] = {
    "commands": commands,
    "configuration": configuration,
    "record": record_fields,
    "variables": variables,
    "errors": error_family,
    "modules": module_map,
    "python-api": python_api,
    "tensors": tensor_fields,
    "contents": contents_fields,
}


def render(text: str) -> str:
    """Return a page with its generated parts made anew."""

    def part(found: re.Match[str]) -> str:
        return f"{found[1]}\n{PARTS[found['name']]().rstrip()}\n\n{found[3]}"

    return _PART.sub(part, text)


def stale() -> dict[Path, str]:
    """Return the files that are not what the code says, with what they should be."""
    found = {}
    for path in (*sorted(DOCS.rglob("*.md")), TOP / "README.md"):
        text = path.read_text(encoding="utf-8")
        wanted = render(text)
        if wanted != text:
            found[path] = wanted
    wanted = schema()
    if not SCHEMA.exists() or SCHEMA.read_text(encoding="utf-8") != wanted:
        found[SCHEMA] = wanted
    return found


def main(words: list[str]) -> int:
    """Write or check; return the exit status."""
    if words not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    found = stale()
    for path, wanted in found.items():
        place = path.relative_to(TOP)
        if words:
            print(f"{place} is out of date: make docs")
        else:
            path.write_text(wanted, encoding="utf-8")
            print(f"wrote {place}")
    return 1 if words and found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
