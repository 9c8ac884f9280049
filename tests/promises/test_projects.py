"""Projects as people have them: shells, packages, child processes, settings, loggers."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from tests.conftest import CONFIG, TRAIN, Project
from tests.promises.looking import artifacts_of, inputs_of


def test_a_package_runs_as_a_module(project: Project) -> None:
    project.write("fit/__init__.py", "")
    project.write("fit/__main__.py", "from fit.loss import loss\nprint('loss:', loss)\n")
    project.write("fit/loss.py", "loss = 0.5\n")
    project.write("fit/unused.py", "x = 1\n")
    done = project.run("--", "python", "-m", "fit", "--lr=0.1")
    assert done["metrics"] == {"loss": 0.5}
    assert done["params"]["args.lr"] == 0.1
    modules = inputs_of(project)["code"]["modules"]
    assert {"fit/__init__.py", "fit/__main__.py", "fit/loss.py"} <= set(modules)
    assert "fit/unused.py" not in modules
    project.write("fit/unused.py", "x = 2\n")
    assert project.run("--", "python", "-m", "fit", "--lr=0.1")["reused"] is True
    project.write("fit/loss.py", "loss = 0.25\n")
    assert project.run("--", "python", "-m", "fit", "--lr=0.1")["reused"] is False


def test_a_shell_script_that_starts_python_twice_is_one_experiment(project: Project) -> None:
    project.write("first.py", "import one\nopen('middle.txt', 'w').write('0.5')\n")
    project.write("second.py", "import two\nprint('loss:', open('middle.txt').read())\n")
    project.write("one.py", "x = 1\n")
    project.write("two.py", "x = 1\n")
    project.write("three.py", "x = 1\n")
    project.write("run.sh", "set -e\npython first.py\npython second.py\n")
    command = ("--", "sh", "run.sh")
    assert project.run(*command)["metrics"] == {"loss": 0.5}
    inputs = inputs_of(project)
    assert {"first.py", "second.py", "one.py", "two.py"} <= set(inputs["code"]["modules"])
    assert "middle.txt" not in inputs["data"]
    project.write("three.py", "x = 2\n")
    assert project.run(*command)["reused"] is True
    project.write("two.py", "x = 2\n")
    assert project.run(*command)["reused"] is False
    project.write("run.sh", "set -e\npython first.py\npython second.py\n# more\n")
    assert project.run(*command)["reused"] is False


def test_a_command_without_python_counts_every_tracked_file(project: Project) -> None:
    project.write("count.sh", 'echo "lines: $(wc -l < params.yaml)"; echo x > out.txt\n')
    first = project.run("--", "sh", "count.sh")
    assert inputs_of(project)["code"]["observed"] is False
    assert "out.txt" in artifacts_of(project)
    assert project.run("--", "sh", "count.sh")["reused"] is True
    project.write("train.py", TRAIN + "\nx = 1\n")
    again = project.run("--", "sh", "count.sh")
    assert again["reused"] is False
    assert again["commit"] != first["commit"]


def test_a_command_that_is_not_there_is_said_before_anything_is_kept(project: Project) -> None:
    for options in ((), ("--isolated",), ("-S", "lr=0.5")):
        done = project.gitml("exp", "run", *options, "--", "no-such-program", status=2)
        assert "no-such-program" in done.stderr and len(done.stderr.splitlines()) <= 2
    assert project.git("for-each-ref", "refs/heads/exp", "refs/gitml") == ""
    assert "No run was interrupted" in project.gitml("exp", "recover").stdout
    assert project.git("worktree", "list").count("\n") == 0
    assert "lr: 0.1" in (project.root / "params.yaml").read_text()


def test_child_processes_are_observed(project: Project) -> None:
    project.write("helper.py", "VALUE = 0.5\n")
    project.write("unused.py", "x = 1\n")
    project.write("child.py", "import helper\nprint('loss:', helper.VALUE)\n")
    project.write(
        "train.py",
        "import multiprocessing, subprocess, sys\n"
        "def work(x):\n    import pooled\n    return pooled.double(x)\n"
        "if __name__ == '__main__':\n"
        "    subprocess.run([sys.executable, 'child.py'], check=True)\n"
        "    with multiprocessing.get_context('spawn').Pool(2) as pool:\n"
        "        assert pool.map(work, [1, 2]) == [2, 4]\n"
        "    with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "        assert pool.map(work, [1, 2]) == [2, 4]\n",
    )
    project.write("pooled.py", "def double(x):\n    return 2 * x\n")
    project.run()
    modules = inputs_of(project)["code"]["modules"]
    assert {"helper.py", "pooled.py", "child.py", "train.py"} <= set(modules)
    project.write("unused.py", "x = 2\n")
    assert project.run()["reused"] is True
    project.write("helper.py", "VALUE = 0.25\n")
    assert project.run()["reused"] is False


def test_an_explicit_command_runs_where_the_user_stands(project: Project) -> None:
    project.write("tools/fit.py", "print('loss: 0.5')\nopen('o.txt', 'w').write('x')\n")
    tools = Project(project.root / "tools")
    done = tools.run("--name", "inside", "--", "python", "fit.py")
    assert (project.root / "tools/o.txt").exists()
    assert "tools/o.txt" in artifacts_of(project, "inside")
    assert done["study"] == "main"
    assert tools.run("--", "python", "fit.py")["reused"] is True
    assert project.run("--", "python", "tools/fit.py")["reused"] is False
    through = project.gitml("-C", "tools", "exp", "run", "--json", "--", "python", "fit.py")
    assert json.loads(through.stdout.splitlines()[-1])["reused"] is True


def test_signals_and_statuses_of_the_command_come_through(project: Project) -> None:
    project.gitml("exp", "run", "--", "sh", "-c", "exit 3", status=3)
    project.gitml("exp", "run", "--", "sh", "-c", "kill -9 $$", status=128 + 9)
    project.gitml("exp", "run", "--", "python", "-c", "import os; os.abort()", status=128 + 6)
    assert project.git("for-each-ref", "refs/heads/exp", "refs/gitml") == ""


def test_an_unknown_setting_suggests_the_nearest_and_plus_adds(project: Project) -> None:
    project.write("params.yaml", "optimizer:\n  lr: 0.1  # kept\nseed: 1\n")
    project.write("train.py", "print('loss: 0.5')\n")
    done = project.gitml("exp", "run", "-S", "optimiser.lr=0.2", status=2)
    assert "optimizer.lr" in done.stderr and "+optimiser.lr" in done.stderr
    added = project.run(
        "-S", "optimizer.lr=0.2", "-S", "+optimizer.decay=0.9", "-S", "+layers=[8, 4]"
    )
    assert added["params"] == {
        "optimizer.lr": 0.2, "optimizer.decay": 0.9, "layers.0": 8, "layers.1": 4, "seed": 1,
    }  # fmt: skip
    recorded = project.git("show", "exp/main:params.yaml")
    assert "# kept" in recorded and "decay" in recorded
    assert "decay" not in (project.root / "params.yaml").read_text()


def test_credentials_stay_out_of_everything_that_is_kept(project: Project) -> None:
    secret = "hunter2hunter2"
    project.write(
        "train.py",
        "import os, sys\nprint('key', sys.argv[2:], os.environ['SERVICE_API_TOKEN'])\n"
        "print('https://user:' + 'hunter2' * 2 + '@example.org')\n",
    )
    project.write("gitml.yaml", "command: python train.py\nenv: [SERVICE_API_TOKEN]\n")
    done = project.run(
        "--name", "masked", "-S", f"+api_key={secret}", "-S", f"+db.password={secret}",
        "--", "python", "train.py", "--auth-token", secret, f"--password={secret}",
        SERVICE_API_TOKEN=secret,
    )  # fmt: skip
    assert secret not in json.dumps(done)
    assert done["params"]["api_key"] == "***"
    failing = ("sh", "-c", "exit 3", "--password", secret)
    project.gitml("exp", "run", "--name", "broken", "--", *failing, status=3)
    for command in (("list", "--json"), ("show", "masked"), ("show", "masked", "--json")):
        assert secret not in project.gitml("exp", *command).stdout
    objects = project.git("rev-list", "--objects", "--all").splitlines()
    for line in objects:
        oid = line.split()[0]
        assert secret not in project.git("cat-file", "-p", oid), line
    for folder in (".git/gitml", ".dvc"):
        for path in (project.root / folder).rglob("*"):
            if path.is_file():
                assert secret.encode() not in path.read_bytes(), path
    project.gitml("exp", "apply", "masked", status=None)
    again = project.run(
        "-S", "+api_key=another-one", "-S", "+db.password=another-one",
        "--", "python", "train.py", "--auth-token", "another-one", "--password=another-one",
        SERVICE_API_TOKEN="another-one",
    )  # fmt: skip
    assert again["reused"] is True, "a credential never counts"


def test_tensorboard_and_dvclive_are_read(project: Project) -> None:
    project.write(
        "train.py",
        "import json, os, pathlib\n"
        "from torch.utils.tensorboard import SummaryWriter\n"
        "with SummaryWriter('runs/now') as writer:\n"
        "    for step in range(3):\n"
        "        writer.add_scalar('loss/val', 1 / (step + 1), step)\n"
        "folder = pathlib.Path('dvclive/plots/metrics')\n"
        "folder.mkdir(parents=True, exist_ok=True)\n"
        "(folder / 'acc.tsv').write_text('step\\tacc\\n0\\t0.5\\n1\\t0.75\\n')\n"
        "pathlib.Path('dvclive/metrics.json').write_text(json.dumps({'acc': 0.75, 'step': 1}))\n",
    )
    done = project.run()
    assert done["metrics"]["acc"] == 0.75
    assert abs(done["metrics"]["loss/val"] - 1 / 3) < 1e-6
    history = project.git("show", "exp/main:.gitml/history.jsonl").splitlines()
    assert len([json.loads(line) for line in history]) >= 3


def test_timestamped_folders_of_earlier_runs_change_nothing(project: Project) -> None:
    project.write(
        "train.py",
        "import os, time\nfolder = f'outputs/{time.time_ns()}'\nos.makedirs(folder)\n"
        "open(f'{folder}/log.txt', 'w').write('x')\nopen(f'{folder}/w.bin', 'wb').write(bytes(9))\n"
        "print('loss: 0.5')\n",
    )
    project.run("--name", "one")
    assert project.run()["reused"] is True
    project.run("--force", "--name", "two")
    again = project.run()
    assert (again["reused"], again["level"]) == (True, "identical")
    assert len([path for path in artifacts_of(project, "two") if path.startswith("outputs/")]) == 2


def test_what_a_run_deletes_and_what_it_renames_is_no_trouble(project: Project) -> None:
    project.write("old.txt", "x\n")
    project.git("add", "-A")
    project.git("commit", "-qm", "old")
    project.write(
        "train.py",
        "import os\nos.remove('old.txt')\nopen('a.tmp', 'w').write('y')\n"
        "os.rename('a.tmp', 'b.txt')\n"
        "os.makedirs('empty', exist_ok=True)\n",
    )
    project.run("--name", "one")
    artifacts = artifacts_of(project)
    assert "b.txt" in artifacts and "a.tmp" not in artifacts


def test_the_record_says_nothing_of_where_the_project_lies(project: Project) -> None:
    project.write("metrics.json", "[")
    project.write(
        "train.py", "open('metrics.json', 'w').write('[')\nimport sys\nprint(sys.version)\n"
    )
    project.run("--", sys.executable, "train.py")
    record = project.git("show", "exp/main:.gitml/experiment.json")
    assert str(project.root.parent) not in record
    assert os.environ["HOME"] not in record
    assert str(project.root.parent) not in project.git("log", "--format=%B", "exp/main")


def test_two_projects_with_the_same_configuration_do_not_meet(tmp_path: Path) -> None:
    made = []
    for name in ("a", "b"):
        project = Project(tmp_path / name)
        project.root.mkdir()
        project.git("init", "-q")
        project.write("train.py", TRAIN)
        project.write("params.yaml", "lr: 0.1\nseed: 1\n")
        project.write("gitml.yaml", CONFIG)
        project.gitml("init")
        made.append(project.run("--name", "same"))
    assert made[0]["fingerprint"] == made[1]["fingerprint"], "the place never counts"
    assert made[1]["reused"] is False
