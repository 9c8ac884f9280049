from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gitml.errors import NotFoundError, UsageError
from gitml.operations.report import gather
from gitml.operations.report_file import is_report, write_report
from tests.conftest import CONFIG, TRAIN, Project
from tests.views.report.pages import assert_sound, data_of


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Iterator[Project]:
    """Two studies: three experiments in one, one in the other."""
    root = tmp_path_factory.mktemp("report") / "project"
    root.mkdir()
    made = Project(root)
    made.git("init", "-q")
    made.write("train.py", TRAIN)
    made.write("params.yaml", "lr: 0.1\nseed: 1\n")
    made.write(
        "gitml.yaml", CONFIG + "  scrape: 'step (?P<step>\\d+): loss (?P<step_loss>[\\d.]+)'\n"
    )
    made.gitml("init")
    made.git("add", "-A")
    made.git("commit", "-qm", "begin")
    for lr in ("0.1", "0.2", "0.3"):
        made.run("--study", "sweep", "-S", f"lr={lr}")
    made.run("--study", "wide", "-S", "lr=0.5")
    yield made


def test_a_report_of_a_study_is_written_where_one_stands(recorded: Project) -> None:
    done = recorded.gitml("report", "sweep")
    path = recorded.root / "report.html"
    assert done.stdout.strip() == str(path)
    page = assert_sound(path.read_text(encoding="utf-8"))
    best = recorded.json("exp", "list", "--study", "sweep", "--sort", "-metrics.accuracy")[0]
    assert f"{best['experiment']} has the best accuracy: 0.657." in page.text
    assert "gitml report sweep" in page.text
    assert "add it to .gitignore" in done.stderr
    before = path.read_bytes()
    recorded.gitml("report", "sweep")
    assert path.read_bytes() == before
    path.unlink()


def test_the_report_of_a_comparison_says_how_to_make_it_again(recorded: Project) -> None:
    best, other = recorded.json("exp", "list", "--study", "sweep", "--limit", "2")
    names = [best["experiment"], other["experiment"]]
    done = recorded.gitml("exp", "diff", *names, "--html", "a page.html")
    assert "The report is a page.html." in done.stderr
    assert "Git doesn't ignore a page.html" in done.stderr
    path = recorded.root / "a page.html"
    page = assert_sound(path.read_text(encoding="utf-8"))
    assert f"gitml exp diff {' '.join(names)} --html 'a page.html'" in page.text
    path.unlink()


def test_the_history_of_each_run_becomes_a_curve(recorded: Project) -> None:
    found = gather(recorded.root, ["sweep"])
    assert [row.params["lr"] for row in found.rows] == [0.1, 0.2, 0.3]
    assert len(found.curves) == 3
    assert [best.experiments for best in found.studies] == [3]
    curve = found.curves[found.rows[0].commit]["step_loss"]
    assert curve.values == pytest.approx((0.9, 0.81, 0.729))


def test_every_study_and_a_condition_can_be_asked_for(recorded: Project) -> None:
    everything = gather(recorded.root, all_studies=True)
    assert [best.study for best in everything.studies] == ["sweep", "wide"]
    assert everything.studies[1].row is not None
    assert everything.studies[1].row.params["lr"] == 0.5
    some = gather(recorded.root, ["sweep", "wide"], where="params.lr > 0.2", limit=1)
    assert ([row.params["lr"] for row in some.rows], some.cut, some.total) == ([0.5], 1, 4)
    output = recorded.root.parent / "some.html"
    recorded.gitml("report", "--all", "--where", "params.lr > 0.2", "-o", str(output))
    text = output.read_text(encoding="utf-8")
    assert "2 experiments of 4 where params.lr &gt; 0.2" in text
    assert len(data_of(text)["names"]) == 2


def test_a_file_that_is_no_report_is_never_replaced(recorded: Project, tmp_path: Path) -> None:
    path = tmp_path / "thesis.html"
    path.write_text("<h1>three years of work</h1>")
    done = recorded.gitml("report", "sweep", "-o", str(path), status=2)
    assert "gitml did not write it as a report" in done.stderr
    assert path.read_text() == "<h1>three years of work</h1>"
    recorded.gitml("report", "sweep", "-o", str(path), "--force")
    assert is_report(path)
    write_report(path, path.read_text(encoding="utf-8"))
    with pytest.raises(UsageError):
        write_report(tmp_path, "")
    with pytest.raises(NotFoundError):
        write_report(tmp_path / "no" / "x.html", "")


def test_what_is_not_there_is_said(recorded: Project) -> None:
    assert "There are: sweep, wide" in recorded.gitml("report", "swep", status=2).stderr
    assert "contradict" in recorded.gitml("report", "sweep", "--all", status=2).stderr
    assert not (recorded.root / "report.html").exists()
    help_text = recorded.gitml("report", "--help").stdout
    assert "gitml report baseline wide-nets -o studies.html" in help_text


def test_a_broken_link_is_no_reason_to_write_elsewhere(recorded: Project, tmp_path: Path) -> None:
    link, target = tmp_path / "report.html", tmp_path / "target.txt"
    target.write_text("mine")
    link.symlink_to(target)
    assert recorded.gitml("report", "sweep", "-o", str(link), status=2).returncode == 2
    assert target.read_text() == "mine"
    link.unlink()
    link.symlink_to(tmp_path / "gone")
    recorded.gitml("report", "sweep", "-o", str(link))
    assert is_report(link)
    assert not (tmp_path / "gone").exists()
