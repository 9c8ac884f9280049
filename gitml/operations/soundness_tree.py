"""Does a record match its tree: artifacts, pointers, data, code and the lock file?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from gitml.errors import StorageError
from gitml.experiment.record import LOCK_PATH
from gitml.git.trees import Entry
from gitml.inputs.code import TreeEntry
from gitml.operations.data import Tracked, tracked_below
from gitml.operations.pipeline import LOCK, locked_outputs
from gitml.operations.soundness import Contents, Evidence, Policy, Problem, name_of
from gitml.storage.paths import is_digest
from gitml.storage.pointers import check_output_path, parse_all
from gitml.values import digest

if TYPE_CHECKING:
    from gitml.inputs.syntax_cache import SyntaxCache
    from gitml.outputs.artifact import Artifact

_REGULAR = ("100644", "100755")
_PICKLES = (".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib")
_LARGEST_MODULE = 2_000_000


def check_artifacts(evidence: Evidence, contents: Contents) -> Iterator[Problem]:
    """Yield outputs and data that the tree doesn't have as the record says."""
    tracked: dict[str, Tracked] = {}
    yield from _read_pointers(evidence.entries, contents, tracked)
    locked = _locked(evidence.entries, contents)
    for artifact in evidence.record.artifacts:
        if artifact.storage == "git":
            yield from _stored_in_git(artifact, evidence.entries)
        else:
            yield from _stored_in_dvc(artifact, tracked, locked)
        if artifact.tensors and artifact.tensors not in evidence.entries:
            yield _wrong(f"The list of tensors {name_of(artifact.tensors)} isn't in the commit.")
    yield from _data(evidence, tracked, locked)


def check_code(evidence: Evidence, contents: Contents, cache: SyntaxCache) -> Iterator[Problem]:
    """Yield modules that the tree doesn't have as the record says."""
    own = {artifact.path for artifact in evidence.record.artifacts}
    for path, module in evidence.record.inputs.code.modules.items():
        entry = evidence.entries.get(path)
        if path.startswith("/") or path in own:
            continue
        if entry is None:
            said = f"The run reached {name_of(path)}, which the commit doesn't hold."
            yield Problem("tree", "warning", said)
        elif entry.oid != module.content:
            yield _wrong(f"{name_of(path)} in the commit is not the code that ran.")
        elif not _is_syntax(path, entry.oid, module.syntax, contents, cache):
            yield Problem(
                "record", "error", f"The digest of {name_of(path)} is not that of its syntax tree."
            )


def check_lock(evidence: Evidence, contents: Contents) -> Iterator[Problem]:
    """Yield where the lock file, the list of packages and the imported versions disagree."""
    from gitml.inputs.lock import locked_versions

    summary = evidence.record.libraries
    entry = evidence.entries.get(LOCK_PATH)
    if summary.state == "none":
        return
    if entry is None:
        yield _wrong(f"The commit has no {LOCK_PATH}.")
        return
    data = contents.read(entry.oid) or b""
    if locked_versions(data) != summary.packages:
        yield _wrong(f"{LOCK_PATH} and the record name other versions of libraries.")
    if summary.state == "complete" and (summary.unlocked or b"tool.gitml.unlocked" in data):
        yield _wrong(f"{LOCK_PATH} is partial, and the record says that it is complete.")
    for name, version in evidence.record.inputs.libraries.imported.items():
        if summary.packages.get(name, version) != version:
            yield Problem(
                "record",
                "error",
                f"It imported {name_of(name)} {name_of(version)}, and {name_of(name)} "
                f"{name_of(summary.packages[name])} was installed.",
            )


def check_pickles(evidence: Evidence, policy: Policy, cache: Path | None) -> Iterator[Problem]:
    """Yield pickles, where the project (or the commit itself) forbids them.

    Args:
        evidence: The experiment.
        policy: What the project asks for.
        cache: Folder of DVC's objects: what is there can be looked at.
    """
    if not policy.forbid_pickles and evidence.config.pickles != "forbid":
        return
    for artifact in evidence.record.artifacts:
        if artifact.unsafe:
            said = "is a pickle that holds more than tensors, and gitml.yaml forbids those"
            yield Problem("pickle", "error", f"{name_of(artifact.path)} {said}.")
        elif artifact.path.lower().endswith(_PICKLES) and not _is_no_pickle(artifact, cache):
            said = "is a pickle by its name, and gitml.yaml forbids those"
            yield Problem("pickle", "error", f"{name_of(artifact.path)} {said}.")


def _wrong(message: str) -> Problem:
    return Problem("tree", "error", message)


