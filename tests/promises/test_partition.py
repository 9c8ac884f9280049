"""Which examples were trained on and which tested on: recorded, compared, and followed."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from gitml.history.index import open_index
from gitml.inputs.partition import part_input
from gitml.operations.lineage import lineage_leaks
from gitml.operations.reading import open_reading
from tests.conftest import Project

LOGS = """\
import json, pathlib, random
import gitml

ids = pathlib.Path("ids.txt").read_text().split()
random.Random(0).shuffle(ids)
cut = len(ids) // 5
gitml.log_split(train=ids[cut:], test=ids[:cut], method="shuffle", seed=0)
pathlib.Path("metrics.json").write_text(json.dumps({"accuracy": 0.5 + len(ids) / 1000}))
"""

# Takes weights and a split from its arguments: `weights out train test`.
TUNES = """\
import json, pathlib, sys
import gitml

start, out, train, test = sys.argv[1:]
gitml.log_split(train=train.split(","), test=test.split(","))
old = pathlib.Path(start).read_bytes() if start != "none" else b""
pathlib.Path(out).write_bytes(b"\\0\\xff" + old + out.encode())
pathlib.Path("metrics.json").write_text(json.dumps({"accuracy": len(old)}))
"""

DECLARES = """\
import csv, json, pathlib

