"""Nothing is compiled in the night: what planning runs was compiled before."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from dataclasses import replace
from datetime import timedelta

from numba.core.dispatcher import Dispatcher

from ctmo_indi.scheduling.plan.driver import PlanScheduler
from ctmo_indi.scheduling.plan.warming_up import warm_up
from tests.unit.scheduling.plan.plan_world import DUSK, MODELS, conditions, drawn


def compiled():
    return {
        f"{one.py_func.__module__}.{one.py_func.__name__} {signature}"
        for name, module in sorted(sys.modules.items())
        if name.startswith("ctmo_indi.")
        for one in vars(module).values()
        if isinstance(one, Dispatcher)
        for signature in one.overloads
    }


warm_up()
import ctmo_indi.planner.dispatch
import ctmo_indi.scheduling.plan.planning

before = compiled()
assert before, "no kernel is known"
orders = [
    replace(one, request=replace(one.request, group=f"g{row // 12}" if row % 4 == 0 else ""))
    for row, one in enumerate(drawn(80))
]
driver = PlanScheduler(MODELS)
driver.configure_scheduler({"tries": 200})
driver.update_conditions(conditions(orders[:60]))
first = driver.select_next_target()
rests = replace(orders[0], not_before_utc_s=DUSK.timestamp() + 3600.0)
driver.update_conditions(conditions([rests, *orders[1:60]], DUSK + timedelta(minutes=1)))
driver.update_conditions(conditions(orders, DUSK + timedelta(minutes=30)))
alert = replace(orders[70], receipt="alert", request=replace(orders[70].request, job_type="Alert"))
driver.update_conditions(conditions([*orders, alert], DUSK + timedelta(minutes=31)))
driver.explain(orders[5].receipt)
many = PlanScheduler(MODELS)
many.configure_scheduler({"tries": 200, "keep": 100})
many.update_conditions(conditions(drawn(300)))
assert 100 <= many._plan.kept < 300, many._plan.kept
print("\\n".join(sorted(compiled() - before)))
"""


def test_planning_runs_no_kernel_that_was_not_compiled_at_the_start() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
