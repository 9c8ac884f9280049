"""Write the breast-cancer table that scikit-learn ships to data/, and its split to splits.json.

`gitml init` has run this once. The table is the Wisconsin diagnostic data set: 569 tumours, 30
measurements of each, and whether it was malignant.
"""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

from sklearn.datasets import load_breast_cancer

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
    table = load_breast_cancer()
    columns = [str(name).replace(" ", "_") for name in table.feature_names]
    malignant = [int(target == 0) for target in table.target]

    Path("data").mkdir(exist_ok=True)
    with open("data/tumours.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", *columns, "malignant"])
        for item, (row, label) in enumerate(zip(table.data, malignant, strict=True)):
            writer.writerow([item, *(float(value) for value in row), label])

    parts = split(dict(enumerate(malignant)))
    Path("splits.json").write_text(json.dumps(parts) + "\n", encoding="utf-8")
    print("data/tumours.csv:", ", ".join(f"{len(ids)} {name}" for name, ids in parts.items()))


if __name__ == "__main__":
    main()
