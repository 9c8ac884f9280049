"""What determines a result: the recorded list of the inputs, component by component.

A manifest is data, not a hash: every component is stored apart, so that two experiments can be
compared input by input ("why is this one new?"). The fingerprint is one digest over the digests
of the components.
"""

from __future__ import annotations

import msgspec

from gitml.values import Scalar, digest

SCHEMA = 1

COMPONENTS = ("command", "settings", "code", "data", "partition", "libraries")


class CommandInput(msgspec.Struct, frozen=True, omit_defaults=True):
    """The program that runs: what is left of the argument vector without its settings.

    Attributes:
        program: Normalised words: the interpreter as `python`, the script relative to the
            project's root, `--key value`, `--key=value` and `key=value` arguments left out
            (they are settings).
        folder: Where the command runs, relative to the repository's root (`""` is the root).
    """

    program: tuple[str, ...]
    folder: str = ""


class ModuleInput(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file of the project's code that a run reached.

    Attributes:
        content: Git's object id of the bytes.
        syntax: `sha256:<hex>` of the canonical syntax tree (comments and formatting don't count);
            of the bytes when the file can't be parsed as Python, or when the run read it as text
            and never executed it.
    """

    content: str
    syntax: str


class CodeInput(msgspec.Struct, frozen=True, omit_defaults=True):
    """The code that counts.

    Attributes:
        modules: Python files that the run imported or opened, by path from the repository's root
            (absolute outside of it). When nothing could be observed, every tracked Python file.
        others: Digest over (path, mode, object id) of every other file of the snapshot that
            counts. The files themselves are in the experiment's tree.
        observed: Whether the observer saw the run. If not, everything tracked counts.
        listed: Folders of the project whose entries the program listed itself.
        editable: Sources of imported distributions that are installed from a folder outside the
            project: distribution name → digest of its Python sources.
        opened: Files that are inert by rule or that earlier runs wrote, but that the run opened,
            so that they count.
        absent: Files of the repository that the run looked for and that weren't there.
        names: Folder that the program listed itself → digest of the names in it that were not in
            the snapshot (empty when there were none).
        sources: Distribution in `editable` → its files that the run reached, relative to its
            folder.
        ignored: Python files that Git ignores, where an import would find them, and that the run
            didn't import; None when that isn't known.
    """

    modules: dict[str, ModuleInput] = {}
    others: str = ""
    observed: bool = False
    listed: tuple[str, ...] = ()
    editable: dict[str, str] = {}
    opened: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    names: dict[str, str] = {}
    sources: dict[str, tuple[str, ...]] = {}
    ignored: tuple[str, ...] | None = None


class DataInput(msgspec.Struct, frozen=True, omit_defaults=True):
    """One input of data.

    Attributes:
        kind: `dvc` (tracked by DVC), `git` (declared, tracked by Git), `unversioned` (read by the
            run or declared, known to neither), `listing` (sizes and times only), `external` (not
            captured).
        digest: DVC's content hash (`<md5>` or `<md5>.dir`), Git's tree or blob id, `sha256:<hex>`
            of names, sizes and times for a listing, or `""` when not captured.
        size: Bytes, where known.
        files: Number of files for a folder, where known.
        declared: Named in the configuration or tracked by DVC, so known before a run.
        restorable: Whether the content is kept where the experiment can bring it back.
        names: Where many files of a folder are one input: the names of those that count, packed
            as `gitml.inputs.folding` does it; `*` for all of them.
    """

    kind: str
    digest: str
    size: int = 0
    files: int = 0
    declared: bool = True
    restorable: bool = True
    names: str = ""


class PartInput(msgspec.Struct, frozen=True, omit_defaults=True):
    """One part of a partition: the number of examples and digests over the sorted ids."""

    count: int
    digest: str
    groups: str = ""
    content: str = ""


class PartitionInput(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which examples are in train, validation and test.

    Attributes:
        source: The declared file, `log_split`, or `""` when no partition is known.
        method: How it was made, as the run said; provenance, not identity.
        seed: The seed of the split, as the run said; provenance, not identity.
        parts: Part name (`train`, `valid`, `test`, …) → its content.
        rows: Digest of all that a declared file says, in its order, however it is spelled: a
            program may read labels in it, or take the examples one after the other.
    """

    source: str = ""
    method: str = ""
    seed: Scalar = None
    parts: dict[str, PartInput] = {}
    rows: str = ""


class LibrariesInput(msgspec.Struct, frozen=True, omit_defaults=True):
    """Python and the distributions that the run really imported.

    Attributes:
        python: Version such as `3.11.7`, or `""` when no Python interpreter was seen.
        implementation: `cpython`, `pypy` …
        imported: Normalised distribution name → version, local label included.
        builds: Of those that didn't come from an index, and so may change without a new version:
            name → the commit, or a digest of what was installed.
    """

    python: str = ""
    implementation: str = ""
    imported: dict[str, str] = {}
    builds: dict[str, str] = {}


class Manifest(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything that determined a result.

    Attributes:
        settings: Flat names → values of the settings that count; arguments of the command are
            `args.<name>`, declared environment variables `env.<NAME>`. Inert settings and
            arguments that only name an output are not here (the record's `params` has all).
        seeds: Which of the settings are seeds.
        masked: Names of settings whose value looks like a credential and is masked everywhere.
    """

    command: CommandInput
    settings: dict[str, Scalar]
    code: CodeInput
    data: dict[str, DataInput]
    libraries: LibrariesInput
    partition: PartitionInput = PartitionInput()
    seeds: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()
    schema: int = SCHEMA

    def digests(self) -> dict[str, str]:
        """Return one `sha256:<hex>` digest per component, in the order of `COMPONENTS`."""
        parts = {
            name: [part.count, part.digest, part.groups, part.content]
            for name, part in self.partition.parts.items()
        }
        return {
            "command": digest([self.command.program, self.command.folder]),
            "settings": digest(self.settings),
            "code": digest(
                {
                    "modules": {path: module.syntax for path, module in self.code.modules.items()},
                    "others": self.code.others,
                    "editable": self.code.editable,
                }
            ),
            "data": digest({name: [item.kind, item.digest] for name, item in self.data.items()}),
            "partition": digest([parts, rows] if (rows := self.partition.rows) else parts),
            "libraries": digest(
                [
                    self.libraries.implementation,
                    self.libraries.python,
                    self.libraries.imported,
                    *filter(None, [self.libraries.builds]),
                ]
            ),
        }

    def fingerprint(self) -> str:
        """Return the one digest over all components: `sha256:<hex>`."""
        return digest([self.schema, self.digests()])
