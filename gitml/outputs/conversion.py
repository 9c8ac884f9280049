"""Pickles of tensors → safetensors, without ever unpickling in this process.

The work is done by a process of its own (`torch_process.py`), which loads with torch's restricted
unpickler and writes the files.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Literal

from gitml.outputs.torch_process import Conversion, TorchProcess, kept

PickleKind = Literal["torch", "torch-legacy", "pickle", ""]

_LEGACY = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
_SUFFIXES = (".pkl", ".pickle", ".joblib")


def inspect_pickle(path: Path) -> PickleKind:
    """Return what a file is: a zip of torch, an old file of torch, another pickle, or "".

    The first bytes decide, and for compressed and ancient pickles the suffix. Nothing is
    unpickled or unpacked.

    Raises:
        OSError: if the file can't be read.
    """
    with path.open("rb") as stream:
        start = stream.read(1024)
    if start.startswith(b"PK\x03\x04"):
        length = int.from_bytes(start[26:28], "little")
        name = start[30 : 30 + length]
        return "torch" if name.endswith((b"/data.pkl", b"/.format_version")) else ""
    if len(start) > 2 and start[0] == 0x80 and 2 <= start[1] <= 5:
        return "torch-legacy" if start[2:].startswith(_LEGACY) else "pickle"
    if start.startswith(b"\x93NUMPY") and b"'|O'" in start:
        return "pickle"
    return "pickle" if start and path.suffix.lower() in _SUFFIXES else ""


class Converter:
    """Converts one file after another; torch is imported once for all of them.

    A process that crashed, hung or was found to be wrong is replaced for the next file. To be
    used in a `with` block, which ends the processes.

    Args:
        python: An interpreter that may have torch; used when gitml's own has none that is new
            enough.
    """

    def __init__(self, python: Path | None = None) -> None:
        self._processes = [TorchProcess(one) for one in _interpreters(python)]

    def close(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.close()

    def __enter__(self) -> Converter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def convert(self, path: Path, destination: Path, *, timeout: float | None = None) -> Conversion:
        """Write the tensors of the pickle at `path` into the folder `destination`, as shards.

        Converted are a state dict, and dictionaries that hold nothing but state dicts and
        tensors. A folder that isn't needed is not made.

        Args:
            path: What `torch.save` wrote.
            destination: Folder for the safetensors files; see `gitml.outputs.sharding`.
            timeout: Seconds after which the process is stopped; by default two minutes and one
                second for every 20 MB.

        Raises:
            StorageError: if the destination can't be written.
        """
        if timeout is None:
            timeout = 120 + path.stat().st_size / 20e6
        kind = inspect_pickle(path)
        if not kind:
            return Conversion(converted=False, reason="it is no pickle", kind="unreadable")
        if kind == "pickle":
            # A state dict of torch never looks like this; torch would refuse all of its objects.
            return kept("refused", "it is a plain pickle, which can hold any Python object")
        if kind == "torch" and _expands(path):
            return kept("unreadable", "it is a compressed archive, which torch doesn't write")
        outcome = kept("torch", "gitml needs torch 2.10 or newer to read it safely")
        for process in self._processes:
            outcome = process.convert(path, destination, timeout)
            if outcome.kind != "torch":
                break
        return outcome


def convert(
    path: Path, destination: Path, python: Path | None = None, *, timeout: float | None = None
) -> Conversion:
    """Convert a single file; see `Converter`."""
    with Converter(python) as converter:
        return converter.convert(path, destination, timeout=timeout)


def _interpreters(python: Path | None) -> Iterator[Path]:
    own = Path(sys.executable)
    if importlib.util.find_spec("torch") is not None:
        yield own
    if python is not None and python != own:
        yield python


def _expands(path: Path) -> bool:
    """Whether a zip is compressed, and may be far larger unpacked; those of torch never are."""
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            items = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False
    return any(item.compress_type != zipfile.ZIP_STORED for item in items)
