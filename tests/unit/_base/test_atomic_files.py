import os
import subprocess
import sys

import pytest

from cotrain._base import paths_below, remove_leftovers, write_atomically, write_text_atomically


def test_the_old_content_stays_when_writing_fails(tmp_path):
    path = tmp_path / "a.txt"
    write_text_atomically(path, "old")

    def fail(temporary):
        with open(temporary, "w") as file:
            file.write("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_folders_are_made_and_text_is_utf8(tmp_path):
    write_text_atomically(tmp_path / "a" / "b.txt", "größe 语")
    assert (tmp_path / "a" / "b.txt").read_bytes().decode() == "größe 语"


def test_a_process_killed_while_writing_leaves_the_old_file_and_a_leftover_that_goes(tmp_path):
    path = tmp_path / "a.txt"
    write_text_atomically(path, "old")
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from cotrain._base._atomic_files import write_atomically\n"
        "def die(temporary):\n"
        "    Path(temporary).write_text('half')\n"
        "    os.kill(os.getpid(), 9)\n"
        f"write_atomically(Path({str(path)!r}), die)\n"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == -9
    assert path.read_text() == "old"
    assert len(os.listdir(tmp_path)) == 2
    remove_leftovers(tmp_path)
    assert os.listdir(tmp_path) == ["a.txt"]


def test_what_lies_below_is_found_while_folders_vanish(tmp_path, monkeypatch):
    for name in ("a/b", "a/.gone", "c"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / ".x.part").touch()
    scandir = os.scandir

    def scandir_after_removal(path):
        if str(path).endswith(".gone"):
            (tmp_path / "a" / ".gone" / ".x.part").unlink()
            (tmp_path / "a" / ".gone").rmdir()
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scandir_after_removal)
    assert set(paths_below(tmp_path, ".*.part")) == {tmp_path / "a/b/.x.part", tmp_path / "c/.x.part"}
    assert list(paths_below(tmp_path, "b")) == [tmp_path / "a/b"]
