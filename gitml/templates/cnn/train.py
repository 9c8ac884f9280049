"""Train a small convolutional network that reads handwritten digits.

Reads params.yaml, data/digits.npz and splits.json. Writes metrics.json, history.csv,
predictions.csv, plots/ and model.safetensors. The same settings give the same numbers every time.
"""

from __future__ import annotations

import copy
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from matplotlib.figure import Figure
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

Part = tuple[Tensor, Tensor, Tensor]  # ids, images, digits


class Network(nn.Module):
    """Two convolutions and two linear layers; takes (batch, 8, 8), returns ten logits an image."""

    def __init__(self, channels: list[int], hidden: int, dropout: float) -> None:
        super().__init__()
        first, second = channels
        self.features = nn.Sequential(
            nn.Conv2d(1, first, 3, padding=1),
            nn.BatchNorm2d(first),
            nn.ReLU(),
            nn.Conv2d(first, second, 3, padding=1),
            nn.BatchNorm2d(second),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(second * 4 * 4, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 10),
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(self.features(images.unsqueeze(1)))


def load_parts() -> dict[str, Part]:
    """Read the images and divide them as splits.json says."""
    with np.load("data/digits.npz") as data:
        images = torch.from_numpy(data["images"]).float() / 16
        labels = torch.from_numpy(data["labels"]).long()
        row_of = {item: row for row, item in enumerate(data["ids"].tolist())}
    parts = {}
    for name, ids in json.loads(Path("splits.json").read_text(encoding="utf-8")).items():
        rows = torch.tensor([row_of[item] for item in ids])
        parts[name] = (torch.tensor(ids), images[rows], labels[rows])
    return parts


@torch.no_grad()
def evaluate(model: nn.Module, images: Tensor, labels: Tensor) -> tuple[float, float, Tensor]:
    """Return loss, accuracy and the ten probabilities for each image."""
    model.eval()
    logits = model(images)
    loss = F.cross_entropy(logits, labels).item()
    accuracy = (logits.argmax(1) == labels).double().mean().item()
    return loss, accuracy, logits.softmax(1)


def train(model: nn.Module, parts: dict[str, Part], settings: dict[str, Any], every: int) -> int:
    """Fit the model, keep the weights of the epoch with the lowest validation loss, return it."""
    _, images, labels = parts["train"]
    _, valid_images, valid_labels = parts["valid"]
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings["lr"], weight_decay=settings["weight_decay"]
    )
    steps = -(-len(images) // settings["batch_size"]) * settings["epochs"]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings["lr"], total_steps=steps)
    best_loss, best_epoch, best_weights = float("inf"), 0, model.state_dict()
    with open("history.csv", "w", newline="", encoding="utf-8") as file:
        history = csv.writer(file, lineterminator="\n")
        history.writerow(["step", "train_loss", "valid_loss", "valid_accuracy"])
        for epoch in range(1, settings["epochs"] + 1):
            model.train()
            total = 0.0
            for batch in torch.randperm(len(images)).split(settings["batch_size"]):
                loss = F.cross_entropy(model(images[batch]), labels[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                total += loss.item() * len(batch)
            train_loss = total / len(images)
            valid_loss, valid_accuracy, _ = evaluate(model, valid_images, valid_labels)
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


def draw(labels: Tensor, guesses: Tensor) -> None:
    """Draw the loss over epochs, and which digits are taken for which on the test part."""
    with open("history.csv", newline="", encoding="utf-8") as file:
        history = list(csv.DictReader(file))
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for name in ("train_loss", "valid_loss"):
        axes.plot([int(row["step"]) for row in history], [float(row[name]) for row in history])
    axes.legend(["train", "valid"])
    axes.set(xlabel="epoch", ylabel="loss", title="Loss")
    save(figure, "loss")

    confusion = torch.zeros(10, 10, dtype=torch.int64)
    for label, guess in zip(labels.tolist(), guesses.tolist(), strict=True):
        confusion[label, guess] += 1
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    axes.imshow(confusion.numpy(), cmap="Blues")
    for row in range(10):
        for column in range(10):
            if count := int(confusion[row, column]):
                colour = "white" if row == column else "black"
                axes.text(column, row, count, ha="center", va="center", color=colour)
    axes.set(
        xlabel="predicted", ylabel="true", xticks=range(10), yticks=range(10), title="Confusion"
    )
    save(figure, "confusion")


def save(figure: Figure, name: str) -> None:
    """Write a plot whose bytes depend on nothing but what it shows."""
    Path("plots").mkdir(exist_ok=True)
    figure.savefig(f"plots/{name}.png", dpi=100, metadata={"Software": None})


def main() -> None:
    params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    torch.manual_seed(params["seed"])
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)  # fast enough for a model of this size, and sums in a fixed order

    parts = load_parts()
    model = Network(**params["model"])
    best_epoch = train(model, parts, params["train"], params["log_interval"])

    valid_loss, valid_accuracy, _ = evaluate(model, *parts["valid"][1:])
    ids, images, labels = parts["test"]
    loss, accuracy, probabilities = evaluate(model, images, labels)
    scores, guesses = probabilities.max(1)

    metrics = {
        "accuracy": accuracy,
        "loss": loss,
        "valid_accuracy": valid_accuracy,
        "valid_loss": valid_loss,
        "best_epoch": best_epoch,
    }
    Path("metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    with open("predictions.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "y_true", "y_pred", "score"])  # score: chance of y_pred
        columns = (ids.tolist(), labels.tolist(), guesses.tolist(), scores.tolist())
        for item, label, guess, score in zip(*columns, strict=True):
            writer.writerow([item, label, guess, f"{score:.6f}"])
    draw(labels, guesses)
    save_file(model.state_dict(), "model.safetensors")
    print(f"test accuracy {accuracy:.4f}  test loss {loss:.4f}  (weights of epoch {best_epoch})")


if __name__ == "__main__":
    main()
