import subprocess
import sys
import threading

import pytest

from cotrain._base import RunError, write_lock


def test_another_thread_is_refused_in_a_sentence_until_the_first_has_ended(tmp_path):
    refused, taken = [], []

    def other():
        try:
            with write_lock(tmp_path / "r"):
                taken.append(1)
        except RunError as error:
            refused.append(str(error))

    with write_lock(tmp_path / "r"), write_lock(tmp_path / "r"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert not taken
    assert refused[0].startswith(f"{tmp_path / 'r'} is being written to by another process: wait")
    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert taken == [1]


def test_another_process_is_refused_and_a_killed_one_lets_go(tmp_path):
    script = (
        "import sys\nfrom pathlib import Path\nfrom cotrain._base import write_lock\n"
        f"with write_lock(Path({str(tmp_path)!r})):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    with pytest.raises(RunError, match="another process"), write_lock(tmp_path):
        pass
    process.kill()
    process.communicate()
    with write_lock(tmp_path):
        pass


def test_the_lock_is_free_again_after_an_error(tmp_path):
    with pytest.raises(ValueError, match="mine"), write_lock(tmp_path):
        raise ValueError("mine")
    with write_lock(tmp_path):
        pass


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "r").write_text("")
    with pytest.raises(RunError, match="is a file: name a folder"), write_lock(tmp_path / "r"):
        pass
