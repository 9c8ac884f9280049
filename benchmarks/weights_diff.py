"""Comparing weights: element by element against reading both files, and from the manifests."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.cases import Figure
from gitml.comparison.weights import compare_weights
from gitml.outputs.tensor_layout import TensorEntry, lay_out, render_header
from gitml.outputs.tensor_manifest import manifest, parse, render

_ROOT = Path(__file__).parent.parent
_WIDTH = 2048
_TENSOR = 4 * _WIDTH * _WIDTH
_MEMORY = 300_000

_COMPARE = """\
import json, sys, time
from pathlib import Path
from gitml.comparison.weights_measuring import measure
from gitml.outputs.tensor_manifest import parse
from gitml.outputs.tensor_places import places

paths, rounds = [Path(name) for name in sys.argv[1:3]], int(sys.argv[3])
compared, read = [], []
for _ in range(rounds):
    started = time.perf_counter()
    listed = [parse(path.with_suffix(".jsonl").read_bytes()) for path in paths]
    found = measure(*listed, *(places([path]) for path in paths))
    compared.append(time.perf_counter() - started)
    assert len(found) == len(listed[0]) and all(one.share > 0.99 for one in found.values())
    room = memoryview(bytearray(1 << 20))
    started = time.perf_counter()
    for path in paths:
        with path.open("rb", buffering=0) as file:
            while file.readinto(room):
                pass
    read.append(time.perf_counter() - started)
status = Path("/proc/self/status")
peak = int(status.read_text().split("VmHWM:")[1].split()[0]) if status.exists() else 0
print(json.dumps([compared, read, peak]))
"""


def comparing_weights(scratch: Path, rounds: int, size: int) -> list[Figure]:
    """Two checkpoints of which every element differs; the page cache is warm."""
    folder = scratch / "weights-diff"
    folder.mkdir()
    paths = [folder / name for name in ("a.safetensors", "b.safetensors")]
    count = max(size // _TENSOR, 1)
    for seed, path in enumerate(paths):
        _write(path, count, seed)
    for path in paths:
        started = time.perf_counter()
        path.with_suffix(".jsonl").write_bytes(render(manifest([path])))
        listing = time.perf_counter() - started
    argv = [sys.executable, "-c", _COMPARE, *map(str, paths), str(rounds + 1)]
    done = subprocess.run(argv, cwd=_ROOT, check=True, capture_output=True, text=True)
    compared, read, peak = json.loads(done.stdout)
    started = time.perf_counter()
    compare_weights(*(parse(path.with_suffix(".jsonl").read_bytes()) for path in paths))
    from_manifests = time.perf_counter() - started
    what = f"comparing two checkpoints of {count * _TENSOR / 1e9:.2g} GB"
    exactly = statistics.median(compared[1:])
    both = statistics.median(read[1:])
    for path in paths:
        path.unlink()
    return [
        Figure(f"{what}, element by element", exactly, both, "reading both", 1.5),
        Figure(f"{what}, peak memory", peak, _MEMORY, "300 MB", 1.0, "kB"),
        Figure(f"{what}, from the manifests", from_manifests, exactly, "element by element"),
        Figure("making the manifest of one", listing, both / 2, "reading it"),
    ]


def _write(path: Path, count: int, seed: int) -> None:
    """Write a model whose weights differ a little from those of the first."""
    import numpy as np

    ordered = lay_out(
        TensorEntry(f"layers.{number:03}.weight", "F32", (_WIDTH, _WIDTH), 0, _TENSOR)
        for number in range(count)
    )
    with path.open("wb") as file:
        file.write(render_header(ordered, None))
        for number in range(count):
            weights = np.random.default_rng(number).standard_normal(_WIDTH * _WIDTH, np.float32)
            weights *= np.float32(0.02 if seed else 0.0202)
            file.write(weights.tobytes())
