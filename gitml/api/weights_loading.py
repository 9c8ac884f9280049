"""Bringing saved weights back: as tensors, or into the tensors that a module has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitml.api.torch_state import empty, room, type_for
from gitml.errors import ArtifactError, StorageError
from gitml.outputs.grouping import strip_wrappers
from gitml.outputs.tensor_places import Place
from gitml.outputs.torch_tensors import identity
from gitml.outputs.weights_reading import SavedModel, opened
from gitml.storage.durable import disk_errors
from gitml.storage.parallel import in_threads

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

_PIECE = 32 << 20
_NAMED = 5


def load_alone(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors of the weights at `path`, and their metadata.

    Raises:
        NotFoundError: if there are none.
        StorageError: if they are damaged, or don't fit into memory.
        ArtifactError: if torch hasn't the element type of one.
    """
    with opened(path) as model:
        try:
            tensors = {name: empty(place.entry) for name, place in model.places.items()}
        except MemoryError as error:
            raise StorageError(f"{path} can't be loaded: {error}.") from error
        _for_each_file(model, lambda name, place: _read(place, tensors[name]))
        for dropped, kept in model.aliases.items():
            tensors[dropped] = tensors[kept]
    return tensors, model.notes


def load_into(
    path: Path, module: Module, *, strict: bool
) -> tuple[dict[str, Tensor], dict[str, Any], tuple[str, ...], tuple[str, ...]]:
    """Put the weights at `path` into a module.

    Returns:
        The module's tensors by its own names, the weights' metadata, and what is missing in the
        folder and in the module.

    Raises:
        NotFoundError: if there are none.
        StorageError: if they are damaged.
        ArtifactError: if they don't fit.
    """
    import torch

    state = module.state_dict()
    targets = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
    own = {short: name for name, short in strip_wrappers(targets).items()}
    with opened(path) as model:
        saved = {name: name for name in model.places} | model.aliases
        # A model that other tools saved keeps the wrappers in its names.
        stripped = {short: saved[name] for name, short in strip_wrappers(saved).items()}
        found = {own[short]: place for short, place in stripped.items() if short in own}
        missing = _missing(targets, found)
        if strict:
            missing += tuple(name for name in state if name not in targets)
        unexpected = tuple(sorted(name for name in stripped if name not in own))
        _check_fit(path, targets, {name: model.places[kept] for name, kept in found.items()})
        if strict and (missing or unexpected):
            raise _misfit(path, missing, unexpected)
        by_place: dict[str, list[str]] = {}
        for name, kept in found.items():
            by_place.setdefault(kept, []).append(name)

        def fill(kept: str, place: Place) -> None:
            for target in _distinct(targets[name] for name in by_place.get(kept, ())):
                _read_into(place, target)

        _for_each_file(model, fill)
    return targets, model.notes, missing, unexpected


def _missing(targets: Mapping[str, Tensor], found: Mapping[str, str]) -> tuple[str, ...]:
    """Return the tensors that nothing fills; a tied one is filled by the other."""
    filled = {(targets[name].device, *identity(targets[name])) for name in found}
    return tuple(
        name
        for name, tensor in targets.items()
        if name not in found and (tensor.device, *identity(tensor)) not in filled
    )


def _distinct(tensors: Any) -> list[Tensor]:
    found: dict[tuple[Any, ...], Tensor] = {}
    for tensor in tensors:
        found.setdefault((tensor.device, *identity(tensor)), tensor)
    return list(found.values())


def _check_fit(path: Path, targets: Mapping[str, Tensor], places: Mapping[str, Place]) -> None:
    import torch

    wrong = []
    for name, place in places.items():
        target = targets[name]
        if type(target.detach()) not in (torch.Tensor, torch.nn.Parameter) or target.is_meta:
            kind = "on the meta device" if target.is_meta else f"a {type(target.detach()).__name__}"
            raise ArtifactError(
                f"{name} of the module is {kind}, and can't be loaded into.",
                hint="Load with gitml.load_weights(path), and hand the tensors to "
                "torch.distributed.checkpoint.state_dict.set_model_state_dict, or to "
                "load_state_dict(…, assign=True).",
            )
        type_for(place.entry)
        if tuple(target.shape) != place.entry.shape:
            there, here = _shape(place.entry.shape), _shape(tuple(target.shape))
            wrong.append(f"{name} is {there} in the folder and {here} in the module")
    if wrong:
        more = f", and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
        raise ArtifactError(
            f"The weights in {path} don't fit the module: {'; '.join(wrong[:_NAMED])}{more}.",
            hint="Without the module, load_weights returns the tensors: leave out those that "
            "don't fit, and hand the rest to module.load_state_dict(…, strict=False).",
        )


def _misfit(path: Path, missing: tuple[str, ...], unexpected: tuple[str, ...]) -> ArtifactError:
    said = []
    if missing:
        said.append(f"it lacks {_listing(missing)}")
    if unexpected:
        said.append(f"the module lacks {_listing(unexpected)}")
    return ArtifactError(
        f"The weights in {path} don't fit the module: {'; '.join(said)}.",
        hint="With strict=False what is on one side only is left out.",
    )


def _listing(names: tuple[str, ...]) -> str:
    shown = ", ".join(ascii(name)[1:-1][:100] for name in names[:_NAMED])
    return shown + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(str(length) for length in shape) or "a scalar"


def _for_each_file(model: SavedModel, work: Any) -> None:
    """Do `work(name, place)` for every tensor, several files at once."""
    files: dict[Path, list[str]] = {}
    for name, place in model.places.items():
        files.setdefault(place.path, []).append(name)

    def read(names: list[str]) -> None:
        for name in names:
            work(name, model.places[name])

    for _ in in_threads(read, files.values()):
        pass


def _read(place: Place, target: Tensor) -> None:
    """Read the bytes of a tensor into a new one of its type and shape."""
    with disk_errors(f"read {place.path}"), place.path.open("rb", buffering=0) as file:
        file.seek(place.offset)
        _fill(file, target, place.path)


def _read_into(place: Place, target: Tensor) -> None:
    """Read a tensor into one of the same shape, wherever that is and however it lies in memory.

    It goes through a piece of limited size, so a model on a GPU needs no copy in main memory.
    """
    import torch

    dtype, total = type_for(place.entry), target.numel()
    plain = target.detach()
    flat = plain.view(-1) if plain.is_contiguous() else None
    count = max(1, total if flat is None else min(_PIECE // dtype.itemsize, total))
    piece = torch.empty(min(count, total), dtype=dtype)
    with (
        disk_errors(f"read {place.path}"),
        place.path.open("rb", buffering=0) as file,
        torch.no_grad(),
    ):
        file.seek(place.offset)
        for start in range(0, total, count):
            part = piece[: total - start]
            _fill(file, part, place.path)
            if flat is None:
                plain.copy_(part.view(plain.shape))
            else:
                flat[start : start + len(part)].copy_(part)


def _fill(file: Any, target: Tensor, path: Path) -> None:
    memory = room(target)
    while memory:
        read = file.readinto(memory)
        if not read:
            raise StorageError(f"{path} became shorter while it was read.")
        memory = memory[read:]
