"""Results as JSON documents. Keys are only ever added; `docs/` lists them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import msgspec

from gitml.values import to_json

if TYPE_CHECKING:
    from gitml.comparison.result import Comparison
    from gitml.history.rows import Row
    from gitml.inputs.difference import Difference
    from gitml.operations.check import CheckResult
    from gitml.operations.check_champion import Rivals
    from gitml.operations.check_since import SinceResult
    from gitml.operations.health import Finding
    from gitml.operations.init import Initialised
    from gitml.operations.run import RunResult
    from gitml.operations.show import Shown

Document = dict[str, Any]


def plain(value: Any) -> Any:
    """Return a value as JSON has it: structs with every field, non-finite numbers as strings."""
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(plain(item) for item in value)
    if isinstance(value, float):
        return to_json(value)
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value) if isinstance(value, PurePath) else repr(value)


def comparison(found: Comparison) -> Document:
    """Return the document of `exp diff --json`; points of curves and pictures are left out."""
    from gitml.views import contents

    document: Document = plain(msgspec.structs.replace(found, contents=None))
    return {**document, "contents": contents.document(found.contents)}


def run_result(result: RunResult) -> Document:
    """Return the document of `exp run --json`; what doesn't exist (yet) is null."""
    return {
        "experiment": result.experiment or None,
        "commit": result.commit or None,
        "study": result.study,
        "status": result.status,
        "reused": result.reused,
        "level": result.level,
        "params": plain(result.params),
        "metrics": plain(result.metrics),
        "fingerprint": result.fingerprint or None,
        "seconds": result.seconds,
        "exit_status": result.exit_status,
        "nearest": _nearest(result.nearest),
        "differences": differences(result.differences),
        "warnings": list(result.warnings),
    }


def check_result(result: CheckResult) -> Document:
    """Return the document of `check --json`."""
    more: Document = {}
    if result.explanation is not None:
        from gitml.views import explanation

        more["explanation"] = explanation.document(result.explanation)
    return {
        "level": result.level,
        "blocked": result.blocked,
        "duplicate": result.duplicate,
        "result": result.outcome,
        "nearest": _nearest(result.nearest),
        "differences": differences(result.differences),
        "applied": _nearest(result.applied),
        "notes": list(result.notes),
        **more,
    }


def since_result(result: SinceResult) -> Document:
    """Return the document of `check --since --json`."""
    return {
        "since": result.since,
        "ok": result.ok,
        "experiments": [
            {
                "experiment": one.row.experiment,
                "commit": one.row.commit,
                "study": one.row.study,
                "ok": one.ok,
                "level": one.level or None,
                "nearest": _nearest(one.nearest),
                "metrics": plain(one.row.metrics),
                "problems": plain(one.problems),
            }
            for one in result.experiments
        ],
        "problems": plain(result.problems),
        "champion": _rivals(result.rivals),
        "notes": list(result.notes),
    }


def experiments(rows: Iterable[Row]) -> list[Document]:
    """Return the document of `exp list --json`."""
    return [
        {
            "experiment": row.experiment,
            "commit": row.commit,
            "study": row.study,
            "status": row.status,
            "created": row.created,
            "params": plain(row.params),
            "metrics": plain(row.metrics),
            "fingerprint": row.fingerprint,
            "author": row.author,
            "seconds": plain(row.seconds),
            "base": row.base,
            "tags": list(row.tags),
            "notes": list(row.notes),
            "hidden": row.hidden,
            "problem": row.problem,
        }
        for row in rows
    ]


def shown(found: Shown) -> Document:
    """Return the document of `exp show --json`: the record, its commit, and what was said since."""
    row = found.row
    return {
        **plain(found.record),
        "commit": row.commit,
        "author": row.author,
        "mail": row.mail,
        "tags": list(row.tags),
        "notes": list(row.notes),
        "hidden": row.hidden,
        "events": plain(found.events),
    }


def differences(found: Sequence[Difference]) -> list[Document]:
    """Return differing inputs: `{"input", "name", "recorded", "planned", "counts"}`."""
    return [
        {
            "input": item.input,
            "name": item.name,
            "recorded": plain(item.recorded),
            "planned": plain(item.planned),
            "counts": item.counts,
        }
        for item in found
    ]


def findings(found: Sequence[Finding]) -> Document:
    """Return the document of `doctor --json`."""
    return {
        "healthy": all(finding.level != "error" for finding in found),
        "findings": plain(found),
    }


def initialised(done: Initialised) -> Document:
    """Return the document of `init --json`."""
    return {
        "folder": str(done.folder),
        "template": done.template or None,
        "created": list(done.created),
        "kept": list(done.kept),
        "notes": list(done.notes),
        "commit": done.commit or None,
    }


def _rivals(rivals: Rivals | None) -> Document | None:
    if rivals is None:
        return None
    comparison = rivals.comparison
    return {
        "study": rivals.study,
        "metric": rivals.metric,
        "goal": rivals.goal,
        "best": _nearest(rivals.challenger),
        "champion": _nearest(rivals.champion),
        "comparable": comparison.comparable if comparison is not None else None,
        "metrics": plain(comparison.metrics) if comparison is not None else [],
    }


def _nearest(row: Row | None) -> Document | None:
    if row is None:
        return None
    return {
        "experiment": row.experiment,
        "commit": row.commit,
        "study": row.study,
        "metrics": plain(row.metrics),
        "author": row.author,
        "created": row.created,
    }
