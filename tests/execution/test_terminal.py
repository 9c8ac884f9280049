"""A run on a real (pseudo-)terminal: what the user types and sees."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from gitml.execution.launch import Outcome

DRIVER = str(Path(__file__).with_name("driver.py"))
ROOT = str(Path(__file__).parents[2])


class Desk:
    """A terminal with gitml running on it, as in a window of the user's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log.txt"
        self.place = folder / "outcome.json"
        self.master, self.slave = os.openpty()
        termios.tcsetwinsize(self.slave, (33, 111))
        self.before = termios.tcgetattr(self.slave)
        self.seen = b""

    def start(self, code: str, *, capture: bool = True, redirect: str = "") -> None:
        (self.folder / "child.py").write_text(code)
        words = [sys.executable, DRIVER, str(self.place), str(self.log)]
        words += ["capture" if capture else "none", sys.executable, "-u", "child.py"]
        if redirect:
            words = ["sh", "-c", f'exec "$@" {redirect}', "sh", *words]
        slave = self.slave

        def take_terminal() -> None:
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            words,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": ROOT},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=take_terminal,  # noqa: PLW1509
        )

    def type(self, data: bytes) -> None:
        os.write(self.master, data)

    def read(self, seconds: float = 0.0) -> bytes:
        while select.select([self.master], [], [], seconds)[0]:
            try:
                self.seen += os.read(self.master, 65536)
            except OSError:
                break
        return self.seen

    def wait_for(self, text: bytes, seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while text not in self.read(0.05):
            assert time.monotonic() < end, self.seen

    def end(self) -> Outcome:
        end = time.monotonic() + 20
        while self.process.poll() is None:
            self.read(0.05)
            assert time.monotonic() < end, self.seen
        self.read()
        return msgspec.json.decode(self.place.read_bytes(), type=Outcome)

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self.slave)
        os.close(self.master)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.close()


def test_a_command_on_a_terminal_has_a_terminal(desk: Desk) -> None:
    desk.start(
        "import os, sys\n"
        "print([os.isatty(n) for n in range(3)], os.get_terminal_size())\n"
        "print(os.open('/dev/tty', os.O_RDWR) > 2)\n"
        "print('bar 1%\\rbar 2%', file=sys.stderr)\n"
    )
    outcome = desk.end()
    assert outcome.exit_status == 0
    assert b"[True, True, True] os.terminal_size(columns=111, lines=33)\r\nTrue\r\n" in desk.seen
    assert desk.log.read_bytes() == (
        b"[True, True, True] os.terminal_size(columns=111, lines=33)\nTrue\nbar 1%\rbar 2%\n"
    )
    assert termios.tcgetattr(desk.slave) == desk.before


def test_what_is_typed_reaches_the_command(desk: Desk) -> None:
    desk.start("name = input('name? ')\nprint('hello', name)\nimport sys; print(sys.stdin.read())")
    desk.wait_for(b"name? ")
    desk.type(b"Adx\x7fa\r")
    desk.wait_for(b"hello Ada")
    desk.type(b"more\r\x04")
    assert desk.end().exit_status == 0
    assert b"more\r\n" in desk.seen


def test_the_debugger_works(desk: Desk) -> None:
    desk.start("lr = 0.1\nbreakpoint()\nprint('end')\n")
    desk.wait_for(b"(Pdb) ")
    desk.type(b"p lr * 2\r")
    desk.wait_for(b"0.2")
    desk.type(b"c\r")
    assert desk.end().exit_status == 0
    assert b"end" in desk.seen


def test_the_first_ctrl_c_reaches_the_command_once(desk: Desk) -> None:
    desk.start(
        "import sys, time\nprint('ready')\n"
        "try:\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    time.sleep(0.5); print('saved'); sys.exit(5)\n"
    )
    desk.wait_for(b"ready")
    desk.type(b"\x03")
    outcome = desk.end()
    assert (outcome.exit_status, outcome.interrupted) == (5, True)
    assert b"saved" in desk.seen
    assert b"interrupted" in desk.seen
    assert termios.tcgetattr(desk.slave) == desk.before


def test_the_second_ctrl_c_kills(desk: Desk) -> None:
    desk.start(
        "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "print('ready')\ntime.sleep(60)\n"
    )
    desk.wait_for(b"ready")
    desk.type(b"\x03")
    desk.wait_for(b"interrupted")
    time.sleep(0.5)
    assert desk.process.poll() is None
    desk.type(b"\x03")
    outcome = desk.end()
    assert (outcome.exit_status, outcome.interrupted) == (-signal.SIGKILL, True)
    assert termios.tcgetattr(desk.slave) == desk.before


def test_a_program_that_reads_single_keys_gets_ctrl_c_as_a_key(desk: Desk) -> None:
    desk.start(
        "import os, tty\ntty.setraw(0)\nos.write(1, b'ready')\n"
        "for _ in range(3): os.write(1, b'<%d>' % os.read(0, 1)[0])\n"
    )
    desk.wait_for(b"ready")
    for _ in range(3):
        desk.type(b"\x03")
        time.sleep(0.4)
    outcome = desk.end()
    assert (outcome.exit_status, outcome.interrupted) == (0, False)
    assert b"<3><3><3>" in desk.seen