def _read_pointers(
    entries: Mapping[str, Entry], contents: Contents, found: dict[str, Tracked]
) -> Iterator[Problem]:
    """Fill `found` with path → pointer of what DVC tracks; yield what can't be read."""
    files = [entry for path, entry in entries.items() if path.endswith(".dvc")]
    files = [entry for entry in files if entry.mode in _REGULAR]
    for entry, data in zip(files, contents.read_all([e.oid for e in files]), strict=True):
        try:
            pointers = parse_all(data or b"", entry.path)
            for pointer in pointers:
                path = check_output_path(entry.path, pointer.path)
                found[path] = Tracked(entry.path, pointer, alone=len(pointers) == 1)
        except StorageError as error:
            yield _wrong(error.message)


def _locked(entries: Mapping[str, Entry], contents: Contents) -> dict[str, str]:
    """Return path → digest of the outputs that DVC's pipelines know."""
    files = [entry for path, entry in entries.items() if path.rpartition("/")[2] == LOCK]
    found: dict[str, str] = {}
    for entry, data in zip(files, contents.read_all([e.oid for e in files]), strict=True):
        found.update(locked_outputs(data or b"", entry.path))
    return found


def _stored_in_git(artifact: Artifact, entries: Mapping[str, Entry]) -> Iterator[Problem]:
    entry = entries.get(artifact.path)
    if entry is None:
        yield _wrong(f"The artifact {name_of(artifact.path)} isn't in the commit.")
    elif entry.oid != artifact.digest or entry.mode not in _REGULAR:
        yield _wrong(f"{name_of(artifact.path)} in the commit is not what the record says.")


def _stored_in_dvc(
    artifact: Artifact, tracked: Mapping[str, Tracked], locked: Mapping[str, str]
) -> Iterator[Problem]:
    found = tracked.get(artifact.path)
    if found is None and artifact.path not in locked:
        yield _wrong(f"The commit has no pointer for the artifact {name_of(artifact.path)}.")
        return
    known = found.pointer.digest if found else locked[artifact.path]
    if known != artifact.digest or (found and found.pointer.size != artifact.size):
        yield _wrong(f"The pointer of {name_of(artifact.path)} is not what the record says.")


def _data(
    evidence: Evidence, tracked: Mapping[str, Tracked], locked: Mapping[str, str]
) -> Iterator[Problem]:
    own = [artifact.path for artifact in evidence.record.artifacts]
    for name, item in evidence.record.inputs.data.items():
        if item.kind == "dvc":
            found = tracked.get(name)
            known = found.pointer.digest if found else locked.get(name)
            if known is None:
                yield _wrong(f"The commit has no pointer for the data {name_of(name)}.")
            elif known != item.digest and (found is None or found.alone):
                yield _wrong(f"The pointer of the data {name_of(name)} is not what was read.")
        elif item.kind == "git" and item.declared:
            if any(path == name or path.startswith(f"{name}/") for path in own):
                continue  # the run wrote there afterwards
            if _digest_below(evidence.entries, name) != item.digest:
                yield _wrong(f"The data {name_of(name)} in the commit is not what was read.")


def _digest_below(entries: Mapping[str, Entry], name: str) -> str:
    """Return the digest that declared data has which Git tracks."""
    files = tracked_below(
        (TreeEntry(entry.path, entry.mode, entry.oid) for entry in entries.values()), name
    )
    return digest([[entry.path, entry.oid] for entry in files])


def _is_syntax(path: str, oid: str, said: str, contents: Contents, cache: SyntaxCache) -> bool:
    """Whether a file has the syntax digest that a record says, as far as that can be told."""
    data = contents.read(oid)
    if data is None or len(data) > _LARGEST_MODULE:
        return data is not None
    return _by_cache(path, oid, said, data, cache)


def _by_cache(path: str, oid: str, said: str, data: bytes, cache: SyntaxCache) -> bool:
    from gitml.inputs.syntax import parse

    # One that a run only read as text counts by its bytes.
    if said in (cache.digest(path, oid, lambda: data), digest(["text", oid])):
        return True
    # Another version of Python may have parsed what this one can't, or the other way round.
    return not path.endswith(".ipynb") and parse(data) is None


def _is_no_pickle(artifact: Artifact, cache: Path | None) -> bool:
    from gitml.outputs.conversion import inspect_pickle

    # A forged digest could lead out of the cache, to a device for example.
    if cache is None or artifact.storage != "dvc" or not is_digest(artifact.digest):
        return False
    file = cache / artifact.digest[:2] / artifact.digest[2:]
    try:
        return not inspect_pickle(file)
    except OSError:
        return False
