"""Do the files that a commit holds say what its record says: settings and metrics?"""

from __future__ import annotations

import posixpath
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from gitml import config as configuration_file
from gitml.config import Config
from gitml.errors import ConfigError, NotFoundError, RecordError
from gitml.git.trees import Entry
from gitml.inputs.secrets import mask_settings
from gitml.inputs.settings import matching, merge, parse_file, same
from gitml.operations.soundness import Contents, Evidence, Problem, content_of, name_of
from gitml.values import Scalar, to_json

_ELSEWHERE = ("args.", "env.")


def read_config(project: str, entries: Mapping[str, Entry], contents: Contents) -> Config | Problem:
    """Return the configuration that a commit has for a project's folder, or why there is none."""
    try:
        data = content_of(posixpath.join(project, configuration_file.FILE), entries, contents)
        config = configuration_file.parse(data) if data else Config()
        pipeline = content_of(
            posixpath.join(project, configuration_file.DVC_FILE), entries, contents
        )
        return configuration_file.from_dvc_yaml(pipeline, config) if pipeline else config
    except ConfigError as error:
        return Problem("tree", "error", f"In the commit: {error.message}")


def check_settings(evidence: Evidence, contents: Contents) -> Iterator[Problem]:
    """Yield settings of the parameter files that the record doesn't have, or has otherwise."""
    record = evidence.record
    try:
        params = _params(evidence, contents)
    except ConfigError as error:
        yield Problem("tree", "error", f"In the commit: {error.message}")
        return
    inert = matching(params, evidence.config.inert)
    for name, value in params.items():
        if name.startswith(_ELSEWHERE):
            continue
        if name not in record.params:
            yield _wrong(f"The record lacks the setting {name_of(name)} of the commit's files.")
        elif not same(record.params[name], value):
            yield _wrong(
                f"{name_of(name)} is {_shown(value)} in the commit's files, "
                f"and {_shown(record.params[name])} in the record."
            )
        elif name not in inert and name not in record.inputs.settings:
            yield _wrong(f"The setting {name_of(name)} counts, and is not among the inputs.")


def check_metrics(evidence: Evidence, contents: Contents) -> Iterator[Problem]:
    """Yield values of the metrics files that the record doesn't have, or has otherwise."""
    for artifact in evidence.record.artifacts:
        entry = evidence.entries.get(artifact.path)
        if artifact.role != "metrics" or artifact.storage != "git" or entry is None:
            continue
        stem = PurePosixPath(artifact.path).stem
        for name, value in _metrics(artifact.path, contents.read(entry.oid) or b"").items():
            known = evidence.record.metrics
            # Where two files have a name with different values, the second has its stem in front.
            places = [known[key] for key in (name, f"{stem}.{name}") if key in known]
            if any(same(found, to_json(value)) for found in places):
                continue
            said = f"and the record says {_shown(places[0])}" if places else "not in the record"
            yield _wrong(f"{name_of(name)} is {_shown(value)} in {name_of(artifact.path)}, {said}.")


def _wrong(message: str) -> Problem:
    return Problem("tree", "error", message)


def _params(evidence: Evidence, contents: Contents) -> dict[str, Scalar]:
    project = evidence.record.project
    by_file = {}
    for path in evidence.config.params:
        data = content_of(posixpath.join(project, path), evidence.entries, contents)
        if data:
            by_file[path] = parse_file(data, path)
    plain = {name: to_json(value) for name, value in merge(by_file).items()}
    return mask_settings(plain)[0]


def _metrics(path: str, data: bytes) -> dict[str, Scalar]:
    """Return the values in a metrics file, or nothing when it is none that can be read."""
    from gitml.outputs.metrics import read_metrics

    with tempfile.TemporaryDirectory(prefix="gitml-check-") as folder:
        file = Path(folder) / f"metrics{PurePosixPath(path).suffix.lower()[:8]}"
        file.write_bytes(data)
        try:
            return read_metrics(file)
        except (RecordError, NotFoundError):
            return {}  # that was said when it ran


def _shown(value: Scalar) -> str:
    text = name_of(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
