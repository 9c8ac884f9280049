"""Data that a run was seen to read, or that its settings name, and that nobody declared."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import msgspec

from gitml.execution.trace import Trace
from gitml.experiment.record import Nearest
from gitml.history.index import Index
from gitml.inputs.data import inside_reads, is_noise, outside_reads
from gitml.inputs.folding import fold, names_in, with_all
from gitml.inputs.manifest import DataInput
from gitml.operations.code_seen import places_of, relative
from gitml.operations.data import hash_path, open_hashes
from gitml.operations.model_folders import makers_of_folders
from gitml.operations.plan import Plan
from gitml.operations.project import Project
from gitml.operations.surroundings import with_folders
from gitml.operations.unversioned import unversioned_warnings
from gitml.operations.written import Written
from gitml.storage.hashes import Hashes

# What is mostly read by native code.
_NATIVE = tuple(
    """
    .safetensors .parquet .arrow .feather .orc .h5 .hdf5 .mdb .tfrecord .tfrecords .onnx .gguf
    .model .ubj .wav .flac .mp3 .mp4 .avi .png .jpg .jpeg .tif .tiff .bin
    """.split()  # noqa: SIM905
)
_BLOCK = 1 << 20
# A folder with more files is no model that native code would load as a whole.
_MOST_IN_FOLDER = 32


# Stands for the file that standard input was.
STANDARD_INPUT = "<standard input>"


class Observation(msgspec.Struct, frozen=True):
    """A run that ended, as far as its data is concerned.

    Attributes:
        root: Work tree that it ran in.
        trace: What it was seen to do.
        roots: The work tree that it ran in, and the user's own.
        read: What it read, relative to these → whether it was read before the run wrote it.
        written: What it wrote.
        known_outputs: Paths that recorded runs wrote.
        since: Change time (nanoseconds) of a file made just before it started.
    """

    root: Path
    trace: Trace
    roots: tuple[str, ...]
    read: Mapping[str, bool]
    written: Written
    known_outputs: Collection[str]
    since: int

    def absolute(self, path: str) -> Path:
        """Return where a file is that is named from the repository's root."""
        if os.path.isabs(path):
            return Path(path)
        # An isolated run may have read what lies in the user's own work tree.
        places = [Path(root) / path for root in self.roots]
        return next((place for place in places if os.path.lexists(place)), self.root / path)

    def touched(self, path: str) -> bool:
        """Return whether a file changed since the run began, or is gone (by its change time)."""
        try:
            return os.lstat(self.absolute(path)).st_ctime_ns >= self.since
        except OSError:
            return True


class SeenData(msgspec.Struct, frozen=True):
    """What a run depended on beside its code.

    Attributes:
        data: All inputs of data, those that were known before included.
        init_from: Experiments whose outputs it started from.
        warnings: Sentences that users should see.
    """

    data: dict[str, DataInput]
    init_from: tuple[Nearest, ...]
    warnings: tuple[str, ...]


def data_as_seen(project: Project, index: Index, plan: Plan, seen: Observation) -> SeenData:
    """Add the files that were read and that neither Git nor DVC knows."""
    data = dict(plan.data)
    init_from: dict[str, Nearest] = {}
    warnings: list[str] = []
    unversioned: list[str] = []
    oids = {entry.path: entry.oid for entry in plan.entries}
    covered = tuple(f"{name.rstrip('/')}/" for name in plan.data)
    wrote = {relative(path, seen.roots) for path in seen.trace.written}
    own = {*seen.written.outputs, *(path for path in wrote if seen.touched(path))}
    with open_hashes(project) as hashes:
        unknown = list(_undeclared(plan, seen, own, oids))
        left = [path for path in unknown if path not in own]
        folders = makers_of_folders(index, left, seen.absolute, hashes)
        for path in unknown:
            if path in oids:
                if path in own:
                    data[path] = DataInput("git", oids[path], declared=False, restorable=False)
                continue
            if path.startswith(covered):
                continue
            item, sentence = _read(seen, project, path, own, hashes)
            warnings += [sentence] if sentence else []
            if item.digest:
                folder = path.rpartition("/")[0]
                maker = folders.get(folder) or index.maker_of(item.digest)
                if maker is not None:
                    init_from[maker.commit] = Nearest(maker.experiment, maker.commit, "")
                    item = msgspec.structs.replace(item, restorable=True)
                elif path not in seen.known_outputs:
                    unversioned.append(path)
            data[path] = item
    if seen.trace.piped:
        data[STANDARD_INPUT] = standard_input() or _gone()
    warnings += unversioned_warnings(unversioned, oids, project.start)
    return SeenData(_folded(seen, data), tuple(init_from.values()), tuple(warnings))


