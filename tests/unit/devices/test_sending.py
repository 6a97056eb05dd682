"""Nothing that moves reaches a device but past the interlocks, asked in the act of sending."""

from __future__ import annotations

import ast
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

import ctmo_indi
from ctmo_indi import catalogue
from ctmo_indi.clock import SystemClock
from ctmo_indi.devices import description as descriptions
from ctmo_indi.devices.interlocks import ShutterState
from ctmo_indi.devices.motion_kinds import OPERATION_MOTIONS, MotionKind, MotionRequest
from ctmo_indi.devices.observatory import Observatory
from ctmo_indi.errors import ConfigError, CtmoError, Interlocked, Locked, SafetyError
from ctmo_indi.indi import names
from ctmo_indi.indi.snapshot import PropertyState
from ctmo_indi.models.states import FrameType
from ctmo_indi.profiles import Profile, Role, SwitchBinding
from ctmo_indi.safety_policy import MountFailedPolicy
from ctmo_indi.testing.fake_instruments import CAMERA, DOME, MOUNT, FakeInstruments
from ctmo_indi.testing.verdicts import MAINTENANCE_LOCK, SAFE

PACKAGE = Path(ctmo_indi.__file__).parent

Target = tuple[float, float]
Deed = Callable[[Observatory, Target], object]

DEEDS: Mapping[str, Deed] = {
    "slew": lambda o, target: o.mount.start_slew(*target),
    "track": lambda o, _: o.mount.set_tracking(True),
    "stop tracking": lambda o, _: o.mount.set_tracking(False),
    "park": lambda o, _: o.mount.park(),
    "unpark": lambda o, _: o.mount.unpark(),
    "abort mount": lambda o, _: o.mount.abort(),
    "open": lambda o, _: o.dome.open_shutter(),
    "close": lambda o, _: o.dome.close_shutter(emergency=True),
    "turn": lambda o, _: o.dome.goto(200.0),
    "park dome": lambda o, _: o.dome.park(),
    "unpark dome": lambda o, _: o.dome.unpark(),
    "abort dome": lambda o, _: o.dome.abort(),
    "expose": lambda o, _: o.camera.expose(1.0, FrameType.DARK),
    "abort exposure": lambda o, _: o.camera.abort(),
    "filter": lambda o, _: o.filter_wheel.select("OIII"),
    "focus": lambda o, _: o.focuser.goto(40000.0),
    "lamp": lambda o, _: o.light_panel.set_light(True),
    "brightness": lambda o, _: o.light_panel.set_brightness(5.0),
    "switch": lambda o, _: o.switch("Blink01", True),
}


