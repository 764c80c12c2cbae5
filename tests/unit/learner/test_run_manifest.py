import json
import random

import pytest

from cotrain._base import RunError
from cotrain.learner._run_manifest import MANIFEST, file_hash, seal, unseal, verify

FILES = ("a.json", "b.bin", "c.txt")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.json").write_text('{"a": 1}')
    (tmp_path / "b.bin").write_bytes(bytes(range(256)))
    seal(tmp_path, FILES)
    verify(tmp_path, FILES)
    return tmp_path


def test_every_flipped_bit_is_found_and_its_file_named(folder):
    draw = random.Random(0)
    for _ in range(300):
        path = folder / draw.choice(["a.json", "b.bin", MANIFEST])
        whole = path.read_bytes()
        place, bit = draw.randrange(len(whole)), 1 << draw.randrange(8)
        path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
        if path.name == MANIFEST and _same(path.read_bytes(), whole):
            path.write_bytes(whole)
            continue
        with pytest.raises(RunError) as error:
            verify(folder, FILES)
        assert path.name in str(error.value)
        path.write_bytes(whole)
    verify(folder, FILES)


def _same(one, other):
    """Whether the flip was in the white space between the words."""
    try:
        return json.loads(one) == json.loads(other)
    except ValueError:
        return False


def test_a_file_of_another_run_is_named_whether_swapped_added_or_taken_away(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "a.json").write_text('{"a": 2}')
    (other / "c.txt").write_text("c")
    seal(other, FILES)
    for name, sentence in (
        ("a.json", "has changed since"),
        ("c.txt", "is not of this run"),
        (MANIFEST, "of this run|of another run|missing"),
    ):
        before = (folder / name).read_bytes() if (folder / name).exists() else None
        (folder / name).write_bytes((other / name).read_bytes())
        with pytest.raises(RunError, match=sentence):
            verify(folder, FILES)
        (folder / name).unlink() if before is None else (folder / name).write_bytes(before)
    (folder / "b.bin").unlink()
    with pytest.raises(RunError, match=r"b\.bin is missing"):
        verify(folder, FILES)


def test_what_is_no_run_or_not_yet_one_says_so(folder, tmp_path_factory):
    unseal(folder)
    with pytest.raises(RunError, match="has no manifest.json: the run was interrupted, go on with --resume"):
        verify(folder, FILES)
    with pytest.raises(RunError, match="is not a run folder"):
        verify(tmp_path_factory.mktemp("empty"), FILES)
    with pytest.raises(RunError, match="There is no run folder"):
        verify(folder / "nowhere", FILES)


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", "[" * 100_000, '{"digest": 1, "version": 1}'])
def test_a_manifest_that_is_none_is_damaged(folder, text):
    (folder / MANIFEST).write_text(text)
    with pytest.raises(RunError, match="damaged"):
        verify(folder, FILES)


def test_equal_files_have_equal_manifests(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    for name in ("b.bin", "a.json"):
        (other / name).write_bytes((folder / name).read_bytes())
    seal(other, FILES)
    assert file_hash(other / MANIFEST) == file_hash(folder / MANIFEST)