def _folded(seen: Observation, data: Mapping[str, DataInput]) -> dict[str, DataInput]:
    """Return the data with many files of a folder as one, without names where it was all read."""
    listed = {relative(path, seen.roots) for path in seen.trace.listed}
    outputs = {*seen.known_outputs, *seen.written.outputs}
    found = fold(data)
    for name, item in found.items():
        folder = name.rstrip("/")
        if item.names and folder in listed:
            names = names_in(item)
            there = {file for file in files_in(seen.absolute(folder)) if name + file not in outputs}
            if len(names) == item.files and set(names) == there:
                found[name] = with_all(item)
    return found


def files_in(folder: Path) -> tuple[str, ...]:
    """Return the names of the files directly in a folder that may be data, sorted."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_file()]
    except OSError:
        return ()
    return tuple(sorted(name for name in names if not is_noise(name)))


def _read(
    seen: Observation, project: Project, path: str, own: Collection[str], hashes: Hashes
) -> tuple[DataInput, str]:
    """Return the input for a file that was read, and what is to be said about it."""
    if path in own:
        # What it held is gone, so nothing will ever be equal to it.
        return _gone(), f"{path} was read and then overwritten by the run."
    absolute = seen.absolute(path)
    if not absolute.is_file():
        return _gone(), f"{path} was read, and is gone since."
    if seen.touched(path) and seen.root == project.repository.root:
        return _gone(), f"{path} was read, and changed while the run went on."
    return hash_path(absolute, hashes), ""


def standard_input() -> DataInput | None:
    """Return our own standard input, which the command gets, as an input; None if it is no file."""
    try:
        status = os.fstat(0)
        if not stat.S_ISREG(status.st_mode):
            return None
        digester, place = hashlib.sha256(), 0
        while block := os.pread(0, _BLOCK, place):
            digester.update(block)
            place += len(block)
    except OSError:
        return None
    return DataInput(
        kind="unversioned",
        digest="sha256:" + digester.hexdigest(),
        size=place,
        declared=False,
        restorable=False,
    )


def _gone() -> DataInput:
    """Return an input that held something that nobody knows."""
    return DataInput("unversioned", "", declared=False, restorable=False)


def _undeclared(
    plan: Plan, seen: Observation, own: Collection[str], tracked: Collection[str]
) -> Iterator[str]:
    """Yield the files that may be data and that the plan doesn't have, each once."""
    named = {
        path
        for path in _named(plan, seen, with_folders(tracked))
        if path not in seen.read
        and path not in tracked
        and path not in own
        # What was changed by a run that wasn't seen to read it, native code wrote.
        and not seen.touched(path)
    }
    for path in _may_be_data(seen, {**seen.read, **dict.fromkeys(named, True)}):
        if path not in plan.data and path not in plan.params_files:
            yield path


def _may_be_data(seen: Observation, read: Mapping[str, bool]) -> list[str]:
    """Return the files that may be data: those of the repository by their path from its root."""
    places = places_of(seen.root, seen.trace)
    absolute = {
        path if os.path.isabs(path) else f"{seen.root}/{path}": first
        for path, first in read.items()
    }
    appeared = seen.touched
    return [*inside_reads(absolute, places), *outside_reads(absolute, places, appeared)]


def _named(plan: Plan, seen: Observation, tracked: Collection[str]) -> set[str]:
    """Return the files that settings name: native code reads them without being seen.

    Of a folder those that native code is known for, where it holds nothing that is among `tracked`.
    """
    found: set[str] = set()
    places = dict.fromkeys([seen.root / plan.folder, seen.root])
    for value in plan.settings.values():
        if not isinstance(value, str) or not value or len(value) > 1_000 or "\0" in value:
            continue
        for place in places:
            path = os.path.normpath(place / value)
            if os.path.isfile(path):
                found.add(path)
            elif os.path.isdir(path) and relative(path, seen.roots) not in tracked:
                found.update(_models_in(path, seen))
    return {relative(path, seen.roots) for path in found}


def _models_in(folder: str, seen: Observation) -> list[str]:
    """Return the files of a small folder that native code may have loaded, none by this run."""
    if f"{seen.root}/".startswith(f"{folder.rstrip('/')}/"):
        return []
    try:
        with os.scandir(folder) as entries:
            files = [entry.path for entry in entries if entry.is_file()]
    except OSError:
        return []
    if len(files) > _MOST_IN_FOLDER or any(seen.touched(path) for path in files):
        return []
    return [path for path in files if path.endswith(_NATIVE)]
