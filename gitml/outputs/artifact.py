"""What came out of a run: artifacts with roles."""

from __future__ import annotations

from typing import Literal

import msgspec

Role = Literal[
    "weights",
    "metrics",
    "history",
    "plot",
    "importance",
    "explanation",
    "predictions",
    "log",
    "checkpoint",
    "other",
]


class Artifact(msgspec.Struct, frozen=True, omit_defaults=True):
    """One output of an experiment.

    Attributes:
        path: Where it is in the experiment's tree once restored, from the repository's root.
        role: What it is for.
        storage: `git` (the bytes are in the commit) or `dvc` (the commit has `<path>.dvc`).
        digest: Git's object id, or DVC's content hash (`<md5>` or `<md5>.dir`).
        size: Bytes; the sum of the files for a folder.
        files: Number of files when it is a folder, else 0.
        members: Their paths from the folder, for a folder of weights that the run wrote as such
            and that has no more than a thousand.
        sha256: Of the bytes of a single file that is weights, else empty.
        source: The path that the run wrote, when it was converted (a pickle → safetensors).
        source_digest: DVC's content hash of what the run wrote there, so that a run which starts
            from that file is known to start from this experiment.
        tensors: Path of the tensor manifest in the tree, for weights.
        note: One sentence that users should see (why a pickle was not converted, say).
        unsafe: A pickle that holds more than tensors.
    """

    path: str
    role: Role
    storage: Literal["git", "dvc"]
    digest: str
    size: int
    files: int = 0
    sha256: str = ""
    source: str = ""
    source_digest: str = ""
    tensors: str = ""
    note: str = ""
    unsafe: bool = False
    members: tuple[str, ...] = ()
