"""Records to test with."""

from __future__ import annotations

from typing import Any

import msgspec

from gitml.experiment.record import Record
from gitml.inputs.manifest import CodeInput, CommandInput, LibrariesInput, Manifest


def make_record(**changes: Any) -> Record:
    """Return a plain record with some fields changed; `settings` changes those of its manifest."""
    settings = changes.pop("settings", {"lr": 0.01, "seed": 1})
    manifest = Manifest(
        command=CommandInput(program=("python", "train.py")),
        settings=settings,
        code=CodeInput(),
        data={},
        libraries=LibrariesInput(),
    )
    record = Record(
        name="brave-otter",
        study="main",
        status="completed",
        created="2024-01-01T00:00:00.000+00:00",
        seconds=12.5,
        exit_status=0,
        argv=("python", "train.py", "--lr", "0.01"),
        params=dict(settings),
        metrics={"accuracy": 0.98125, "loss": 0.1},
        inputs=manifest,
        digests=manifest.digests(),
        fingerprint=manifest.fingerprint(),
        lookup="sha256:" + "0" * 64,
        primary="accuracy",
        run="20240101-abcdef",
    )
    return msgspec.structs.replace(record, **changes)
