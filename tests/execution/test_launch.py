"""Starting a command: its output, its end, and signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from gitml.errors import ExecutionError
from gitml.execution.launch import Outcome, environment_for, launch
from gitml.execution.processes import start_time

DRIVER = str(Path(__file__).with_name("driver.py"))
ROOT = str(Path(__file__).parents[2])


class Driven:
    """gitml's part of a run in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log.txt"
        self.place = folder / "outcome.json"

    def start(
        self,
        argv: list[str],
        *,
        capture: bool = True,
        prefix: tuple[str, ...] = (),
        **options: object,
    ) -> subprocess.Popen[bytes]:
        words = [sys.executable, DRIVER, str(self.place), str(self.log)]
        words += ["capture" if capture else "none", *argv]
        settings: dict[str, object] = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "start_new_session": True,
            **options,
        }
        env = {**os.environ, "PYTHONPATH": ROOT}
        return subprocess.Popen(
            [*prefix, *words],
            cwd=self.folder,
            env=env,
            **settings,  # type: ignore[call-overload]
        )

    def python(self, code: str, **options: object) -> subprocess.Popen[bytes]:
        (self.folder / "child.py").write_text(code)
        return self.start([sys.executable, "-u", "child.py"], **options)  # type: ignore[arg-type]

    def outcome(self) -> Outcome:
        return msgspec.json.decode(self.place.read_bytes(), type=Outcome)

    def pid(self) -> int:
        try:
            return int(self.place.with_suffix(".pid").read_text() or 0)
        except OSError:
            return 0

    def printed(self, text: str) -> bool:
        return self.log.exists() and text in self.log.read_text()


@pytest.fixture
def driven(tmp_path: Path) -> Driven:
    return Driven(tmp_path)


def run(tmp_path: Path, code: str, **options: object) -> Outcome:
    return launch(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ,
        log=tmp_path / "log.txt",
        **options,  # type: ignore[arg-type]
    )


