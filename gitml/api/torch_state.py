"""The tensors of a module as raw bytes, and back, in pieces and without a second copy of it all."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from gitml.errors import ArtifactError
from gitml.outputs.tensor_layout import TensorEntry
from gitml.outputs.torch_tensors import TYPES, identity

if TYPE_CHECKING:
    from torch import Tensor

PIECE = 32 << 20

_FULL = (
    "from torch.distributed.checkpoint.state_dict import get_model_state_dict, StateDictOptions; "
    "state = get_model_state_dict(model, options=StateDictOptions(full_state_dict=True, "
    "cpu_offload=True)), then save `state` on rank 0."
)

_view = ctypes.pythonapi.PyMemoryView_FromMemory
_view.argtypes = (ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int)
_view.restype = ctypes.py_object
_READ, _WRITE = 0x100, 0x200


class State(NamedTuple):
    """The tensors of a model.

    Attributes:
        tensors: Name → tensor, in their order, tied ones once.
        aliases: Name of a tied tensor that is left out → name of the one that is kept.
        buffers: Names of what isn't trained; None if that isn't known.
    """

    tensors: dict[str, Tensor]
    aliases: dict[str, str]
    buffers: frozenset[str] | None

    def entries(self) -> list[TensorEntry]:
        """Return what safetensors has to say about the tensors."""
        return [
            TensorEntry(name, _type_of(tensor), tuple(tensor.shape), 0, _size(tensor))
            for name, tensor in self.tensors.items()
        ]


def state_of(model: Any) -> State:
    """Return the tensors of a module or of its state dict, checked.

    Raises:
        ArtifactError: if it holds something that safetensors can't: no tensor, or one that is
            sparse, quantised, distributed, on the meta device, or of an unknown element type.
    """
    import torch

    buffers = None
    if isinstance(model, torch.nn.Module):
        buffers = frozenset(name for name, _ in model.named_buffers(remove_duplicate=False))
        model = model.state_dict()
    if not isinstance(model, Mapping):
        raise ArtifactError(
            f"save_weights takes a module or its state dict, and was given {_kind(model)}.",
            hint="gitml.save_weights(model, 'model')",
        )
    tensors: dict[str, Tensor] = {}
    aliases: dict[str, str] = {}
    first: dict[tuple[Any, ...], str] = {}
    for name, value in model.items():
        tensor = _checked(name, value)
        if tensor.numel() and first.setdefault((tensor.device, *identity(tensor)), name) != name:
            aliases[name] = first[(tensor.device, *identity(tensor))]
        else:
            tensors[name] = tensor
    return State(tensors, aliases, buffers)


def pieces(tensor: Tensor) -> Iterator[memoryview]:
    """Yield the raw bytes of a tensor in order; what isn't in main memory comes piece by piece."""
    if not tensor.numel():
        return
    if tensor.device.type == "cpu" and tensor.is_contiguous() and not _is_lazy_view(tensor):
        yield _view(tensor.data_ptr(), _size(tensor), _READ)
        return
    if _size(tensor) > PIECE and tensor.dim():
        rows = max(1, PIECE // max(1, _size(tensor) // len(tensor)))
        if len(tensor) == 1 or (rows == 1 and _size(tensor[0]) > PIECE):
            for row in tensor:
                yield from pieces(row)
            return
        for start in range(0, len(tensor), rows):
            plain = _plain(tensor[start : start + rows])
            yield _view(plain.data_ptr(), _size(plain), _READ)
        return
    plain = _plain(tensor)
    yield _view(plain.data_ptr(), _size(plain), _READ)


def empty(entry: TensorEntry) -> Tensor:
    """Return a new tensor in main memory for an entry of a file, not filled yet.

    Raises:
        ArtifactError: if this torch has no such element type.
    """
    import torch

    try:
        return torch.empty(entry.shape, dtype=type_for(entry))
    except RuntimeError as error:
        raise MemoryError(f"no memory for the tensor {entry.name[:100]!r}: {error}") from error


def type_for(entry: TensorEntry) -> Any:
    """Return the element type of torch for an entry of a file.

    Raises:
        ArtifactError: if this torch has none.
    """
    import torch

    name = next((name for name, dtype in TYPES.items() if dtype == entry.dtype), "")
    found = getattr(torch, name, None) if name else None
    if found is None:
        raise ArtifactError(
            f"The tensor {entry.name[:100]!r} has elements of the type {entry.dtype}, which torch "
            f"{torch.__version__} doesn't have."
        )
    return found


def room(tensor: Tensor) -> memoryview:
    """Return the memory of a contiguous tensor on the CPU as writable bytes."""
    memory: memoryview = _view(tensor.data_ptr(), _size(tensor), _WRITE)
    return memory if tensor.numel() else memoryview(bytearray())


def _checked(name: Any, value: Any) -> Tensor:
    import torch

    if not isinstance(name, str):
        raise ArtifactError(f"The state dict has the key {name!r}, and names are text.")
    where = f"{name[:100]!r}"
    if not isinstance(value, torch.Tensor):
        hint = "Weights are tensors. Resume state (optimizer, epoch) is for torch.save."
        if name.endswith("_extra_state"):
            hint = "Save the model's state dict without its extra state."
        raise ArtifactError(f"{where} is {_kind(value)}, and not a tensor.", hint=hint)
    if torch.nn.parameter.is_lazy(value):
        raise ArtifactError(
            f"{where} has no shape yet.", hint="Run the model once before it is saved."
        )
    plain = value.detach()
    if type(plain) not in (torch.Tensor, torch.nn.Parameter):
        distributed = hasattr(plain, "full_tensor") or "Sharded" in type(plain).__name__
        raise ArtifactError(
            f"{where} is a {type(plain).__name__}, of which this process has a part or another "
            "form.",
            hint=_FULL if distributed else "Convert it to a plain tensor first.",
        )
    if plain.is_meta:
        raise ArtifactError(
            f"{where} is on the meta device, so it has no data.",
            hint="Load or initialise the model before it is saved (`model.to_empty(device=…)`).",
        )
    if plain.layout != torch.strided or plain.is_quantized or plain.is_nested:
        form = "quantised" if plain.is_quantized else "nested" if plain.is_nested else "sparse"
        raise ArtifactError(
            f"{where} is {form}, and safetensors has no such tensors.",
            hint="Save plain ones: `tensor.to_dense()`, `tensor.dequantize()`.",
        )
    _type_of(plain, where)
    return plain


def _type_of(tensor: Tensor, where: str = "") -> str:
    found = TYPES.get(str(tensor.dtype).removeprefix("torch."))
    if found is None:
        raise ArtifactError(
            f"{where} has elements of {tensor.dtype}, and safetensors has no such type."
        )
    return found


def _plain(tensor: Tensor) -> Tensor:
    return tensor.resolve_conj().resolve_neg().cpu().contiguous()


def _is_lazy_view(tensor: Tensor) -> bool:
    return tensor.is_conj() or tensor.is_neg()


def _size(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _kind(value: Any) -> str:
    return f"a {type(value).__name__}" if value is not None else "None"
