"""Train a small network that tells malignant tumours from benign ones.

Reads params.yaml, data/tumours.csv and splits.json. Writes metrics.json, history.csv,
predictions.csv, importance.json, plots/ and model.safetensors. The same settings give the same
numbers every time.
"""

from __future__ import annotations

import copy
import csv
import json
from pathlib import Path
from typing import Any

import torch
import yaml
from matplotlib.figure import Figure
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

Part = tuple[Tensor, Tensor, Tensor]  # ids, measurements, malignant (0 or 1)


class Network(nn.Module):
    """Fully connected layers over standardised measurements; returns one logit a row."""

    def __init__(self, mean: Tensor, std: Tensor, hidden: list[int], dropout: float) -> None:
        super().__init__()
        # In the weights file, so that whoever loads the model can give it raw measurements.
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)
        layers: list[nn.Module] = []
        width = len(mean)
        for size in hidden:
            layers += [nn.Linear(width, size), nn.ReLU(), nn.Dropout(dropout)]
            width = size
        self.layers = nn.Sequential(*layers, nn.Linear(width, 1))

    def forward(self, rows: Tensor) -> Tensor:
        return self.layers((rows - self.mean) / self.std).squeeze(1)


def load_parts() -> tuple[list[str], dict[str, Part]]:
    """Read the table and divide it as splits.json says."""
    with open("data/tumours.csv", newline="", encoding="utf-8") as file:
        header, *lines = csv.reader(file)
    rows = {int(line[0]): [float(value) for value in line[1:]] for line in lines}
    parts = {}
    for name, ids in json.loads(Path("splits.json").read_text(encoding="utf-8")).items():
        table = torch.tensor([rows[item] for item in ids])
        parts[name] = (torch.tensor(ids), table[:, :-1], table[:, -1])
    return header[1:-1], parts


@torch.no_grad()
def evaluate(model: nn.Module, rows: Tensor, labels: Tensor) -> tuple[float, float, Tensor]:
    """Return loss, accuracy and the probability of malignant for each row."""
    model.eval()
    logits = model(rows)
    loss = F.binary_cross_entropy_with_logits(logits, labels).item()
    accuracy = ((logits > 0) == (labels > 0.5)).double().mean().item()
    return loss, accuracy, torch.sigmoid(logits)


def train(model: nn.Module, parts: dict[str, Part], settings: dict[str, Any], every: int) -> int:
    """Fit the model, keep the weights of the epoch with the lowest validation loss, return it."""
    _, rows, labels = parts["train"]
    _, valid_rows, valid_labels = parts["valid"]
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings["lr"], weight_decay=settings["weight_decay"]
    )
    steps = -(-len(rows) // settings["batch_size"]) * settings["epochs"]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings["lr"], total_steps=steps)
    best_loss, best_epoch, best_weights = float("inf"), 0, model.state_dict()
    with open("history.csv", "w", newline="", encoding="utf-8") as file:
        history = csv.writer(file, lineterminator="\n")
        history.writerow(["step", "train_loss", "valid_loss", "valid_accuracy"])
        for epoch in range(1, settings["epochs"] + 1):
            model.train()
            total = 0.0
            for batch in torch.randperm(len(rows)).split(settings["batch_size"]):
                loss = F.binary_cross_entropy_with_logits(model(rows[batch]), labels[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                total += loss.item() * len(batch)
            train_loss = total / len(rows)
            valid_loss, valid_accuracy, _ = evaluate(model, valid_rows, valid_labels)
            history.writerow([epoch, train_loss, valid_loss, valid_accuracy])
            file.flush()
            if valid_loss < best_loss:
                best_loss, best_epoch = valid_loss, epoch
                best_weights = copy.deepcopy(model.state_dict())
            if epoch % every == 0:
                print(
                    f"epoch {epoch:3}  train loss {train_loss:.4f}  "
                    f"valid loss {valid_loss:.4f}  valid accuracy {valid_accuracy:.4f}",
                    flush=True,
                )
    model.load_state_dict(best_weights)
    return best_epoch


def area_under_curve(scores: Tensor, labels: Tensor) -> float:
    """Return the chance that a malignant row scores higher than a benign one."""
    malignant, benign = scores[labels > 0.5], scores[labels <= 0.5]
    higher = (malignant[:, None] > benign).double() + 0.5 * (malignant[:, None] == benign)
    return higher.mean().item()


def permutation_importance(
    model: nn.Module, part: Part, columns: list[str], repeats: int
) -> dict[str, float]:
    """Return how much the loss rises when a column is shuffled, for each column."""
    _, rows, labels = part
    before, _, _ = evaluate(model, rows, labels)
    importance = {}
    for index, column in enumerate(columns):
        rise = 0.0
        for _ in range(repeats):
            shuffled = rows.clone()
            shuffled[:, index] = rows[torch.randperm(len(rows)), index]
            rise += evaluate(model, shuffled, labels)[0] - before
        importance[column] = rise / repeats
    return dict(sorted(importance.items(), key=lambda item: -item[1]))


def draw(importance: dict[str, float]) -> None:
    """Draw the loss over epochs and the ten columns that matter most."""
    with open("history.csv", newline="", encoding="utf-8") as file:
        history = list(csv.DictReader(file))
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for name in ("train_loss", "valid_loss"):
        axes.plot([int(row["step"]) for row in history], [float(row[name]) for row in history])
    axes.legend(["train", "valid"])
    axes.set(xlabel="epoch", ylabel="loss", title="Loss")
    save(figure, "loss")

    top = list(importance.items())[9::-1]
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.barh([name for name, _ in top], [value for _, value in top])
    axes.set(xlabel="rise of the loss when shuffled", title="Importance")
    save(figure, "importance")


def save(figure: Figure, name: str) -> None:
    """Write a plot whose bytes depend on nothing but what it shows."""
    Path("plots").mkdir(exist_ok=True)
    figure.savefig(f"plots/{name}.png", dpi=100, metadata={"Software": None})


def write_json(path: str, value: Any) -> None:
    Path(path).write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    torch.manual_seed(params["seed"])
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)  # faster for a model of this size, and sums in a fixed order

    columns, parts = load_parts()
    _, rows, _ = parts["train"]
    model = Network(rows.mean(0), rows.std(0), **params["model"])
    best_epoch = train(model, parts, params["train"], params["log_interval"])

    valid_loss, valid_accuracy, _ = evaluate(model, *parts["valid"][1:])
    ids, rows, labels = parts["test"]
    loss, accuracy, scores = evaluate(model, rows, labels)
    importance = permutation_importance(
        model, parts["valid"], columns, params["importance"]["repeats"]
    )

    metrics = {
        "accuracy": accuracy,
        "auc": area_under_curve(scores, labels),
        "loss": loss,
        "valid_accuracy": valid_accuracy,
        "valid_loss": valid_loss,
        "best_epoch": best_epoch,
    }
    write_json("metrics.json", metrics)
    write_json("importance.json", importance)
    with open("predictions.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "y_true", "y_pred", "score"])  # score: chance of malignant
        for item, label, score in zip(ids.tolist(), labels.tolist(), scores.tolist(), strict=True):
            writer.writerow([item, int(label), int(score > 0.5), f"{score:.6f}"])
    draw(importance)
    save_file(model.state_dict(), "model.safetensors")
    print(f"test accuracy {accuracy:.4f}  test loss {loss:.4f}  (weights of epoch {best_epoch})")


if __name__ == "__main__":
    main()