rows = list(csv.DictReader(open("splits.csv")))
tested = [row["id"] for row in rows if row["part"] == "test"]
pathlib.Path("metrics.json").write_text(json.dumps({"accuracy": len(tested) / 10}))
"""


def ids(count: int) -> str:
    return "\n".join(f"img{number}" for number in range(count))


def logging(project: Project, **changes: str) -> Project:
    project.write("train.py", LOGS)
    project.write("ids.txt", ids(50))
    project.git("add", "-A")
    project.git("commit", "-qm", "log the split")
    return project


def notes(project: Project, *names: str) -> list[str]:
    found: list[str] = project.json("exp", "diff", *names)["notes"]
    return found


def test_a_logged_split_decides_what_is_the_same_and_what_can_be_compared(
    project: Project,
) -> None:
    logging(project)
    first = project.run("--name", "small")
    partition = project.json("exp", "show", "small")["inputs"]["partition"]
    assert (partition["source"], partition["method"], partition["seed"]) == (
        "log_split",
        "shuffle",
        0,
    )
    rows = project.git("show", f"{first['commit']}:.gitml/partition.csv").split("\n")
    assert rows[0] == "id,part" and rows[1:] == sorted(rows[1:]) and len(rows) == 51
    tested = [row.partition(",")[0] for row in rows if row.endswith(",test")]
    assert partition["parts"]["test"]["digest"] == part_input(tested).digest
    assert project.git("status", "--porcelain").split() == ["??", "metrics.json"]

    again = project.run()
    assert (again["reused"], again["level"]) == (True, "identical")
    project.write("train.py", LOGS + "# a comment\n")
    assert project.run()["level"] == "equivalent"
    assert project.json("check", status=1)["level"] == "equivalent"

    project.write("ids.txt", ids(100))  # the same seed, and half of the old test set moves
    grown = project.gitml("exp", "run", "--name", "grown")
    assert "of the test examples of small are in train now (7 of 10)." in grown.stderr
    found = project.json("exp", "diff", "small", "grown")
    assert found["comparable"] is False
    assert found["notes"] == [
        "Not comparable: the test parts share 3 ids, of 10 in small and 20 in grown.",
        "The train parts share 32 ids, of 40 in small and 80 in grown.",
        "7 of the 10 test examples of small were trained on by grown.",
        "8 of the 20 test examples of grown were trained on by small.",
    ]
    assert [(row["name"], row["better"], row["best"]) for row in found["metrics"]] == [
        ("accuracy", None, None)
    ]
    text = project.gitml("exp", "diff", "small", "grown").stdout
    assert text.index("Not comparable") < text.index("Metrics")
    assert "better" not in text and "worse" not in text


def test_a_split_by_hash_stays_comparable_in_what_is_left(project: Project) -> None:
    source = LOGS.replace(
        'gitml.log_split(train=ids[cut:], test=ids[:cut], method="shuffle", seed=0)',
        "gitml.log_split(**gitml.hash_split(ids), method='hash')",
    )
    project.write("train.py", source)
    for count, name in ((50, "small"), (100, "grown")):
        project.write("ids.txt", ids(count))
        project.run("--name", name)
    found = notes(project, "small", "grown")
    assert "share" in found[0] and not any("trained on" in note for note in found)
    assert not any(
        "in train now" in one for one in project.json("exp", "show", "grown")["warnings"]
    )


def test_an_overlap_stops_the_training_and_nothing_is_recorded(project: Project) -> None:
    project.write("train.py", "import gitml\ngitml.log_split(train=range(9), test=[8, 'x'])\n")
    done = project.gitml("exp", "run", status=1)
    assert "PartitionError: 1 id in both train and test: 8." in done.stderr
    assert "put each into one part" in done.stderr
    assert project.json("exp", "list") == []


def test_warnings_of_a_split_are_recorded(project: Project) -> None:
    project.write(
        "train.py",
        "import gitml\ngitml.log_split(train=[1], test=[2], content={1: 'a', 2: 'a'}, "
        "time={1: 5, 2: 3})\n",
    )
    project.run("--name", "doubtful")
    said = project.json("exp", "show", "doubtful")["warnings"]
    assert [text for text in said if "example" in text] == [
        "1 example of test has the same content as examples of train: 2.",
        "1 example of test is older than the newest training example (5): 2.",
    ]


def test_processes_and_folds_of_a_run_make_one_partition(project: Project) -> None:
    project.write(
        "train.py",
        "import multiprocessing, gitml\n"
        "def fold(number):\n"
        "    rest = [i for i in range(6) if i % 3 != number]\n"
        "    gitml.log_split(train=rest, test=range(number, 6, 3), name=f'fold{number}')\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(2) as pool:\n"
        "        pool.map(fold, [0, 1, 2, 0, 1, 2], chunksize=1)\n",
    )
    made = project.run("--name", "folds")
    parts = project.json("exp", "show", "folds")["inputs"]["partition"]["parts"]
    assert {name: part["count"] for name, part in parts.items()} == {
        f"fold{number}/{part}": count
        for number in range(3)
        for part, count in (("train", 4), ("test", 2))
    }
    rows = project.git("show", f"{made['commit']}:.gitml/partition.csv").split("\n")
    assert rows[1:4] == ["0,fold0/test", "0,fold1/train", "0,fold2/train"] and len(rows) == 19
    assert project.run()["reused"] is True


def test_a_run_that_is_resumed_records_the_latest_split(project: Project) -> None:
    project.write(
        "train.py",
        "import os, pathlib, signal, time, gitml\n"
        "resumed = pathlib.Path('state.txt').exists()\n"
        "gitml.log_split(train=[1, 2], test=[3, 4] if resumed else [3])\n"
        "if not resumed:\n"
        "    pathlib.Path('state.txt').write_text('half')\n"
        "    os.kill(os.getppid(), signal.SIGINT)\n"
        "    time.sleep(20)\n",
    )
    project.gitml("exp", "run", "--name", "long", status=130)
    project.run("--resume", "long")
    parts = project.json("exp", "show", "long")["inputs"]["partition"]["parts"]
    assert {name: part["count"] for name, part in parts.items()} == {"train": 2, "test": 2}


def declared(project: Project) -> None:
    config = (project.root / "gitml.yaml").read_text()
    project.write("gitml.yaml", config + "partition: splits.csv\n")
    project.write("train.py", DECLARES)
    project.write("splits.csv", "id,part\n1,train\n2,train\n3,test\n4,test\n")
    project.git("add", "-A")
    project.git("commit", "-qm", "declare the split")


def test_an_edited_split_file_is_new_and_one_in_another_order_is_near(project: Project) -> None:
    declared(project)
    made = project.run("--name", "first")
    assert ".gitml/partition.csv" not in project.git("ls-tree", "-r", made["commit"])
    project.write("splits.csv", "id,part\n4,test\n3,test\n2,train\n1,train\n")
    answer = project.json("check")
    assert answer["level"] == "near"
    assert [(row["input"], row["name"]) for row in answer["differences"]] == [
        ("data", "splits.csv")
    ]
    project.write("splits.csv", "id,part\n1,train\n2,test\n3,test\n4,test\n")
    for level in ("equivalent", "near"):
        answer = project.json("check", "--level", level)
        assert (answer["level"], answer["blocked"]) == ("new", False)
    assert [(row["input"], row["name"]) for row in answer["differences"] if row["counts"]] == [
        ("partition", "test"),
        ("partition", "train"),
    ]
    done = project.gitml("exp", "run", "--name", "second")
    assert "warning" not in done.stderr.replace("No seed", "")
    assert notes(project, "first", "second")[0] == (
        "Not comparable: the test parts share 2 ids, of 2 in first and 3 in second."
    )
    project.write("splits.csv", "id,part\n3,train\n2,train\n1,test\n4,test\n")
    drifted = project.gitml("exp", "run", "--name", "third").stderr
    assert "67 % of the test examples of second are in train now (2 of 3)." in drifted


def test_labels_in_a_split_file_count(project: Project) -> None:
    declared(project)
    rows = "id,part,label\n1,train,0\n2,train,1\n3,test,0\n4,test,1\n"
    project.write("splits.csv", rows)
    project.run("--name", "first")
    project.write("splits.csv", rows.replace("1,train,0", "1,train,1"))
    assert project.json("check")["level"] == "near"
    project.run("--name", "second")
    first, second = (project.json("exp", "show", name) for name in ("first", "second"))
    assert first["digests"]["partition"] != second["digests"]["partition"]


def test_a_split_file_that_is_no_file_is_not_read(project: Project) -> None:
    declared(project)
    place = project.root / "splits.csv"
    place.unlink()
    place.symlink_to("/dev/zero")
    said = project.gitml("check", status=2).stderr
    assert "splits.csv that gitml.yaml names is no file" in said


def test_a_declared_split_wins_over_a_logged_one_and_a_conflict_is_said(project: Project) -> None:
    declared(project)
    for test, name in (("[3, 4]", "same"), ("[4]", "other")):
        project.write(
            "train.py", DECLARES + f"import gitml\ngitml.log_split(train=[1, 2], test={test})\n"
        )
        project.run("--name", name)
    same, other = (project.json("exp", "show", name) for name in ("same", "other"))
    assert same["inputs"]["partition"] == other["inputs"]["partition"]
    assert same["inputs"]["partition"]["source"] == "splits.csv"
    assert not any("splits.csv" in text for text in same["warnings"])
    assert any("differs from splits.csv in test" in text for text in other["warnings"])


def test_a_long_list_goes_through_dvc_and_is_not_fetched_for_a_comparison(
    project: Project,
) -> None:
    config = (project.root / "gitml.yaml").read_text()
    project.write("gitml.yaml", config + "large: 1 kB\n")
    logging(project)
    for count, name in ((200, "one"), (220, "two")):
        project.write("ids.txt", ids(count))
        project.run("--name", name)
    files = project.git("ls-tree", "-r", "--name-only", "exp/main").split("\n")
    assert ".gitml/partition.csv.dvc" in files and ".gitml/partition.csv" not in files
    assert "share" in notes(project, "one", "two")[0]

    shutil.rmtree(project.root / ".dvc" / "cache")
    found = notes(project, "one", "two")
    assert found[0] == "Not comparable: the test parts differ."
    assert found[-1].startswith("The ids of one and two are not on this machine")


def tune(project: Project, *arguments: str) -> dict[str, Any]:
    """Run `start out train test` as an experiment that is named after what it writes."""
    name = Path(arguments[1]).stem
    project.run("--name", name, "--", "python", "tune.py", *arguments)
    record: dict[str, Any] = project.json("exp", "show", name)
    return record


def test_test_examples_that_an_ancestor_was_trained_on_are_a_leak(project: Project) -> None:
    project.write("tune.py", TUNES)
    base = tune(project, "none", "base.bin", "a,b,c,d", "e,f")
    middle = tune(project, "base.bin", "middle.bin", "g,h", "i")
    assert [item["experiment"] for item in middle["init_from"]] == ["base"]
    assert not any("trained on by" in text for text in middle["warnings"])
    leaf = tune(project, "middle.bin", "leaf.bin", "x,y", "a,b,h,z")
    sentence = "{} of the 4 test examples were trained on by {}, whose weights this run started "
    said = [text for text in leaf["warnings"] if "trained on by" in text]
    assert [text.partition("from")[0] for text in said] == [
        sentence.format(1, "middle"),
        sentence.format(2, "base"),
    ]
    assert said[1].endswith("from: a, b.")
    compared = notes(project, "middle", "leaf")
    assert (
        "2 of the 4 test examples of leaf were trained on by base, whose weights leaf started "
        "from: a, b." in compared
    )
    reading = open_reading(project.root)
    with reading.index() as index:
        row = index.by_name("leaf")[0]
        found = lineage_leaks(reading.repository, index, index.record(row.commit), row.commit)
        none = lineage_leaks(
            reading.repository, index, index.record(base["commit"]), base["commit"]
        )
    assert [(leak.experiment, leak.count, leak.tested, leak.ids) for leak in found.leaks] == [
        ("middle", 1, 4, ("h",)),
        ("base", 2, 4, ("a", "b")),
    ]
    assert (found.unknown, found.checked, none.leaks) == ((), 2, ())


def test_ancestors_of_which_nothing_is_known_are_named(project: Project) -> None:
    silent = TUNES.replace('gitml.log_split(train=train.split(","), test=test.split(","))', "")
    project.write("tune.py", silent)
    tune(project, "none", "base.bin", "a", "b")
    project.write("tune.py", TUNES)
    leaf = tune(project, "base.bin", "leaf.bin", "c", "a")
    assert not any("trained on by" in text for text in leaf["warnings"])
    reading = open_reading(project.root)
    with open_index(reading.repository) as index:
        row = index.by_name("leaf")[0]
        found = lineage_leaks(reading.repository, index, index.record(row.commit), row.commit)
    assert (found.leaks, found.unknown) == ((), ("base",))


def test_outside_of_a_run_a_script_leaves_nothing_behind(project: Project) -> None:
    import subprocess

    logging(project)
    subprocess.run([sys.executable, "train.py"], cwd=project.root, check=True)
    assert json.loads((project.root / "metrics.json").read_text())["accuracy"]
    assert project.git("status", "--porcelain", "--ignored").split() == ["??", "metrics.json"]


def test_gitml_itself_is_no_library_of_a_run(project: Project) -> None:
    made = logging(project).run()
    inputs = project.json("exp", "show", made["experiment"])["inputs"]
    assert "gitml" not in inputs["libraries"]["imported"]
    assert "gitml" not in inputs["code"].get("editable", {})
    assert not [path for path in inputs["code"]["modules"] if "gitml/api" in path]
