"""A file of the run that processes append whole lines to, so that none is lost once it is written.

A line is one `write` to a descriptor that only appends: the system takes it as a whole, whichever
process, thread or fork writes at the same time (on a local filesystem), and has it when the call
returns, so that it outlives the process.
"""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

from gitml.api.doubts import doubt
from gitml.api.place import writing_folder

_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
_NOBODY = (-1, -1)


class Lines:
    """The file `name` in the folder of the run; it is opened when the first line comes.

    Nothing that it does raises: a disk that is full is no reason to end a training. What can't be
    written is lost, which is said once.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._file = -1
        self._identity = _NOBODY
        self._torn = False  # whether its last line may lack an end
        self._lock = threading.RLock()
        # Another thread of the parent may have held it.
        os.register_at_fork(after_in_child=self._renew)

    def append(self, line: bytes) -> None:
        """Append a line, which ends in a newline and has no other."""
        try:
            # A program may close descriptors that aren't its own, and use their numbers anew.
            status = os.fstat(self._file)
            known = (status.st_dev, status.st_ino) == self._identity
            if known and status.st_nlink and not self._torn:
                written = os.write(self._file, line)
                if written == len(line):
                    return
                self._torn = True
                if written == len(line) - 1:  # opening the file again adds the newline
                    return
        except OSError:
            self._torn = True
        self._append_anew(line)

    def path(self) -> Path:
        """Return where the file is, or will be.

        Raises:
            OSError: if its folder can't be made.
        """
        return writing_folder() / self._name

    def close(self) -> None:
        """Close the file; the next line opens it, wherever it is then."""
        with self._lock:
            if self._is_ours():
                os.close(self._file)
            self._file, self._identity = -1, _NOBODY

    def _append_anew(self, line: bytes) -> None:
        with self._lock:
            try:
                # Another thread may have opened it meanwhile.
                before = b"" if self._is_there() and not self._torn else self._open()
                if os.write(self._file, before + line) != len(before + line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError as error:
                self._torn = True
                trouble = error.strerror or str(error)
                where = f" ({os.fsdecode(error.filename)})" if error.filename else ""
            else:
                self._torn = False
                return
        doubt(
            f"{self._name}: {trouble}",
            f"What is logged can't be written to {self._name}: {trouble}{where}. The program goes "
            "on, and what it logs is lost until that is mended.",
        )

    def _open(self) -> bytes:
        """Open the file, and return what has to come before the next line."""
        file = os.open(self.path(), _FLAGS, 0o644)
        if self._is_ours():
            # Its number is never free, so that no thread writes to what others open meanwhile.
            os.dup2(file, self._file, inheritable=False)
            os.close(file)
        else:
            self._file = file
        status = os.fstat(self._file)
        self._identity = (status.st_dev, status.st_ino)
        torn = status.st_size > 0 and os.pread(self._file, 1, status.st_size - 1) != b"\n"
        return b"\n" if torn else b""

    def _is_ours(self) -> bool:
        """Whether the descriptor is still that of the file."""
        return self._links() is not None

    def _is_there(self) -> bool:
        """Whether the descriptor is that of a file that wasn't deleted."""
        return bool(self._links())

    def _links(self) -> int | None:
        try:
            status = os.fstat(self._file)
        except OSError:
            return None
        return status.st_nlink if (status.st_dev, status.st_ino) == self._identity else None

    def _renew(self) -> None:
        self._lock = threading.RLock()