def test_output_is_passed_through_and_logged_in_order(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    pieces: list[bytes] = []
    code = (
        "import sys, time\n"
        "for n in range(3):\n"
        "    print('out', n, flush=True); time.sleep(0.05)\n"
        "    print('err', n, file=sys.stderr, flush=True); time.sleep(0.05)\n"
        "sys.stdout.buffer.write(bytes(range(256)))\n"
    )
    outcome = run(tmp_path, code, on_output=pieces.append)
    out, err = capfdbinary.readouterr()
    # The last line is ended, for what is printed next.
    assert out == b"out 0\nout 1\nout 2\n" + bytes(range(256)) + b"\n"
    assert err == b"err 0\nerr 1\nerr 2\n"
    log = (tmp_path / "log.txt").read_bytes()
    assert log == b"".join(f"out {n}\nerr {n}\n".encode() for n in range(3)) + bytes(range(256))
    assert b"".join(pieces) == log
    assert outcome.exit_status == 0
    assert not outcome.interrupted
    assert outcome.trouble == ()
    assert outcome.started.endswith("Z")
    assert outcome.ended >= outcome.started
    assert 0.25 < outcome.seconds < 20


def test_output_appears_while_the_command_runs(
    driven: Driven, wait_until: Callable[..., None]
) -> None:
    process = driven.python(
        "import sys\nprint('epoch 1')\nsys.stdin.readline()\n", stdin=subprocess.PIPE
    )
    assert process.stdout and process.stdin
    assert process.stdout.readline() == b"epoch 1\n"
    wait_until(lambda: driven.printed("epoch 1"))
    process.communicate(b"go on\n", timeout=20)
    assert driven.outcome().exit_status == 0


def test_a_lot_of_output_is_whole(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run(
        tmp_path,
        "print('x' * 99 + '\\n', end='', flush=True)\nfor _ in range(30_000): print('y' * 99)",
    )
    assert (tmp_path / "log.txt").stat().st_size == 3_000_100
    assert len(capfd.readouterr().out) == 3_000_100


@pytest.mark.parametrize(
    ("end", "status"),
    [("sys.exit(3)", 3), ("os.kill(os.getpid(), 9)", -9), ("os._exit(0)", 0), ("1 / 0", 1)],
)
def test_the_exit_status_is_the_commands_own(tmp_path: Path, end: str, status: int) -> None:
    outcome = run(tmp_path, f"import os, sys\n{end}")
    assert outcome.exit_status == status
    assert not outcome.interrupted


def test_a_resumed_run_goes_on_in_the_same_log(tmp_path: Path) -> None:
    run(tmp_path, "print(1)")
    run(tmp_path, "print(2)")
    assert (tmp_path / "log.txt").read_text() == "1\n2\n"
    assert (tmp_path / "log.txt").stat().st_mode & 0o077 == 0


def test_without_capture_the_command_has_our_own_streams(driven: Driven) -> None:
    process = driven.start(["sh", "-c", "cat; echo done >&2"], capture=False, stdin=subprocess.PIPE)
    out, err = process.communicate(b"typed", timeout=20)
    assert (out, err) == (b"typed", b"done\n")
    assert not driven.log.exists()
    assert driven.outcome().exit_status == 0


@pytest.mark.parametrize(
    ("argv", "message", "hint"),
    [
        ([], "no command", "--"),
        (["no-such-command"], "not found", "installed"),
        (["train.py"], "not found", "python train.py"),
        (["./train.py"], "may not be executed", "chmod"),
        (["./odd"], "can't tell how to run", "interpreter"),
        (["bad\0name"], "could not be started", ""),
    ],
)
def test_a_command_that_cannot_start_is_an_error_with_a_hint(
    tmp_path: Path, argv: list[str], message: str, hint: str
) -> None:
    (tmp_path / "train.py").write_text("print(1)\n")
    (tmp_path / "odd").write_bytes(b"\x7fELF nothing")
    (tmp_path / "odd").chmod(0o755)
    with pytest.raises(ExecutionError) as caught:
        launch(argv, cwd=tmp_path, env=os.environ, log=tmp_path / "log.txt")
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExecutionError, match="gone"):
        launch(["true"], cwd=tmp_path / "gone", env=os.environ, log=tmp_path / "log.txt")


def test_a_log_that_cannot_be_written_is_told_but_stops_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    outcome = launch(
        ["echo", "trained"], cwd=tmp_path, env=os.environ, log=tmp_path / "missing/log.txt"
    )
    assert outcome.exit_status == 0
    assert "could not be logged" in outcome.trouble[0]
    assert capfd.readouterr().out == "trained\n"
    full = launch(["echo", "trained"], cwd=tmp_path, env=os.environ, log=Path("/dev/full"))
    assert "No space left" in full.trouble[0]


def test_a_reader_that_fails_is_told_but_stops_nothing(tmp_path: Path) -> None:
    def read(data: bytes) -> None:
        raise ValueError("cannot parse")

    outcome = run(tmp_path, "print(1)", on_output=read)
    assert outcome.exit_status == 0
    assert "cannot parse" in outcome.trouble[0]
    assert (tmp_path / "log.txt").read_text() == "1\n"


def test_nobody_reading_our_output_does_not_stop_the_run(driven: Driven) -> None:
    process = driven.python(
        "import time\nfor n in range(50): print(n); time.sleep(0.01)\nprint('end')"
    )
    assert process.stdout and process.stderr
    process.stdout.close()
    process.stderr.close()
    assert process.wait(20) == 0
    assert driven.outcome().exit_status == 0
    assert driven.printed("end")


def test_closed_standard_streams_do_not_stop_the_run(driven: Driven) -> None:
    process = driven.start(
        ["sh", "-c", "echo out; echo err >&2"],
        prefix=("sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh"),
    )
    process.communicate(timeout=20)
    assert driven.outcome().exit_status == 0
    assert sorted(driven.log.read_text().split()) == ["err", "out"]


def test_a_grandchild_that_keeps_the_output_open_does_not_hang_us(
    driven: Driven, wait_until: Callable[..., None]
) -> None:
    process = driven.start(
        ["sh", "-c", "sleep 60 & echo $!; exit 4"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    begin = time.monotonic()
    assert process.wait(20) == 0
    assert time.monotonic() - begin < 10
    assert driven.outcome().exit_status == 4
    sleeper = int(driven.log.read_text())
    assert start_time(sleeper)  # a run that ends by itself may leave servers behind
    os.kill(sleeper, signal.SIGKILL)


def test_a_command_that_closes_its_output_is_waited_for(tmp_path: Path) -> None:
    outcome = run(
        tmp_path, "import os, time\nos.close(1); os.close(2)\ntime.sleep(0.5)\nos._exit(6)"
    )
    assert outcome.exit_status == 6
    assert outcome.seconds > 0.5


INTERRUPTIBLE = """
import signal, sys, time
print("ready")
try:
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(0.5)
    print("saved")
    sys.exit(5)
"""


def test_an_interrupt_reaches_the_command_once_and_its_end_is_awaited(
    driven: Driven, wait_until: Callable[..., None]
) -> None:
    process = driven.python(INTERRUPTIBLE)
    wait_until(lambda: driven.printed("ready"))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert out == b"ready\nsaved\n"
    assert err == b"interrupted\n"
    outcome = driven.outcome()
    assert outcome.exit_status == 5
    assert outcome.interrupted


def test_a_second_interrupt_kills_the_command_and_what_it_started(
    driven: Driven, wait_until: Callable[..., None]
) -> None:
    process = driven.python(
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "sleeper = subprocess.Popen(['sleep', '60'], start_new_session=True)\n"
        "print('ready', sleeper.pid)\n"
        "time.sleep(60)\n"
    )
    wait_until(lambda: driven.printed("ready"))
    sleeper = int(driven.log.read_text().split()[1])
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    outcome = driven.outcome()
    assert outcome.exit_status == -signal.SIGKILL
    assert outcome.interrupted
    wait_until(lambda: not start_time(sleeper))


def test_two_deliveries_of_one_request_are_one(
    driven: Driven, wait_until: Callable[..., None]
) -> None:
    process = driven.python(INTERRUPTIBLE)
    wait_until(lambda: driven.printed("ready"))
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert driven.outcome().exit_status == 5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_request_to_terminate_is_passed_on_and_awaited(
    driven: Driven, wait_until: Callable[..., None], number: signal.Signals
) -> None:
    process = driven.python(
        "import signal, sys, time\n"
        "def stop(number, frame):\n"
        "    print('saved'); sys.exit(7)\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "print('ready')\n"
        "time.sleep(60)\n"
    )
    wait_until(lambda: driven.printed("ready"))
    process.send_signal(number)
    process.communicate(timeout=20)
    assert process.returncode == 0
    assert driven.printed("saved")
    outcome = driven.outcome()
    assert (outcome.exit_status, outcome.interrupted) == (7, True)


def test_workers_that_an_interrupted_command_leaves_behind_are_ended(
    driven: Driven, wait_until: Callable[..., None]
) -> None:
    process = driven.start(["sh", "-c", "sleep 60 & echo ready $!; wait"])
    wait_until(lambda: driven.printed("ready"))
    sleeper = int(driven.log.read_text().split()[1])
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert driven.outcome().exit_status == -signal.SIGTERM
    wait_until(lambda: not start_time(sleeper))


def test_what_is_ignored_stays_ignored(driven: Driven, wait_until: Callable[..., None]) -> None:
    process = driven.start(
        [sys.executable, "-u", "-c", "import time; print('ready'); time.sleep(1.5); print('end')"],
        prefix=("nohup",),
    )
    wait_until(lambda: driven.printed("ready"))
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=20)
    outcome = driven.outcome()
    assert (outcome.exit_status, outcome.interrupted) == (0, False)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells children")
def test_killing_gitml_ends_the_command(driven: Driven, wait_until: Callable[..., None]) -> None:
    process = driven.python(
        "import signal, sys, time\n"
        "def stop(number, frame):\n"
        "    open('told', 'w').close(); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "print('ready')\n"
        "time.sleep(60)\n"
    )
    wait_until(lambda: driven.printed("ready") and driven.pid())
    process.kill()
    wait_until(lambda: not start_time(driven.pid()))
    assert (driven.folder / "told").exists()
    process.communicate(timeout=20)


def test_handlers_are_as_before_after_a_run(tmp_path: Path) -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGWINCH, signal.SIGCONT)
    before = [signal.getsignal(number) for number in numbers]
    run(tmp_path, "pass")
    with pytest.raises(ExecutionError):
        launch(["no-such-command"], cwd=tmp_path, env=os.environ, log=tmp_path / "log.txt")
    assert [signal.getsignal(number) for number in numbers] == before


def test_descriptors_are_not_leaked(tmp_path: Path) -> None:
    run(tmp_path, "pass")
    before = sorted(os.listdir("/proc/self/fd"))
    for _ in range(3):
        run(tmp_path, "pass")
    assert sorted(os.listdir("/proc/self/fd")) == before
    done = run(tmp_path, "import os; print(len(os.listdir('/proc/self/fd')))")
    assert done.exit_status == 0
    assert (tmp_path / "log.txt").read_text() == "4\n"  # three streams, and the listing's own


def test_a_run_can_be_started_outside_of_the_main_thread(tmp_path: Path) -> None:
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(run(tmp_path, "print('ok')")))
    thread.start()
    thread.join(20)
    assert outcomes[0].exit_status == 0


def test_a_failure_of_ours_does_not_leave_the_command_running(tmp_path: Path) -> None:
    pids: list[int] = []

    def fail(pid: int) -> None:
        pids.append(pid)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        run(tmp_path, "import time; time.sleep(60)", on_start=fail)
    assert not start_time(pids[0])


def test_the_environment_of_a_command_keeps_what_the_user_set(tmp_path: Path) -> None:
    trace, folder = tmp_path / "trace", tmp_path
    plain = environment_for(trace, folder, {"A": "1"})
    observer = plain["PYTHONPATH"]
    assert plain == {
        "A": "1",
        "PYTHONPATH": observer,
        "GITML_TRACE": str(trace),
        "GITML_RUN_DIR": str(folder),
    }
    assert (Path(observer) / "sitecustomize.py").is_file()
    assert environment_for(trace, folder, plain) == plain
    mine = environment_for(trace, folder, {"PYTHONPATH": "/mine::rel"})
    assert mine["PYTHONPATH"] == f"{observer}:/mine::rel"
    assert environment_for(trace, folder, mine)["PYTHONPATH"] == f"{observer}:/mine::rel"
    assert environment_for(trace, folder, {"PYTHONPATH": ""})["PYTHONPATH"] == observer
