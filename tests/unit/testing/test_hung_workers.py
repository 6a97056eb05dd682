"""Workers hang as long as they are told to."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from apscheduler.executors.pool import ThreadPoolExecutor as SchedulerPool
from apscheduler.schedulers.background import BackgroundScheduler

from ctmo_indi.testing.hung_workers import HungWorkers

LIMIT_S = 5.0


def test_a_pool_does_nothing_else_until_released():
    ran = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        with HungWorkers(pool.submit, 2) as hung:
            hung.wait_hung(LIMIT_S)
            pool.submit(ran.set)
            assert not ran.wait(0.1)
            hung.release()
            assert ran.wait(LIMIT_S)
    assert hung.hung == 0  # once the pool has ended, both workers have left


def test_jobs_of_a_scheduler_hang_as_well():
    ran = threading.Event()
    scheduler = BackgroundScheduler(executors={"default": SchedulerPool(2)}, timezone="UTC")
    scheduler.start()
    try:
        with HungWorkers(scheduler.add_job, 2) as hung:
            hung.wait_hung(LIMIT_S)
            scheduler.add_job(ran.set)
            assert not ran.wait(0.1)
        assert ran.wait(LIMIT_S)
    finally:
        scheduler.shutdown()


def test_more_calls_than_workers_hang_as_many_as_there_are():
    with ThreadPoolExecutor(2) as pool, HungWorkers(pool.submit, 5) as hung:
        hung.wait_hung(LIMIT_S, 2)
        with pytest.raises(AssertionError, match="2 of 5 workers hang"):
            hung.wait_hung(0.05)


def test_a_worker_forgotten_goes_on_by_itself():
    with ThreadPoolExecutor(1) as pool, HungWorkers(pool.submit, 1, longest_s=0.05) as hung:
        assert pool.submit(lambda: "went on").result(LIMIT_S) == "went on"
        assert hung.hung == 0
