"""Commits that no run would have made: experiments that were edited with Git's own plumbing."""

from __future__ import annotations

import functools
import json
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.conftest import Project

RECORD = ".gitml/experiment.json"

Document = dict[str, Any]


def record_of(project: Project, revision: str) -> Document:
    """Return an experiment's record as it is in its commit."""
    document: Document = json.loads(project.git("show", f"{revision}:{RECORD}"))
    return document


def forge(
    project: Project,
    revision: str,
    study: str,
    edit: Callable[[Document], object] = lambda record: None,
    files: Mapping[str, bytes | None] | None = None,
    *,
    message: str | None = None,
    parents: tuple[str, ...] | None = None,
    record: bytes | None = None,
) -> str:
    """Commit an edited copy of an experiment onto a study, in the original's place.

    Args:
        project: Where.
        revision: The original.
        study: The study that gets the copy on top of the original's own parents.
        edit: Changes the record in place.
        files: Path → other bytes, or None to delete the file.
        message: Another message.
        parents: Other parents.
        record: Other bytes of the record.

    Returns:
        The new commit.
    """
    oid = project.git("rev-parse", revision)
    tree, original, said, data = _original(project.root, oid)
    document = json.loads(data)
    edit(document)
    changed = {RECORD: json.dumps(document).encode() if record is None else record, **(files or {})}
    text = (said if message is None else message).encode()
    now = int(time.time())
    lines = [
        f"commit refs/heads/exp/{study}\nmark :1\n".encode(),
        f"committer Eve <eve@example.org> {now} +0000\n".encode(),
        b"data %d\n%s\n" % (len(text), text),
        *(
            f"{'merge' if number else 'from'} {parent}\n".encode()
            for number, parent in enumerate(original if parents is None else parents)
        ),
        f"M 040000 {tree} \n".encode(),
    ]
    for path, content in changed.items():
        if content is None:
            lines.append(f"D {path}\n".encode())
        else:
            lines.append(b"M 100644 inline %s\n" % path.encode())
            lines.append(b"data %d\n%s\n" % (len(content), content))
    lines.append(b"\nget-mark :1\n")
    arguments = ("-c", "fastimport.unpackLimit=1000", "fast-import", "--quiet", "--force")
    return _git(project, *arguments, stdin=b"".join(lines))


@functools.cache
def _original(root: Path, oid: str) -> tuple[str, tuple[str, ...], str, bytes]:
    """Return tree, parents, message and record of a commit."""
    project = Project(root)
    tree, parents, message = project.git("log", "-1", "--format=%T%x00%P%x00%B", oid).split("\0")
    return tree, tuple(parents.split()), message, project.git("show", f"{oid}:{RECORD}").encode()


def consistent(edit: Callable[[Document], object]) -> Callable[[Document], None]:
    """Return an edit whose digests, fingerprint and look-up key are made anew."""
    import msgspec

    from gitml.experiment.record import Record, encode
    from gitml.inputs.sameness import lookup_digest

    def change(document: Document) -> None:
        edit(document)
        found = msgspec.convert(document, Record)
        inputs = found.inputs
        key = lookup_digest(
            inputs.command, inputs.settings, inputs.data, inputs.partition, inputs.seeds
        )
        found = msgspec.structs.replace(
            found, digests=inputs.digests(), fingerprint=inputs.fingerprint(), lookup=key
        )
        document.clear()
        document.update(json.loads(encode(found)))

    return change


def artifact(where: str, /, **fields: object) -> Callable[[Document], None]:
    def change(record: Document) -> None:
        found = next(item for item in record["artifacts"] if item["path"] == where)
        found.update(fields)

    return change


def message_of(document: Document) -> str:
    """Return the message that fits a record."""
    import msgspec

    from gitml.experiment.message import compose
    from gitml.experiment.record import Record

    return compose(msgspec.convert(document, Record))


def reforge(
    project: Project,
    revision: str,
    study: str,
    edit: Callable[[Document], object],
    files: Mapping[str, bytes | None] | None = None,
) -> str:
    """As `forge`, with digests and a message that fit the edited record."""
    document = record_of(project, revision)
    consistent(edit)(document)
    return forge(
        project,
        revision,
        study,
        files=files,
        record=json.dumps(document).encode(),
        message=message_of(document),
    )


def _git(project: Project, *arguments: str, stdin: bytes) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=project.root, input=stdin, capture_output=True, check=True
    )
    return done.stdout.decode().strip()