@pytest.mark.parametrize("name", DEEDS)
def test_what_the_guard_refuses_in_the_act_of_sending_is_not_sent(
    opened: Observatory,
    client: FakeInstruments,
    target: Target,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The early answer is yes, the one at the end no: the last one counts, in the same thread."""
    real, asked = client.command, []

    def command(device: str, prop: str, *args: object, guard: object = None, **more: object):
        def refuse() -> None:
            asked.append(threading.current_thread())
            raise Locked("a lock came between")

        if guard is None:
            assert names.may_be_kept(prop, args[0]), f"{prop} without a guard"
            return real(device, prop, *args, **more)
        thread = threading.current_thread()
        try:
            return real(device, prop, *args, guard=refuse, **more)
        finally:
            assert asked[-1] is thread

    monkeypatch.setattr(client, "command", command)
    if name == "abort exposure":
        client.update(CAMERA, "CCD_EXPOSURE", state=PropertyState.BUSY)
    if name == "stop tracking":
        client.set_tracking(True)
    if name == "open":
        client.set_shutter(False)
    if name in ("unpark", "park dome"):
        client.set_mount_parked(True)
    if name == "unpark dome":
        client.set_dome_parked(True)
    client.sent.clear()
    with pytest.raises(Locked):
        DEEDS[name](opened, target).wait(200.0)
    assert [prop for _, prop, values in client.sent if not names.may_be_kept(prop, values)] == []
    assert asked


def test_every_operation_of_every_device_file_is_known_to_the_interlocks() -> None:
    for path in sorted(catalogue.folder("devices").glob("*.yaml")):
        entry = descriptions.load(path.stem)
        unknown = set(entry.operations) - set(OPERATION_MOTIONS[entry.role])
        assert unknown == set(), path.name
        for operation in entry.operations.values():
            kinds = OPERATION_MOTIONS[entry.role][operation.name]
            if not kinds and entry.role is not Role.WATCHDOG:  # "forget" disconnects it
                assert names.may_be_kept(operation.property, operation.values), operation.name


def test_commands_are_sent_from_one_place() -> None:
    """``.command(`` of an INDI link stands in device.py, not in any role that moves things."""
    found = set()
    for path in (PACKAGE / "devices").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = ast.unparse(node.func.value)
                if node.func.attr == "command" and owner.endswith("client"):
                    found.add(path.name)
    assert found == {"device.py", "watchdog.py"}  # the second sends settings of its driver
    for path in PACKAGE.rglob("*.py"):
        if path.parent.name not in ("devices", "indi", "testing"):
            assert "client.command(" not in path.read_text(), path


@pytest.mark.parametrize(
    ("role", "prop", "on"),
    [
        (Role.DOME, "DOME_SHUTTER", "SHUTTER_OPEN"),
        (Role.DOME, "DOME_PARK", "UNPARK"),
        (Role.MOUNT, "TELESCOPE_TRACK_STATE", "TRACK_ON"),
        (Role.DOME, "DOME_AUTOSYNC", "DOME_AUTOSYNC_ENABLE"),
        (Role.DOME, "CONNECTION", "DISCONNECT"),
    ],
)
def test_a_key_of_dome_orders_cannot_be_bound_to_what_moves(
    profile: Profile, client: FakeInstruments, clock: SystemClock, role: Role, prop: str, on: str
) -> None:
    bound = replace(profile, switches={"Blink02": SwitchBinding(role, prop, on, "OFF")})
    with pytest.raises(ConfigError, match=rf"Blink02.*{prop} moves something"):
        Observatory.build(bound, client, clock)


@pytest.mark.parametrize(
    ("role", "prop", "values"),
    [
        (Role.DOME, "DOME_SHUTTER", {"SHUTTER_OPEN": True}),
        (Role.MOUNT, "EQUATORIAL_EOD_COORD", {"RA": 1.0, "DEC": 2.0}),
        (Role.MOUNT, "TELESCOPE_PARK", {"UNPARK": True}),
    ],
)
def test_a_setting_cannot_move_anything(
    profile: Profile,
    client: FakeInstruments,
    clock: SystemClock,
    role: Role,
    prop: str,
    values: dict[str, bool | float],
) -> None:
    changed = replace(profile.equipment[role], settings={prop: values})
    setting = replace(profile, equipment={**profile.equipment, role: changed})
    with pytest.raises(ConfigError, match=f"{prop} moves something"):
        Observatory.build(setting, client, clock)


class TestBetweenCommandAndAnswer:
    """What was told to move counts as moving, however long its driver says nothing."""

    def test_no_shutter_closes_over_a_telescope_just_told_to_unpark(
        self, opened: Observatory, client: FakeInstruments
    ) -> None:
        client.set_mount_parked(True)
        client.on_command(MOUNT, "TELESCOPE_PARK", lambda _values: None)
        opened.mount.unpark()
        wait_for(lambda: client.commands_to("TELESCOPE_PARK"))
        with pytest.raises(Interlocked, match="would close over it"):
            opened.dome.close_shutter()
        client.set_mount_parked(True)  # its answer: it stayed
        opened.dome.close_shutter().wait(100.0)

    def test_no_telescope_goes_out_under_a_shutter_just_told_to_close(
        self, opened: Observatory, client: FakeInstruments, target: Target
    ) -> None:
        client.set_mount_parked(True)
        client.on_command(DOME, "DOME_SHUTTER", lambda _values: None)
        opened.dome.close_shutter()
        wait_for(lambda: client.commands_to("DOME_SHUTTER"))
        with pytest.raises(Interlocked, match="the shutter is CLOSING"):
            opened.mount.unpark()

    def test_a_dome_that_moves_no_shutter_when_it_unparks_is_believed(
        self, observatory: Observatory, client: FakeInstruments
    ) -> None:
        client.set_shutter(True)
        client.on_command(DOME, "DOME_PARK", lambda _values: client.set_dome_parked(False))
        observatory.dome.unpark().wait(100.0)
        observatory.mount.unpark().wait(100.0)

    def test_two_at_once_never_both_pass(
        self, opened: Observatory, client: FakeInstruments
    ) -> None:
        for _ in range(50):
            client.set_mount_parked(True)
            client.set_shutter(True)
            client.sent.clear()
            start = threading.Barrier(2)
            refused: list[SafetyError] = []

            def run(begin: Callable[[], object], start=start, refused=refused) -> None:
                start.wait()
                try:
                    begin().wait(100.0)  # type: ignore[attr-defined]
                except CtmoError as error:
                    refused.append(error)  # type: ignore[arg-type]

            client.on_command(MOUNT, "TELESCOPE_PARK", lambda _values: None)
            client.on_command(DOME, "DOME_SHUTTER", lambda _values: None)
            threads = [
                threading.Thread(target=run, args=(begin,), daemon=True)
                for begin in (opened.mount.unpark, opened.dome.close_shutter)
            ]
            for thread in threads:
                thread.start()
            wait_for(lambda refused=refused: client.sent and refused)
            assert len(client.sent) == 1
            client.judge_overdue()
            client.set_mount_parked(True)
            client.set_shutter(True)
            for thread in threads:
                thread.join(10.0)


def test_the_policy_to_stay_open_is_heeded_by_the_interlocks_themselves(
    profile: Profile, client: FakeInstruments, clock: SystemClock
) -> None:
    policy = replace(profile.safety, mount_failed=MountFailedPolicy.STAY_OPEN)
    observatory = Observatory.build(replace(profile, safety=policy), client, clock)
    observatory.connect_all()
    client.set_mount_parked(False)
    client.set_shutter(True)
    with pytest.raises(Interlocked, match="stay open"):
        observatory.dome.close_shutter(emergency=True)
    client.set_shutter(False)
    assert observatory.dome.park().wait(100.0).shutter is ShutterState.CLOSED


def test_a_verdict_told_again_is_no_younger(observatory: Observatory) -> None:
    observatory.hear_verdict(SAFE, 11.0)
    with pytest.raises(SafetyError, match=r"11\.\d s old"):
        observatory.guard(MotionRequest(MotionKind.UNPARK_DOME))


def test_a_lock_heard_while_a_motion_is_prepared_keeps_it_from_being_sent(
    opened: Observatory, client: FakeInstruments, target: Target
) -> None:
    def lock(_values: object) -> None:
        client.set_tracking(True)
        opened.hear_verdict(MAINTENANCE_LOCK)

    client.on_command(MOUNT, "TELESCOPE_TRACK_STATE", lock)
    with pytest.raises(Locked):
        opened.mount.slew(*target)
    assert client.commands_to("EQUATORIAL_EOD_COORD") == []


def wait_for(condition: Callable[[], object]) -> None:
    event, tries = threading.Event(), 0
    while not condition():
        tries += 1
        assert tries < 5000, "not within 5 s"
        event.wait(0.001)
