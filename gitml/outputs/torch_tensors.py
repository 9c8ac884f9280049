"""A program of its own: takes the tensors out of files that torch.save wrote.

It is started as `python -I torch_tensors.py`, possibly by an interpreter that has torch but not
gitml, so it imports nothing of gitml. It loads with `weights_only=True` and never otherwise. For
each path that it reads (JSON, one a line) it answers with one line of JSON that describes the
tensors, reads one line of JSON that says which tensors to write into which files after which
headers, writes them, and answers with one more line.
"""

from __future__ import annotations

import base64
import ctypes
import json
import os
import re
import sys
from typing import IO, Any

OLDEST = (2, 10)
# Under these keys files keep the weights of a model, alone or among what is needed to resume.
WRAPPERS = ("state_dict", "model_state_dict", "model_state", "model", "weights", "module", "net")

TYPES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "complex64": "C64",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint64": "U64",
    "uint32": "U32",
    "uint16": "U16",
    "uint8": "U8",
    "bool": "BOOL",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2": "F8_E5M2",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
    "float8_e8m0fnu": "F8_E8M0",
}


class Kept(Exception):
    """Why the file stays as it is: a kind for programs and a reason for people."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason


def main() -> None:
    """Answer the requests on standard input, each the path of a file as JSON, one a line."""
    # Whatever torch prints must not get between the lines of the protocol.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    while request := sys.stdin.buffer.readline():
        answer(json.loads(request), answers)


def answer(path: str, answers: IO[str]) -> None:
    """Describe the tensors of `path`, then write them as the other side asks."""
    try:
        tensors, key, rest = tensors_in(load(path))
        found, aliases = describe(tensors, os.path.getsize(path))
    except Kept as kept:
        say(answers, {"kind": kept.kind, "reason": kept.reason})
        return
    about = {"kind": "tensors", "key": key, "rest": rest}
    say(answers, {**about, "tensors": found, "aliases": aliases})
    order = sys.stdin.buffer.readline()
    if not order:
        return
    try:
        for file in json.loads(order):
            write(file["path"], base64.b64decode(file["header"]), file["tensors"], tensors)
    except OSError as error:
        say(answers, {"kind": "disk", "reason": error.strerror or str(error)})
        return
    say(answers, {"kind": "written"})


def say(answers: IO[str], message: dict[str, Any]) -> None:
    """Send one line of the protocol."""
    answers.write(json.dumps(message) + "\n")
    answers.flush()


def load(path: str) -> Any:
    """Return what the file holds, loaded without running anything that it says."""
    try:
        import torch
    except Exception as error:
        raise Kept("torch", f"torch can't be imported ({type(error).__name__})") from error
    version = tuple(int(part) for part in re.findall(r"\d+", torch.__version__)[:2])
    if version < OLDEST:
        raise Kept("torch", f"torch {torch.__version__} is older than 2.10, which loads safely")
    with open(path, "rb") as file:
        mapped = file.read(4) == b"PK\x03\x04"
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except MemoryError as error:
        raise Kept("unreadable", "it needs more memory than there is") from error
    except Exception as error:
        raise refused(error) from error


def refused(error: Exception) -> Kept:
    """Return the reason why torch would not load a file safely."""
    import pickle

    text = str(error)
    # torch suggests to load with weights_only=False, which nobody should.
    name = re.search(r"GLOBAL ([\w.]{1,100})", text) or re.search(r"global `?([\w.]{1,100})", text)
    if isinstance(error, pickle.UnpicklingError) or "weights_only" in text:
        what = f" ({name[1]})" if name else ""
        return Kept("refused", f"it holds Python objects{what} and can't be loaded safely")
    return Kept("unreadable", f"torch can't read it ({type(error).__name__})")


def tensors_in(value: Any) -> tuple[dict[str, Any], str, list[str]]:
    """Return name → tensor, the key under which they were, and the names of what else there is.

    Where there is more than tensors, only a model's state dict under one of its usual keys counts.
    """
    import torch

    if isinstance(value, torch.Tensor):
        raise Kept("more", "it holds a single tensor without a name")
    if not isinstance(value, dict):
        raise Kept("more", f"it holds a {type(value).__name__}, not a state dict")
    loose = {key: item for key, item in value.items() if isinstance(item, torch.Tensor)}
    nested = {key: item for key, item in value.items() if holds_tensors(item)}
    rest = [key for key in value if key not in loose and key not in nested]
    if rest or not all(isinstance(key, str) for key in value):
        key = next((key for key in WRAPPERS if key in nested), "")
        others = [ascii(str(other))[1:-1][:40] for other in value if other != key]
        if key:
            return nested[key], key, others[:100]
        names = ", ".join(ascii(str(one))[1:-1][:40] for one in rest[:3])
        raise Kept("more", f"it holds more than tensors ({names or 'names that are no text'})")
    if not nested:
        found, key = loose, ""
    elif len(nested) == 1 and (key := next(iter(nested))) in WRAPPERS:
        found = {**nested[key], **loose}
    else:
        key = ""
        found = dict(loose)
        for outer, inner in nested.items():
            found.update({f"{outer}.{name}": tensor for name, tensor in inner.items()})
    if not found:
        raise Kept("more", "it holds no tensors")
    if len(found) != len(loose) + sum(len(inner) for inner in nested.values()):
        raise Kept("more", "it holds two tensors of the same name")
    return found, key, []


def holds_tensors(value: Any) -> bool:
    """Whether `value` is a dictionary of named tensors and has at least one."""
    import torch

    return (
        isinstance(value, dict)
        and len(value) > 0
        and all(isinstance(name, str) for name in value)
        and all(isinstance(item, torch.Tensor) for item in value.values())
    )


def describe(tensors: dict[str, Any], size: int) -> tuple[list[list[Any]], dict[str, str]]:
    """Return [name, element type, shape, bytes] of each tensor to keep, and the tied ones."""
    import torch

    first: dict[tuple[Any, ...], str] = {}
    found: list[list[Any]] = []
    aliases: dict[str, str] = {}
    total = 0
    for name, tensor in tensors.items():
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
            raise Kept("more", "it holds a tensor that is sparse, quantized or without data")
        dtype = TYPES.get(str(tensor.dtype).removeprefix("torch."))
        if dtype is None:
            raise Kept("more", f"it holds a tensor of {tensor.dtype}, which safetensors can't")
        if tensor.numel() and first.setdefault(identity(tensor), name) != name:
            aliases[name] = first[identity(tensor)]
            continue
        total += tensor.numel() * tensor.element_size()
        found.append([name, dtype, list(tensor.shape), tensor.numel() * tensor.element_size()])
    # Strides of zero let a few bytes stand for terabytes.
    if total > 4 * size + (16 << 20):
        raise Kept("unreadable", "its tensors would be far larger than the file")
    return found, aliases


def identity(tensor: Any) -> tuple[Any, ...]:
    """Return what is equal for two tensors that are the same memory in the same form."""
    return (
        tensor.data_ptr(),
        tensor.dtype,
        tuple(tensor.shape),
        tensor.stride(),
        tensor.is_conj(),
        tensor.is_neg(),
    )


def write(path: str, header: bytes, names: list[str], tensors: dict[str, Any]) -> None:
    """Write one file: the header, and after it the raw bytes of the tensors."""
    with open(path, "xb") as file:
        file.write(header)
        for name in names:
            tensor = tensors[name].detach().resolve_conj().resolve_neg().contiguous()
            size = tensor.numel() * tensor.element_size()
            if size:
                buffer = (ctypes.c_char * size).from_address(tensor.data_ptr())
                file.write(memoryview(buffer))


if __name__ == "__main__":
    main()
