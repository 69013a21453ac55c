"""A result's folder appears whole, in a place that it can take, and belongs to one training."""

from pathlib import Path

import pytest

from cotune.cli.unfinished import check_out, unfinished


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty working folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def to_folder() -> Path:
    Path("real").mkdir()
    Path("link").symlink_to("real")
    return Path("link")


def to_nothing() -> Path:
    Path("link").symlink_to("nothing")
    return Path("link")


PLACES = {
    "here": Path,
    "here, by its name": Path.cwd,
    "a link to a folder": to_folder,
    "a link to nothing": to_nothing,
    "a mount": lambda: Path("/proc"),
    "back again": lambda: Path("new/.."),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_place_that_no_folder_can_take_is_refused_at_once(place):
    with pytest.raises(ValueError, match="choose a folder in it, as --out "):
        check_out(PLACES[place]())


def test_an_empty_folder_is_replaced():
    Path("best").mkdir()
    with unfinished(Path("best")) as scratch:
        (scratch / "weights").write_text("1")
    assert [path.as_posix() for path in Path().rglob("*")] == ["best", "best/weights"]


def test_a_second_training_for_the_same_folder_is_refused_from_the_first_moment():
    with unfinished(Path("best")) as scratch:
        with pytest.raises(ValueError, match="another training for this --out runs"), unfinished(Path("best")):
            pytest.fail("both would write to one folder")
        (scratch / "weights").write_text("1")
    assert Path("best", "weights").read_text() == "1"


def fail(*saved: str) -> None:
    with unfinished(Path("best")) as scratch:
        for name in saved:
            (scratch / name).write_text("1")
        raise OSError("broken")


def test_what_failed_is_kept_if_there_is_anything(capsys):
    with pytest.raises(OSError, match="broken"):
        fail()
    check_out(Path("best"))
    with pytest.raises(OSError, match="broken"):
        fail("weights")
    assert capsys.readouterr().err == "What was trained is kept in '.best.unfinished'.\n"
    with pytest.raises(ValueError, match="an earlier one failed"):
        check_out(Path("best"))
    assert Path(".best.unfinished", "weights").is_file()
