"""Executors: every task has one outcome, whatever becomes of the process it ran in."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from ctmo_indi.errors import ServiceUnreachable
from ctmo_indi.preprocessor import worker_pool
from ctmo_indi.preprocessor.executors import Dask, Executor, Outcome, Serial, Task
from ctmo_indi.preprocessor.worker_pool import ProcessPool
from ctmo_indi.testing import worker_jobs

LIMIT_S = 20.0


@pytest.fixture(scope="module")
def pool():
    with closing(ProcessPool(2, environment={"CTMO_TESTED": "yes"})) as made:
        made.start()
        yield made


@pytest.fixture(params=["serial", "pool"])
def executor(request):
    return Serial() if request.param == "serial" else request.getfixturevalue("pool")


def outcomes(executor: Executor, *tasks: Task) -> dict[str, Outcome]:
    for task in tasks:
        executor.submit(task)
    found = {}
    end_s = time.monotonic() + LIMIT_S
    while len(found) < len(tasks) and time.monotonic() < end_s:
        outcome = executor.next_outcome(1.0)
        if outcome is not None:
            assert outcome.key not in found
            found[outcome.key] = outcome
    assert sorted(found) == sorted(task.key for task in tasks)
    return found


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def until(claim, what: str) -> None:
    end_s = time.monotonic() + LIMIT_S
    while not claim():
        assert time.monotonic() < end_s, what
        time.sleep(0.01)


def test_each_task_has_one_outcome(executor):
    tasks = [Task(f"t{number}", worker_jobs.double, number) for number in range(7)]
    found = outcomes(executor, *tasks)
    assert [found[f"t{number}"].answer["double"] for number in range(7)] == [0, 2, 4, 6, 8, 10, 12]
    assert executor.next_outcome(0.0) is None


def test_what_a_task_raises_is_its_failure(executor):
    found = outcomes(
        executor,
        Task("bug", worker_jobs.fail, "so it is"),
        Task("disk", worker_jobs.full_disk, "/there/light.fits"),
        Task("good", worker_jobs.double, 1),
    )
    assert found["bug"].failure.reason == "ValueError: so it is"
    assert "worker_jobs.py" in found["bug"].failure.trace
    assert found["disk"].failure.errno == errno.ENOSPC
    assert "/there/light.fits" in found["disk"].failure.reason
    assert found["good"].failure is None


def test_workers_are_processes_of_lower_priority(pool):
    found = outcomes(
        pool,
        Task("a", worker_jobs.double, 1),
        Task("b", worker_jobs.environment, "CTMO_TESTED"),
        Task("c", worker_jobs.environment, "OMP_NUM_THREADS"),
    )
    assert found["a"].answer["pid"] in pool.pids
    assert found["a"].answer["nice"] >= min(19, os.nice(0) + 10)
    assert (found["b"].answer["value"], found["c"].answer["value"]) == ("yes", "1")


def test_an_answer_that_cannot_be_sent_is_a_failure(pool):
    (outcome,) = outcomes(pool, Task("a", worker_jobs.unsendable, None)).values()
    assert "cannot be sent" in outcome.failure.reason


def test_a_killed_worker_fails_its_own_task_only(pool, tmp_path):
    found = outcomes(
        pool,
        Task("dies", worker_jobs.die, None),
        *(Task(f"t{number}", worker_jobs.double, number) for number in range(4)),
        Task("dies once", worker_jobs.die_once, str(tmp_path / "died")),
    )
    assert "ended twice" in found["dies"].failure.reason
    assert "SIGKILL" in found["dies"].failure.reason
    assert found["dies once"].failure is None
    assert all(found[f"t{number}"].answer["double"] == 2 * number for number in range(4))


def test_a_task_is_ended_at_its_deadline_with_all_it_started(pool, tmp_path):
    started = tmp_path / "started"
    found = outcomes(
        pool,
        Task("hangs", worker_jobs.hang, str(started), deadline_s=1.0),
        Task("good", worker_jobs.double, 1),
    )
    assert "took longer than 1 s" in found["hangs"].failure.reason
    assert found["good"].failure is None
    pids = [int(text) for text in started.read_text().split()]
    until(lambda: all(map(is_gone, pids)), f"{pids} end")


def test_a_worker_that_stops_within_its_answer_is_given_up(monkeypatch):
    monkeypatch.setattr(worker_pool, "STALL_S", 0.3)
    with closing(ProcessPool(1)) as short:
        found = outcomes(
            short, Task("stalls", worker_jobs.stall, None), Task("good", worker_jobs.double, 1)
        )
    assert "ended twice" in found["stalls"].failure.reason
    assert found["good"].answer["double"] == 2


def test_what_was_canceled_has_no_outcome(pool, tmp_path):
    started = tmp_path / "started"
    pool.submit(Task("hangs", worker_jobs.hang, str(started)))
    for number in range(3):
        pool.submit(Task(f"t{number}", worker_jobs.hang, str(tmp_path / f"other{number}")))
    end_s = time.monotonic() + LIMIT_S
    while not started.exists():
        assert time.monotonic() < end_s
        assert pool.next_outcome(0.05) is None
    pool.cancel()
    pids = [int(text) for text in started.read_text().split()]
    until(lambda: all(map(is_gone, pids)), f"{pids} end")
    found = outcomes(pool, Task("after", worker_jobs.double, 4))
    assert found["after"].answer["double"] == 8


def test_a_worker_that_cannot_start_fails_the_tasks_instead_of_trying_for_ever():
    with closing(ProcessPool(1, environment={"PYTHONHOME": "/nowhere"})) as broken:
        (outcome,) = outcomes(broken, Task("a", worker_jobs.double, 1)).values()
    assert "before it was ready" in outcome.failure.reason


OWNER = """
import sys
from ctmo_indi.preprocessor.executors import Task
from ctmo_indi.preprocessor.worker_pool import ProcessPool
from ctmo_indi.testing import worker_jobs

pool = ProcessPool(1)
pool.submit(Task("hangs", worker_jobs.hang, sys.argv[1]))
pool.next_outcome(60.0)
"""


def test_no_worker_survives_its_owner(tmp_path):
    started = tmp_path / "started"
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(started)])
    try:
        until(started.exists, "the job begins")
    finally:
        owner.kill()
        owner.wait()
    pids = [int(text) for text in started.read_text().split()]
    until(lambda: all(map(is_gone, pids)), f"{pids} end")


def test_a_farm_that_does_not_answer_is_told():
    pytest.importorskip("distributed")
    with pytest.raises(ServiceUnreachable, match="no dask scheduler answers"):
        Dask("tcp://127.0.0.1:1", connect_s=0.2).start()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_farm_runs_tasks_and_tells_failures(tmp_path):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        closing(Dask(cluster.scheduler_address)) as farm,
    ):
        assert farm.slots == 1
        tasks = [Task(f"t{number}", worker_jobs.double, number) for number in range(5)]
        found = outcomes(farm, *tasks, Task("bug", worker_jobs.fail, "so it is"))
        assert [found[f"t{number}"].answer["double"] for number in range(5)] == [0, 2, 4, 6, 8]
        assert found["t0"].answer["pid"] != os.getpid()
        assert found["bug"].failure.reason == "ValueError: so it is"
        late = Task("late", worker_jobs.hang, str(tmp_path / "started"), deadline_s=0.3)
        assert "took longer" in outcomes(farm, late)["late"].failure.reason
        farm.submit(Task("canceled", worker_jobs.double, 1))
        farm.cancel()
        assert farm.next_outcome(0.2) is None
