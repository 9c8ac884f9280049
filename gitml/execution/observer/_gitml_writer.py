# ruff: noqa: UP004, UP031, RUF005
"""The file that an observed process appends its lines to."""

import os
import time

from _gitml_facts import header  # type: ignore[import-not-found]

NUMBERS = range(240, 200, -1)  # for our descriptor: out of the way of the program's own


class Writer(object):
    """The file of this process in `folder`; a new one after a fork."""

    def __init__(self, folder):
        # type: (str) -> None
        self.folder = folder
        self.pid = 0
        self.file = -1
        self.identity = (0, 0)

    def log(self, *fields):
        # type: (*str) -> None
        """Append one line; the file is a new one after a fork or when something closed it."""
        if os.getpid() != self.pid or not self.mine():
            self.begin()
        if self.file >= 0:
            os.write(self.file, _line(fields))

    def mine(self):
        # type: () -> bool
        """Return whether our descriptor is still our file, and not one of the program's."""
        try:
            status = os.fstat(self.file)
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self.identity

    def begin(self):
        # type: () -> None
        """Open the file of this process and say who it is."""
        if self.file >= 0 and self.mine():  # the parent's, after a fork
            os.close(self.file)
        self.file = -1
        again = self.pid != 0
        self.pid = os.getpid()
        name = "%d-%d.trace" % (self.pid, time.monotonic_ns())
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        file = os.open(self.folder + "/" + name, flags, 0o600)
        status = os.fstat(file)
        self.identity = (status.st_dev, status.st_ino)
        self.file = _moved(file)
        about = header()
        if again:  # no program that was started: a fork, or a file that was closed
            about.append(("again", "1"))
        # By the file system's clock, as the files that are read later.
        about.append(("stamp", str(status.st_mtime_ns)))
        os.write(self.file, b"".join(_line(("H",) + item) for item in about))


def _line(fields):
    # type: (tuple[str, ...]) -> bytes
    text = "\t".join([_escaped(field) for field in fields])
    return text.encode("utf-8", "surrogateescape") + b"\n"


def _escaped(text):
    # type: (str) -> str
    if "\\" in text or "\n" in text or "\t" in text:
        return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
    return text


def _moved(file):
    # type: (int) -> int
    """Return `file` under a high number, so that the program's descriptors are as without us."""
    for number in NUMBERS:
        try:
            os.fstat(number)
        except OSError:
            try:
                os.dup2(file, number, False)
            except OSError:
                return file
            os.close(file)
            return number
    return file
