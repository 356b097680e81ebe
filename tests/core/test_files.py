# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
import os
import stat

import pytest

from selfsupervised.core.files import replacing, replacing_folder


@pytest.fixture
def umask():
    before = os.umask(0o027)
    yield 0o027
    os.umask(before)


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_permissions(tmp_path, umask):
    path, private = tmp_path / "new.txt", tmp_path / "private.txt"
    with replacing(path) as beside:
        beside.write_text("a")
    assert mode_of(path) == 0o640
    private.write_text("secret")
    private.chmod(0o600)
    with replacing(private) as beside:
        beside.write_text("b")
    assert mode_of(private) == 0o600
    with replacing(tmp_path / "made.txt", like=private) as beside:
        assert mode_of(beside) == 0o600  # before anything is in it
    assert mode_of(tmp_path / "made.txt") == 0o600
    read_only = tmp_path / "read_only.txt"
    read_only.touch()
    read_only.chmod(0o444)
    with replacing(tmp_path / "of_read_only.txt", like=read_only) as beside:
        beside.write_text("c")
    assert mode_of(tmp_path / "of_read_only.txt") == 0o640


def _fail_half_way(writing):
    with writing as beside:
        (beside / "half" if beside.is_dir() else beside).write_text("half")
        raise OSError("disk full")


def test_nothing_is_left_of_what_failed(tmp_path):
    path, folder = tmp_path / "kept.txt", tmp_path / "kept"
    path.write_text("old")
    folder.mkdir()
    (folder / "old").touch()
    for writing in (replacing(path), replacing_folder(folder)):
        with pytest.raises(OSError, match="disk full"):
            _fail_half_way(writing)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["kept", "kept.txt"]
    assert path.read_text() == "old"
    assert [p.name for p in folder.iterdir()] == ["old"]


def test_folders_are_replaced_whole(tmp_path):
    for name in ("old", "new"):
        with replacing_folder(tmp_path / "deep" / "folder") as beside:
            (beside / name).touch()
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["folder"]
    assert [p.name for p in (tmp_path / "deep" / "folder").iterdir()] == ["new"]
