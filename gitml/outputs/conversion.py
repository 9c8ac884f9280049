"""Pickles of tensors → safetensors, without ever unpickling in this process.

The work is done by a process of its own (`torch_tensors.py`), which loads with torch's restricted
unpickler and writes the files. What it answers is checked like anything else from outside.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Literal

import msgspec

from gitml.errors import GitmlError, StorageError
from gitml.outputs.sharding import INDEX, ShardPlan, close_folder, open_folder, plan_shards
from gitml.outputs.tensor_layout import TensorEntry, render_header

PickleKind = Literal["torch", "torch-legacy", "pickle", ""]
Kind = Literal["converted", "more", "refused", "unreadable", "torch"]

MAX_ANSWER = 64 << 20
_Tensor = tuple[str, str, tuple[int, ...], int, int]
_SCRIPT = Path(__file__).with_name("torch_tensors.py")
_LEGACY = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
_SUFFIXES = (".pkl", ".pickle", ".joblib")
_HARMLESS = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


class Conversion(msgspec.Struct, frozen=True):
    """What became of a pickle.

    Attributes:
        converted: Whether its tensors are in the destination now.
        reason: Why not, as the end of a sentence ("it holds more than tensors (optimizer)").
        kind: The reason for programs: `more` (resume state, say), `refused` (torch won't load it
            safely), `unreadable` (damaged, too large, timed out), `torch` (no suitable torch).
        unsafe: Whether loading it could run code: it is not known to be tensors and plain values.
        key: The key of the dictionary that the tensors were under, or empty.
        prefix: The wrapper's prefix (`module.`) that was removed from all names, or empty.
        aliases: Name of a tied tensor → name of the one that was kept in its place.
        kept: Number of tensors that were written.
        files: Names of the files in the destination, without the index.
    """

    converted: bool
    reason: str = ""
    kind: Kind = "converted"
    unsafe: bool = False
    key: str = ""
    prefix: str = ""
    aliases: dict[str, str] = {}
    kept: int = 0
    files: tuple[str, ...] = ()


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


def convert(
    path: Path, destination: Path, python: Path | None = None, *, timeout: float | None = None
) -> Conversion:
    """Write the tensors of the pickle at `path` into the folder `destination`, as shards.

    Converted are a state dict, and dictionaries that hold nothing but state dicts and tensors. A
    folder that isn't needed is not made.

    Args:
        path: What `torch.save` wrote.
        destination: Folder for the safetensors files; see `gitml.outputs.sharding`.
        python: An interpreter that may have torch; used when gitml's own has none that is new
            enough.
        timeout: Seconds after which the process is stopped; by default two minutes and one second
            for every 20 MB.

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
        return _kept("refused", "it is a plain pickle, which can hold any Python object")
    if kind == "torch" and _expands(path):
        return _kept("unreadable", "it is a compressed archive, which torch doesn't write")
    outcome = _kept("torch", "gitml needs torch 2.10 or newer to read it safely")
    for interpreter in _interpreters(python):
        outcome = _convert_with(interpreter, path, destination, timeout)
        if outcome.kind != "torch":
            break
    return outcome


def _interpreters(python: Path | None) -> Iterator[Path]:
    own = Path(sys.executable)
    if importlib.util.find_spec("torch") is not None:
        yield own
    if python is not None and python != own:
        yield python


def _kept(kind: Kind, reason: str) -> Conversion:
    return Conversion(converted=False, reason=reason, kind=kind, unsafe=kind != "more")


def _expands(path: Path) -> bool:
    """Whether a zip is compressed, and may be far larger unpacked; those of torch never are."""
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            items = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False
    return any(item.compress_type != zipfile.ZIP_STORED for item in items)


def _convert_with(python: Path, path: Path, destination: Path, timeout: float) -> Conversion:
    command = [str(python), "-I", str(_SCRIPT), str(path.absolute())]
    environment = {name: os.environ[name] for name in _HARMLESS if name in os.environ}
    environment |= {"TORCH_FORCE_WEIGHTS_ONLY_LOAD": "1", "OMP_NUM_THREADS": "1"}
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        return _kept("torch", f"{python} can't be started ({error.strerror or error})")
    stopped: list[float] = []

    def stop() -> None:
        stopped.append(timeout)
        process.kill()

    timer = threading.Timer(timeout, stop)
    timer.daemon = True
    timer.start()
    made = not destination.exists()
    outcome = None
    try:
        outcome = _talk(process, destination)
    finally:
        timer.cancel()
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                with suppress(OSError):
                    pipe.close()
        process.wait()
        if made and not (outcome and outcome.converted):
            with suppress(OSError):
                (destination / INDEX).unlink(missing_ok=True)
                destination.rmdir()
    if stopped and not outcome.converted:
        return _kept("unreadable", f"reading it took longer than {timeout:.0f} seconds")
    return outcome


