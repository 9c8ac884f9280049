"""The one family of exceptions that gitml raises on purpose.

    GitmlError                 anything the user can be told in one sentence
    ├── UsageError             wrong options, names, expressions
    ├── ConfigError            gitml.yaml or a parameter file is wrong
    ├── RepositoryError        Git: no repository, merge in progress, no identity …
    │   └── ContentionError    somebody else moved a branch; trying again helps
    ├── StorageError           DVC storage: no space, unsafe path, missing or corrupt object
    ├── RecordError            a record or trace that can't be read or written
    ├── ExecutionError         the command can't be started, or the project forbids it
    ├── NotFoundError          an experiment, study or file that doesn't exist
    ├── PartitionError         a split whose parts overlap, are empty or can't be told apart
    └── ArtifactError          something to be logged that has no such shape, name or content

Every error carries a cause (the message) and, where there is one, a hint: what to do now.
"""

from __future__ import annotations


class GitmlError(Exception):
    """Something went wrong that a user can mend.

    Args:
        message: What happened, to what; one sentence.
        hint: What to do now; empty when there is nothing to suggest.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(GitmlError):
    """Options, names or expressions that make no sense."""


class ConfigError(GitmlError):
    """`gitml.yaml` or a parameter file that can't be used."""


class RepositoryError(GitmlError):
    """Git refused, or the repository is in a state that gitml can't work with."""


class ContentionError(RepositoryError):
    """A branch was moved by another process between reading and writing it."""


class StorageError(GitmlError):
    """An object of DVC storage is missing, corrupt, unsafe or can't be written."""


class RecordError(GitmlError):
    """A record, journal or trace that can't be read or written."""


class ExecutionError(GitmlError):
    """The command of an experiment can't be run."""


class NotFoundError(GitmlError):
    """Something that was named doesn't exist."""


class PartitionError(GitmlError, ValueError):
    """A split that can't be used: parts that overlap or are empty, ids that can't be told apart.

    Training scripts raise it, so the hint is a note of the exception: tracebacks show it.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        if hint:
            self.add_note(hint)


class PartitionWarning(UserWarning):
    """A split that is allowed, and that most likely flatters the metrics."""


class MetricWarning(UserWarning):
    """Something that was logged and can't be recorded; the program goes on without it."""


class ArtifactError(GitmlError, ValueError):
    """Something that a script logs and that can't be recorded: its shape, name or content is wrong.

    Training scripts raise it, so the hint is a note of the exception: tracebacks show it.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        if hint:
            self.add_note(hint)


class ArtifactWarning(UserWarning):
    """Something that a script logs and that is most likely not meant: NaN among scores, say."""
