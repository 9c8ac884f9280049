"""What an output is for: as declared in `gitml.yaml`, else by its name.

The functions here see paths only, with `/` between their parts, relative to the project's root.
"""

from __future__ import annotations

import re

from gitml.config import Outputs
from gitml.outputs.artifact import Role
from gitml.outputs.patterns import specificity
from gitml.regex import lazy

# Field of Outputs → role, in the order in which they win when patterns are equally close.
_DECLARED: tuple[tuple[str, Role], ...] = (
    ("weights", "weights"),
    ("checkpoints", "checkpoint"),
    ("metrics", "metrics"),
    ("history", "history"),
    ("predictions", "predictions"),
    ("importance", "importance"),
    ("explanations", "explanation"),
    ("plots", "plot"),
    ("logs", "log"),
    ("other", "other"),
)

_EVENTS = "events.out.tfevents."
_WEIGHTS = (
    ".safetensors",
    ".pt",
    ".pth",
    ".onnx",
    ".h5",
    ".hdf5",
    ".keras",
    ".joblib",
    ".gguf",
    ".tflite",
    ".cbm",
    ".ubj",
)
_INDEX = ".safetensors.index.json"  # says which file has which tensor of a model
_PICKLES = (".pkl", ".pickle")
_IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".bmp", ".tif", ".tiff")
_TABLE = r"\.(?:csv|tsv|jsonl|json|parquet|feather|arrow|npy|npz|pkl|txt)"

_TORCH_BIN = lazy(r"(?:pytorch_|adapter_|diffusion_pytorch_|)model[\w.-]*\.bin\Z")
_MODEL_NAME = lazy(
    r"(?:^|[_.-])(?:model|weights|clf|classifier|regressor|estimator|pipeline|net)(?:[_.-]|\d|\Z)"
)
_RESUME_NAME = lazy(
    r"(?:^|[_.-])(?:checkpoint|ckpt|optimi[sz]er|optim|scheduler|scaler|rng[_-]state|"
    r"train(?:er|ing)[_-](?:state|args)|resume|snapshot)(?:[_.-]|\d|\Z)"
)
_NAMED: tuple[tuple[re.Pattern[str], Role], ...] = (
    (
        lazy(r"(?:[\w-]+[_-])?(?:predictions?|preds?|submission)(?:[_-][\w.-]+)?" + _TABLE),
        "predictions",
    ),
    (lazy(r"[\w-]*importances?(?:[_-][\w.-]+)?" + _TABLE), "importance"),
    (
        lazy(
            r"(?:[\w-]+[_-])?(?:explanations?|attributions?|shap(?:[_-]values)?)(?:[_-][\w.-]+)?"
            + _TABLE
        ),
        "explanation",
    ),
    (lazy(r"(?:[\w-]+[_-])?metrics\.(?:json|ya?ml|toml|csv|tsv)"), "metrics"),
    (lazy(r"(?:[\w-]+[_-])?history\.(?:jsonl|csv|tsv)"), "history"),
    (lazy(r"[\w.-]*\.(?:vl|vega|vg|plotly)\.json"), "plot"),
    (
        lazy(
            r"[\w.-]+\.log(?:\.\d+)?|(?:[\w-]+[_-])?log\.txt|(?:std)?(?:out|err)\.txt|slurm-[\w-]+\.out"
        ),
        "log",
    ),
)

_CACHE_FOLDERS = frozenset(
    {
        ".cache",
        ".eggs",
        ".git",
        ".hypothesis",
        ".ipynb_checkpoints",
        ".mypy_cache",
        ".nox",
        ".pytest_cache",
        ".ruff_cache",
        ".tox",
        ".triton",
        ".venv",
        "__pycache__",
        "__pypackages__",
        "node_modules",
    }
)
_CACHE_FILES = frozenset({".DS_Store", ".coverage", "Thumbs.db", "desktop.ini"})
_CACHE_SUFFIXES = (".pyc", ".pyo", ".nbc", ".nbi", ".swp", ".swo", "~")


def role_of(path: str, outputs: Outputs) -> Role:
    """Return the role of the output at `path`: declared, else by its name, else `other`.

    Where several declared patterns match, the closest counts: the path itself before a folder or
    a pattern, a longer one before a shorter one.
    """
    return declared_role(path, outputs) or _role_by_name(path)


def declared_role(path: str, outputs: Outputs) -> Role | None:
    """Return the role that `gitml.yaml` gives to `path`, or None."""
    closest = 0
    role: Role | None = None
    for field, declared in _DECLARED:
        for pattern in getattr(outputs, field):
            close = specificity(pattern, path)
            if close > closest:
                closest, role = close, declared
    if not is_event_file(path):
        return role
    if role is None:
        listed = any(specificity(pattern, path) for pattern in outputs.tensorboard)
        return "history" if listed else None
    # In a declared folder of plots, event files are still no plots.
    return "history" if role in ("plot", "other", "log") else role


def is_declared(path: str, outputs: Outputs) -> bool:
    """Whether `gitml.yaml` lists `path`, a folder above it, or a pattern that matches it."""
    return declared_role(path, outputs) is not None


def is_event_file(path: str) -> bool:
    """Whether `path` is named as TensorBoard's writers name their files."""
    return path.rpartition("/")[2].startswith(_EVENTS)


def is_plain_result(path: str) -> bool:
    """Whether `path` is a result even though Git ignores it: weights, checkpoints, event files."""
    if is_cache(path):
        return False
    if path.endswith(_INDEX):
        return True
    return is_event_file(path) or _role_by_name(path) in ("weights", "checkpoint")


def is_cache(path: str) -> bool:
    """Whether `path` is what tools leave behind, and never a result."""
    *folders, name = path.split("/")
    if name in _CACHE_FILES or name.endswith(_CACHE_SUFFIXES):
        return True
    return any(
        folder in _CACHE_FOLDERS
        or folder.endswith(".egg-info")
        or (folder in ("cache", "tmp") and folders[index - 1 : index] == [".dvc"])
        for index, folder in enumerate(folders)
    )


def _role_by_name(path: str) -> Role:
    folder, _, name = path.rpartition("/")
    name = name.lower()
    if is_event_file(path):
        return "history"
    stem = name.rpartition(".")[0]
    if name.endswith(".ckpt"):
        return "checkpoint"
    for pattern, role in _NAMED:
        if pattern.fullmatch(name):
            return role
    if name.endswith(_WEIGHTS) or _TORCH_BIN.match(name):
        return "checkpoint" if _RESUME_NAME.search(stem) else "weights"
    if name.endswith(".bin") and _RESUME_NAME.search(stem):
        return "checkpoint"
    if name.endswith(_PICKLES):
        if _RESUME_NAME.search(stem):
            return "checkpoint"
        return "weights" if _MODEL_NAME.search(stem) else "other"
    if name.endswith(_IMAGES):
        return "plot"
    in_plots = "plots" in folder.lower().split("/")
    return (
        "plot"
        if in_plots and name.endswith((".json", ".html", ".pdf", ".csv", ".tsv"))
        else "other"
    )