def _talk(process: subprocess.Popen[bytes], destination: Path) -> Conversion:
    assert process.stdin is not None and process.stdout is not None
    answer = _answer(process.stdout)
    if answer is None:
        return _crashed(process)
    if answer.get("kind") != "tensors":
        return _kept(_kind(answer), _sentence(answer))
    try:
        plan = plan_shards(_entries(answer["tensors"]), dict(answer["aliases"]))
    except GitmlError as error:
        return _kept("unreadable", error.message[:1].lower() + error.message[1:].rstrip("."))
    except (TypeError, ValueError, KeyError, AttributeError):
        return _kept("unreadable", "its tensors have no sound names and shapes")
    open_folder(destination)
    if not _write(process.stdin, process.stdout, destination, plan):
        return _crashed(process)
    return Conversion(
        converted=True,
        key=str(answer.get("key", "")),
        prefix=plan.prefix,
        aliases=plan.aliases,
        kept=sum(len(entries) for entries in plan.files.values()),
        files=tuple(plan.files),
    )


def _write(order: IO[bytes], answers: IO[bytes], destination: Path, plan: ShardPlan) -> bool:
    """Have the other process write what `plan` says; False if it ended instead.

    Raises:
        StorageError: if the destination can't be written.
    """
    given = {new: old for old, new in plan.names.items()}
    headers = {file: render_header(entries, None) for file, entries in plan.files.items()}
    places = {file: destination / f".{file}.{os.getpid()}.tmp" for file in plan.files}
    files = [
        {
            "path": str(places[file].absolute()),
            "header": base64.b64encode(headers[file]).decode(),
            "tensors": [given[entry.name] for entry in entries],
        }
        for file, entries in plan.files.items()
    ]
    try:
        with suppress(BrokenPipeError):
            order.write(json.dumps(files).encode() + b"\n")
            order.flush()
        answer = _answer(answers)
        if answer is None:
            return False
        sizes = {
            file: len(headers[file]) + sum(entry.size for entry in entries)
            for file, entries in plan.files.items()
        }
        if answer.get("kind") != "written":
            raise StorageError(f"{destination} can't be written: {_sentence(answer)}.")
        for file, place in places.items():
            if place.stat().st_size != sizes[file]:
                raise StorageError(f"{destination / file} was not written completely.")
            place.replace(destination / file)
        close_folder(destination, plan)
    except OSError as error:
        raise StorageError(f"{destination} can't be written: {error.strerror or error}.") from error
    finally:
        for place in places.values():
            place.unlink(missing_ok=True)
    return True


def _answer(stream: IO[bytes]) -> dict[str, Any] | None:
    """Return the next line of the protocol, or None if the other side ended."""
    line = stream.readline(MAX_ANSWER + 1)
    if not line.endswith(b"\n"):
        return None
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _entries(tensors: list[Any]) -> list[TensorEntry]:
    entries = [
        msgspec.convert((name, dtype, shape, 0, size), _Tensor)
        for name, dtype, shape, size in tensors
    ]
    return [TensorEntry(*entry) for entry in entries]


def _crashed(process: subprocess.Popen[bytes]) -> Conversion:
    try:
        status = process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        status = 0
    how = f"ended with status {status}" if status else "gave no sound answer"
    if status < 0:
        how = f"was ended by signal {-status}"
    return _kept("unreadable", f"the process that read it {how}")


def _kind(answer: dict[str, Any]) -> Kind:
    kinds: tuple[Kind, ...] = ("more", "refused", "torch")
    return next((kind for kind in kinds if kind == answer.get("kind")), "unreadable")


def _sentence(answer: dict[str, Any]) -> str:
    return "".join(char for char in str(answer.get("reason", ""))[:300] if char.isprintable())
