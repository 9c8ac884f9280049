"""Write the handwritten digits that scikit-learn ships to data/, and their split to splits.json.

`gitml init` has run this once. There are 1,797 grey images of 8 × 8 pixels, with values from 0 to
16, and the digit that each one shows.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

PARTS = {"train": 0.6, "valid": 0.2, "test": 0.2}


def split(labels: dict[int, int]) -> dict[str, list[int]]:
    """Divide ids into parts with the same mix of labels in each.

    Within a label, ids are ordered by a hash. That is as good as random, needs no seed, and gives
    the same split with every version of every library.
    """
    parts: dict[str, list[int]] = {name: [] for name in PARTS}
    for label in sorted(set(labels.values())):
        ids = [item for item, own in labels.items() if own == label]
        ids.sort(key=lambda item: hashlib.sha256(str(item).encode()).digest())
        start, share = 0, 0.0
        for name, fraction in PARTS.items():
            share += fraction
            end = round(share * len(ids))
            parts[name] += ids[start:end]
            start = end
    return {name: sorted(ids) for name, ids in parts.items()}


def main() -> None:
    digits = load_digits()
    images = digits.images.astype(np.uint8)
    labels = digits.target.astype(np.uint8)
    ids = np.arange(len(labels), dtype=np.int32)

    Path("data").mkdir(exist_ok=True)
    np.savez("data/digits.npz", ids=ids, images=images, labels=labels)

    parts = split({int(item): int(label) for item, label in zip(ids, labels, strict=True)})
    Path("splits.json").write_text(json.dumps(parts) + "\n", encoding="utf-8")
    print("data/digits.npz:", ", ".join(f"{len(own)} {name}" for name, own in parts.items()))


if __name__ == "__main__":
    main()
