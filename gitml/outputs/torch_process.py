"""The process that has torch: started once, asked for one file after another.

It runs `torch_tensors.py`. What it answers is checked like anything else from outside.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Literal

import msgspec

from gitml.errors import GitmlError, StorageError
from gitml.outputs.sharding import INDEX, ShardPlan, close_folder, open_folder, plan_shards
from gitml.outputs.tensor_layout import TensorEntry, render_header

Kind = Literal["converted", "more", "refused", "unreadable", "torch"]

MAX_ANSWER = 64 << 20
_Tensor = tuple[str, str, tuple[int, ...], int, int]
_SCRIPT = Path(__file__).with_name("torch_tensors.py")
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
        rest: Names of what else the file holds, so that it is a checkpoint as well.
        aliases: Name of a tied tensor → name of the one that was kept in its place.
        kept: Number of tensors that were written.
        files: Names of the files in the destination, without the index.
    """

    converted: bool
    reason: str = ""
    kind: Kind = "converted"
    unsafe: bool = False
    key: str = ""
    rest: tuple[str, ...] = ()
    aliases: dict[str, str] = {}
    kept: int = 0
    files: tuple[str, ...] = ()


class TorchProcess:
    """One interpreter that converts; it is started when the first file comes.

    Args:
        python: The interpreter.
    """

    def __init__(self, python: Path) -> None:
        self._python = python
        self._process: subprocess.Popen[bytes] | None = None

    def convert(self, path: Path, destination: Path, timeout: float) -> Conversion:
        """Convert one file that `torch.save` wrote; arguments as for `Converter.convert`.

        Raises:
            StorageError: if the destination can't be written.
        """
        if self._process is None:
            try:
                self._process = _start(self._python)
            except OSError as error:
                return kept("torch", f"{self._python} can't be started ({error.strerror or error})")
        process = self._process
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
            outcome = _talk(process, path, destination)
        finally:
            timer.cancel()
            if outcome is None or stopped or outcome.kind == "unreadable":
                self.close()  # nobody knows what it would say next
            if made and not (outcome and outcome.converted):
                with suppress(OSError):
                    (destination / INDEX).unlink(missing_ok=True)
                    destination.rmdir()
        if stopped and not outcome.converted:
            return kept("unreadable", f"reading it took longer than {timeout:.0f} seconds")
        return outcome

    def close(self) -> None:
        """End the process; the next file starts another one."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                with suppress(OSError):
                    pipe.close()
        process.wait()


def kept(kind: Kind, reason: str) -> Conversion:
    """Return the outcome for a pickle that stays as it is."""
    return Conversion(converted=False, reason=reason, kind=kind, unsafe=kind != "more")


def _start(python: Path) -> subprocess.Popen[bytes]:
    environment = {name: os.environ[name] for name in _HARMLESS if name in os.environ}
    environment |= {"TORCH_FORCE_WEIGHTS_ONLY_LOAD": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [str(python), "-I", str(_SCRIPT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    )


def _talk(process: subprocess.Popen[bytes], path: Path, destination: Path) -> Conversion:
    assert process.stdin is not None and process.stdout is not None
    with suppress(BrokenPipeError):
        process.stdin.write(json.dumps(str(path.absolute())).encode() + b"\n")
        process.stdin.flush()
    answer = _answer(process.stdout)
    if answer is None:
        return _crashed(process)
    if answer.get("kind") != "tensors":
        return kept(_kind(answer), _sentence(answer))
    try:
        plan = plan_shards(_entries(answer["tensors"]), dict(answer["aliases"]))
        rest = tuple(str(name) for name in answer.get("rest", ()))
    except GitmlError as error:
        return kept("unreadable", error.message[:1].lower() + error.message[1:].rstrip("."))
    except (TypeError, ValueError, KeyError, AttributeError):
        return kept("unreadable", "its tensors have no sound names and shapes")
    open_folder(destination)
    if not _write(process.stdin, process.stdout, destination, plan):
        return _crashed(process)
    return Conversion(
        converted=True,
        key=str(answer.get("key", "")),
        rest=rest,
        aliases=dict(plan.aliases),
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
    return kept("unreadable", f"the process that read it {how}")


def _kind(answer: dict[str, Any]) -> Kind:
    kinds: tuple[Kind, ...] = ("more", "refused", "torch")
    return next((kind for kind in kinds if kind == answer.get("kind")), "unreadable")


def _sentence(answer: dict[str, Any]) -> str:
    return "".join(char for char in str(answer.get("reason", ""))[:300] if char.isprintable())
