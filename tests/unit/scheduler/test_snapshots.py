"""Snapshots: read back before they are announced, numbered, a bounded number of them."""

from __future__ import annotations

import errno
import hashlib
import os
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from ctmo_indi.models.observation import Observation
from ctmo_indi.scheduler.snapshots import Snapshot, SnapshotError, SnapshotFolder, newest_first
from ctmo_indi.testing.fake_clock import EVENING
from ctmo_indi.testing.fake_sky import fake_models

from .mode_rig import FieldsDriver


@dataclass
class Folder:
    path: Path
    kept: int = 3
    announced: list[Snapshot] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.snapshots = SnapshotFolder(self.path, self.kept, self.announced.append)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "snap shots #1")


def driver_after(*names: str) -> FieldsDriver:
    driver = FieldsDriver(fake_models())
    for number, name in enumerate(names, 1):
        driver.register_observation(
            Observation(
                f"A-{number}", "", name, 1.0, 2.0, 0.0, 30.0, 1, target_id=name, number=number
            )
        )
    return driver


def test_a_snapshot_brings_another_driver_to_the_same_state(folder: Folder) -> None:
    driver = driver_after("a", "b")
    snapshot = folder.snapshots.save(driver, EVENING)
    other = driver_after()
    other.reset_from_state(snapshot.path)
    assert other.get_state() == driver.get_state()
    assert snapshot.observation_number == 2


def test_the_announcement_names_a_file_that_is_there(folder: Folder) -> None:
    folder.snapshots.save(driver_after("a"), EVENING)
    (announced,) = folder.announced
    wire = announced.to_wire()
    content = Path(unquote(urlsplit(str(wire["URL"])).path)).read_bytes()
    assert hashlib.sha256(content).hexdigest() == wire["SHA256"]
    assert len(content) == wire["Size"]
    assert str(wire["Path"]) == str(announced.path)
    assert wire["Generator"] == "scheduler:fields"


def test_a_state_that_has_not_changed_is_not_saved_again(folder: Folder) -> None:
    driver = driver_after("a")
    first = folder.snapshots.save(driver, EVENING)
    assert folder.snapshots.save(driver, EVENING + timedelta(minutes=1)) is first
    first.path.unlink()
    again = folder.snapshots.save(driver, EVENING)
    assert again.path.exists()
    assert len(folder.announced) == 2


def test_only_the_newest_are_kept_whatever_the_clock_says(folder: Folder) -> None:
    saved = [
        folder.snapshots.save(driver_after(*"abcde"[:count]), EVENING - count * timedelta(hours=1))
        for count in range(1, 6)
    ]
    assert newest_first(folder.path) == [one.path for one in reversed(saved[-3:])]


def test_numbers_go_on_after_a_restart(folder: Folder) -> None:
    first = folder.snapshots.save(driver_after("a"), EVENING)
    second = Folder(folder.path).snapshots.save(driver_after("b"), EVENING)
    assert newest_first(folder.path) == [second.path, first.path]


def test_a_folder_that_is_not_there_has_none(tmp_path: Path) -> None:
    assert newest_first(tmp_path / "nowhere") == []


def test_other_files_of_the_folder_are_no_snapshots_and_are_left_alone(folder: Folder) -> None:
    folder.path.mkdir()
    other = folder.path / "snapshot-notes.json"
    other.write_text("mine")
    folder.snapshots.save(driver_after("a"), EVENING)
    assert len(newest_first(folder.path)) == 1
    assert other.exists()


def test_what_cannot_be_written_is_an_error_that_names_the_file(folder: Folder) -> None:
    folder.path.write_text("a file where the folder should be")
    with pytest.raises(SnapshotError, match="snap shots #1"):
        folder.snapshots.save(driver_after("a"), EVENING)
    assert folder.announced == []


class Lossy(FieldsDriver):
    """Saves another state than it has."""

    def save_state(self, path: Path) -> Path:
        memory, self.memory = self.memory, ""
        try:
            return super().save_state(path)
        finally:
            self.memory = memory


def test_a_snapshot_that_is_not_the_state_is_not_announced(folder: Folder) -> None:
    driver = Lossy(fake_models())
    driver.memory = "something"
    with pytest.raises(SnapshotError, match="is not the driver's state"):
        folder.snapshots.save(driver, EVENING)
    assert folder.announced == []


def test_numbers_grow_beyond_their_digits_and_what_is_none_of_ours_does_no_harm(
    folder: Folder,
) -> None:
    folder.path.mkdir()
    for number in (99_999_990, 99_999_998, 99_999_999):
        (folder.path / f"snapshot-{number}-x.json").write_text("{}")
    (folder.path / "snapshot-\u00b2\u00b2\u00b2\u00b2\u00b2\u00b2\u00b2\u00b2-x.json").touch()
    (folder.path / "snapshot-99999997-x.json").mkdir()
    first = folder.snapshots.save(driver_after("a"), EVENING)
    second = folder.snapshots.save(driver_after("a", "b"), EVENING)
    assert folder.snapshots.newest_first()[:2] == [second.path, first.path]
    assert (folder.path / "snapshot-99999997-x.json").is_dir()


def test_what_cannot_be_deleted_is_told_once_for_each_cause(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    unlink = Path.unlink
    cause = [errno.EROFS]

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if not cause:
            unlink(path, missing_ok=missing_ok)
        elif path.name.startswith("snapshot-"):
            raise OSError(cause[0], os.strerror(cause[0]), str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    names = "abcdefghij"
    for count in range(1, 8):
        folder.snapshots.save(driver_after(*names[:count]), EVENING)
    assert [record.getMessage() for record in caplog.records] == [
        f"old snapshots not deleted folder={folder.path} number=1"
        f" first={newest_first(folder.path)[-1].name} error={os.strerror(errno.EROFS)}"
    ]
    cause[0] = errno.EACCES
    folder.snapshots.save(driver_after(*names[:8]), EVENING)
    assert [os.strerror(errno.EACCES) in record.getMessage() for record in caplog.records] == [
        False,
        True,
    ]
    del cause[0]
    folder.snapshots.save(driver_after(*names[:9]), EVENING)
    assert len(newest_first(folder.path)) == folder.kept
    cause.append(errno.EACCES)
    folder.snapshots.save(driver_after(*names[:10]), EVENING)
    assert len(caplog.records) == 3  # it had been gone