def test_a_new_size_reaches_the_command(desk: Desk) -> None:
    desk.start(
        "import os, signal, time\n"
        "signal.signal(signal.SIGWINCH, lambda *_: print('now', os.get_terminal_size().columns))\n"
        "print('ready')\nend = time.time() + 20\n"
        "while os.get_terminal_size().columns != 77 and time.time() < end: time.sleep(0.05)\n"
    )
    desk.wait_for(b"ready")
    fcntl.ioctl(desk.master, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 77, 0, 0))
    desk.wait_for(b"now 77")
    assert desk.end().exit_status == 0


def test_the_terminal_is_as_before_when_the_command_is_killed(desk: Desk) -> None:
    desk.start("import os\nos.system('stty -echo raw')\nos.kill(os.getpid(), 9)\n")
    assert desk.end().exit_status == -9
    assert termios.tcgetattr(desk.slave) == desk.before


def test_a_redirected_stream_is_kept_apart(desk: Desk) -> None:
    desk.start(
        "import os, sys\nprint([os.isatty(n) for n in range(3)])\nprint('oops', file=sys.stderr)\n",
        redirect="2> err.txt < /dev/null",
    )
    assert desk.end().exit_status == 0
    assert b"[False, True, False]" in desk.seen
    assert b"oops" not in desk.seen
    assert (desk.folder / "err.txt").read_text() == "oops\n"
    # The two streams come in by their own ways, so a line may be cut by the other one.
    assert "oops" in desk.log.read_text()


def test_piped_output_on_a_terminal_is_interrupted_once(desk: Desk) -> None:
    desk.start(
        "import os, sys, time\nprint(os.isatty(0), os.isatty(1))\nopen('ready', 'w').close()\n"
        "try:\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    time.sleep(0.5); print('saved'); sys.exit(5)\n",
        redirect="> out.txt",
    )
    while not (desk.folder / "ready").exists():
        time.sleep(0.01)
    desk.type(b"\x03")
    outcome = desk.end()
    assert (outcome.exit_status, outcome.interrupted) == (5, True)
    assert (desk.folder / "out.txt").read_text() == "True False\nsaved\n"


def test_without_capture_the_terminal_is_the_users_own(desk: Desk) -> None:
    desk.start(
        "import os, sys, time\nprint(os.ttyname(0))\nprint('ready')\n"
        "try:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    sys.exit(5)\n",
        capture=False,
    )
    desk.wait_for(b"ready")
    assert os.ttyname(desk.slave).encode() in desk.seen
    desk.type(b"\x03")
    outcome = desk.end()
    assert (outcome.exit_status, outcome.interrupted) == (5, True)
    assert not desk.log.exists()


def test_a_terminal_that_is_closed_ends_the_run_in_order(
    tmp_path: Path, wait_until: Callable[..., None]
) -> None:
    desk = Desk(tmp_path)
    desk.start(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "print('ready')\ntime.sleep(60)\n"
    )
    desk.wait_for(b"ready")
    os.close(desk.slave)
    os.close(desk.master)
    assert desk.process.wait(20) == 0
    outcome = msgspec.json.decode(desk.place.read_bytes(), type=Outcome)
    assert (outcome.exit_status, outcome.interrupted) == (7, True)


def test_suspending_stops_both_and_continuing_goes_on(
    desk: Desk, wait_until: Callable[..., None]
) -> None:
    desk.start("import time\nfor n in range(10): print('step', n); time.sleep(0.1)\nprint('end')\n")
    desk.wait_for(b"step 2")
    # A shell would be the parent in the same session; without one the kernel ignores SIGTSTP, so
    # that gitml goes on at once and with it the command.
    desk.type(b"\x1a")
    assert desk.end().exit_status == 0
    assert b"end" in desk.seen
    assert termios.tcgetattr(desk.slave) == desk.before


def test_a_shell_can_suspend_and_resume_a_run(desk: Desk) -> None:
    desk.start("pass")
    desk.end()
    code = (
        "import time\nfor n in range(12): print('step', n); time.sleep(0.1)\nprint('all', 'done')\n"
    )
    (desk.folder / "child.py").write_text(code)
    words = (
        f"{sys.executable} {DRIVER} {desk.place} {desk.log} capture {sys.executable} -u child.py"
    )
    slave = desk.slave
    desk.process = subprocess.Popen(
        ["bash", "--norc", "--noprofile", "-i"],
        cwd=desk.folder,
        env={**os.environ, "PYTHONPATH": ROOT, "PS1": "shell$ ", "HISTFILE": "/dev/null"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0),  # noqa: PLW1509
    )
    desk.wait_for(b"shell$ ")
    desk.seen = b""
    desk.type(words.encode() + b"\n")
    desk.wait_for(b"step 3\r")
    desk.type(b"\x1a")
    desk.wait_for(b"Stopped")
    steps = desk.seen.count(b"step ")
    assert desk.read(0.5).count(b"step ") <= steps + 1
    desk.type(b"fg\n")
    desk.wait_for(b"all done")
    desk.type(b"exit\n")
    desk.process.wait(20)
