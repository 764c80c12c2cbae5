import os
import subprocess
import sys

import pytest

from cotrain._base._atomic_files import remove_leftovers, write_atomically, write_text_atomically


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
