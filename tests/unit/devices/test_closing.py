from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from ctmo_indi.clock import SystemClock
from ctmo_indi.devices.closing import TRIES, ClosingReport, close_observatory, until_stopped
from ctmo_indi.devices.interlocks import ShutterState
from ctmo_indi.devices.observatory import Observatory
from ctmo_indi.devices.one_at_a_time import OneAtATime
from ctmo_indi.devices.opening import open_observatory
from ctmo_indi.errors import CommandCanceled, CommandRejected, Interlocked, Locked, Unsafe
from ctmo_indi.indi.snapshot import PropertyState, Value
from ctmo_indi.models.states import FrameType, ObservatoryState
from ctmo_indi.models.verdict import Latch, Lock, LockKind
from ctmo_indi.safety_policy import MountFailedPolicy, SafetyPolicy
from ctmo_indi.testing.fake_clock import FakeClock
from ctmo_indi.testing.fake_instruments import CAMERA, DOME, MOUNT, FakeInstruments
from ctmo_indi.testing.verdicts import LATCHED, MAINTENANCE_LOCK, OBSERVER_LOCK, UNSAFE

POLICY = SafetyPolicy()
Report = Callable[[str], None]
Close = Callable[..., ClosingReport]


@pytest.fixture
def close(observatory: Observatory, clock: SystemClock, report: Report) -> Close:
    def run(policy: SafetyPolicy = POLICY, **options: object) -> ClosingReport:
        return close_observatory(
            observatory,
            policy,
            clock,
            report=report,
            pause_s=0.0,
            **options,  # type: ignore[arg-type]
        )

    return run


def moves(client: FakeInstruments) -> list[tuple[str, str]]:
    """What was told to move, in order: (property, element or value)."""
    wanted = {"TELESCOPE_PARK", "DOME_SHUTTER", "DOME_PARK", "CCD_ABORT_EXPOSURE"}
    return [(prop, next(iter(values))) for _, prop, values in client.sent if prop in wanted]


def test_open_observatory_is_closed_in_order(
    opened: Observatory, client: FakeInstruments, close: Close
) -> None:
    client.set_tracking(True)
    result = close()
    assert result.confirmed
    assert result.failures == ()
    assert result.state is ObservatoryState.CLOSED
    assert moves(client) == [
        ("TELESCOPE_PARK", "PARK"),
        ("DOME_SHUTTER", "SHUTTER_CLOSE"),
        ("DOME_PARK", "PARK"),
    ]


def test_closed_observatory_is_left_alone(
    observatory: Observatory, client: FakeInstruments, close: Close
) -> None:
    assert close().confirmed
    assert client.sent == []


@pytest.mark.parametrize("verdict", [UNSAFE, None, OBSERVER_LOCK, LATCHED])
def test_closing_needs_nobodys_leave(
    opened: Observatory, client: FakeInstruments, close: Close, verdict: object
) -> None:
    opened.hear_verdict(verdict)  # type: ignore[arg-type]
    assert close().confirmed


def test_nothing_is_moved_under_a_maintenance_lock(
    opened: Observatory, client: FakeInstruments, close: Close
) -> None:
    opened.hear_verdict(MAINTENANCE_LOCK)
    with pytest.raises(Locked):
        close()
    assert client.sent == []


def test_exposure_is_aborted(opened: Observatory, client: FakeInstruments, close: Close) -> None:
    client.update(CAMERA, "CCD_EXPOSURE", state=PropertyState.BUSY)
    assert close().confirmed
    assert ("CCD_ABORT_EXPOSURE", "ABORT") in moves(client)
    with pytest.raises(Interlocked):
        opened.camera.expose(1.0, FrameType.LIGHT, target_icrs_deg=(0.0, 0.0))


def test_slew_is_stopped_before_parking(
    opened: Observatory, client: FakeInstruments, close: Close
) -> None:
    client.update(MOUNT, "EQUATORIAL_EOD_COORD", state=PropertyState.BUSY)
    assert close().confirmed
    order = [prop for _, prop, _ in client.sent]
    assert order.index("TELESCOPE_ABORT_MOTION") < order.index("TELESCOPE_PARK")


def test_mount_that_refuses_once_is_parked_at_the_second_try(
    opened: Observatory, client: FakeInstruments, close: Close, lines: list[str]
) -> None:
    client.reject_next(MOUNT, "TELESCOPE_PARK")
    result = close()
    assert result.confirmed
    assert "parking the mount, try 2" in lines
    assert len(result.failures) == 1


def test_mount_that_never_parks_is_closed_over_by_policy(
    opened: Observatory, client: FakeInstruments, close: Close, lines: list[str]
) -> None:
    client.time_out_next(MOUNT, "TELESCOPE_PARK", 3)
    result = close(replace(POLICY, mount_failed=MountFailedPolicy.CLOSE))
    assert opened.dome.status().shutter is ShutterState.CLOSED
    assert not result.confirmed
    assert result.state is ObservatoryState.ALARM
    assert any("over an unparked telescope" in line for line in lines)
    assert "mount" in opened.status().alarm


def test_mount_that_never_parks_keeps_the_shutter_open_by_policy(
    opened: Observatory, client: FakeInstruments, close: Close
) -> None:
    client.time_out_next(MOUNT, "TELESCOPE_PARK", 3)
    result = close(replace(POLICY, mount_failed=MountFailedPolicy.STAY_OPEN))
    assert opened.dome.status().shutter is ShutterState.OPEN
    assert ("DOME_SHUTTER", "SHUTTER_CLOSE") not in moves(client)
    assert not result.confirmed
    assert result.state is ObservatoryState.ALARM


def test_dead_mount_driver_does_not_keep_the_shutter_open(
    opened: Observatory, client: FakeInstruments, close: Close
) -> None:
    client.remove_device(MOUNT)
    result = close()
    assert opened.dome.status().shutter is ShutterState.CLOSED
    assert not result.confirmed


def test_mount_that_is_lost_after_parking_does_not_keep_the_shutter_open(
    opened: Observatory, client: FakeInstruments, clock: SystemClock
) -> None:
    def lose_mount(line: str) -> None:
        if line.startswith("closing the shutter"):
            client.remove_device(MOUNT)

    result = close_observatory(opened, POLICY, clock, report=lose_mount, pause_s=0.0)
    assert opened.dome.status().shutter is ShutterState.CLOSED
    assert not result.confirmed  # nobody can say that it is still parked


def test_mount_without_a_park_is_stopped_and_closed_over(
    opened: Observatory,
    client: FakeInstruments,
    close: Close,
) -> None:
    mount = opened.mount
    operations = {
        name: entry for name, entry in mount.description.operations.items() if name != "park"
    }
    mount.description = replace(mount.description, operations=operations)
    client.set_tracking(True)
    assert close().confirmed
    assert mount.status().tracking is False
    assert opened.state() is ObservatoryState.CLOSED


def test_mount_without_a_park_that_goes_on_tracking_is_an_alarm(
    opened: Observatory, client: FakeInstruments, close: Close
) -> None:
    mount = opened.mount
    operations = {
        name: entry for name, entry in mount.description.operations.items() if name != "park"
    }
    mount.description = replace(mount.description, operations=operations)
    client.set_tracking(True)
    client.reject_next(MOUNT, "TELESCOPE_ABORT_MOTION", 9)
    client.reject_next(MOUNT, "TELESCOPE_TRACK_STATE", 9)

    result = close()

    assert opened.dome.status().shutter is ShutterState.CLOSED
    assert not result.confirmed
    assert "does not read as standing still" in str(result.failures)


def test_nothing_slews_into_a_parking(
    opened: Observatory, client: FakeInstruments, target: tuple[float, float]
) -> None:
    """Of another process: its verdict may be a second old."""
    client.on_command(MOUNT, "TELESCOPE_PARK", lambda _values: None)
    parked = {"PARK": True, "UNPARK": False}
    client.update(MOUNT, "TELESCOPE_PARK", parked, PropertyState.BUSY)

    with pytest.raises(Interlocked, match="mount"):
        opened.mount.slew(*target)
    assert client.commands_to("EQUATORIAL_EOD_COORD") == []


def test_shutter_is_tried_three_times_and_no_more(
    opened: Observatory, client: FakeInstruments, close: Close
) -> None:
    client.time_out_next(DOME, "DOME_SHUTTER", 9)
    result = close()
    assert len(client.commands_to("DOME_SHUTTER")) == 3
    assert client.commands_to("DOME_ABORT_MOTION") == []
    assert not result.confirmed
    assert any("the shutter reads OPEN" in failure for failure in result.failures)


def test_shutter_that_says_closed_and_is_not_raises_the_alarm(
    opened: Observatory, client: FakeInstruments, close: Close
) -> None:
    def lie(values: object) -> None:
        client.set_shutter(False, PropertyState.BUSY)
        client.set_shutter(False)
        client.set_shutter(True)

    client.on_command(DOME, "DOME_SHUTTER", lie)
    client.reject_next(DOME, "DOME_PARK", 3)
    result = close()
    assert result.state is ObservatoryState.ALARM


def test_dome_that_does_not_park_is_closed_all_the_same(
    opened: Observatory, client: FakeInstruments, close: Close
) -> None:
    client.reject_next(DOME, "DOME_PARK")
    result = close()
    assert result.confirmed
    assert any("dome not parked" in failure for failure in result.failures)


def test_alarm_ends_when_everything_is_read_as_closed(
    opened: Observatory, client: FakeInstruments, close: Close
) -> None:
    client.time_out_next(MOUNT, "TELESCOPE_PARK", 3)
    close()
    assert opened.state() is ObservatoryState.ALARM
    assert close().confirmed
    assert opened.state() is ObservatoryState.CLOSED
    assert opened.status().alarm == ""


def test_another_closer_may_take_over(
    opened: Observatory, client: FakeInstruments, close: Close
) -> None:
    with pytest.raises(CommandCanceled, match="safety closes"):
        close(give_way=lambda: "safety closes")
    assert client.commands_to("DOME_SHUTTER") == []


def test_stop_ends_a_closing_under_way(
    opened: Observatory, client: FakeInstruments, close: Close
) -> None:
    latches: list[Latch | None] = [None]

    def stopped(_values: object) -> None:
        latches.append(LATCHED.latch)
        raise CommandRejected("aborted by the stop")

    client.on_command(MOUNT, "TELESCOPE_PARK", stopped)
    with pytest.raises(CommandCanceled, match="smoke"):
        close(give_way=until_stopped(lambda: latches[-1]))
    assert len(client.commands_to("TELESCOPE_PARK")) == 1
    assert client.commands_to("DOME_SHUTTER") == []


def test_stop_in_the_last_try_leaves_no_alarm(
    opened: Observatory, client: FakeInstruments, close: Close
) -> None:
    latches: list[Latch | None] = [None]

    def stopped(_values: object) -> None:
        if len(client.commands_to("DOME_SHUTTER")) == TRIES:
            latches.append(LATCHED.latch)
        raise CommandRejected("it did not move")

    client.on_command(DOME, "DOME_SHUTTER", stopped)
    with pytest.raises(CommandCanceled, match="smoke"):
        close(give_way=until_stopped(lambda: latches[-1]))
    assert opened.status().alarm == ""


def test_stop_pressed_again_ends_a_closing_that_the_first_one_deferred(
    opened: Observatory, client: FakeInstruments, close: Close
) -> None:
    first = LATCHED.latch
    assert first is not None
    latches = [first]

    def stopped(_values: object) -> None:
        latches.append(replace(first, since_utc="2026-11-23T03:00:00.000+00:00"))
        raise CommandRejected("aborted by the stop")

    client.on_command(MOUNT, "TELESCOPE_PARK", stopped)
    with pytest.raises(CommandCanceled, match="smoke"):
        close(give_way=until_stopped(lambda: latches[-1]))
    assert client.commands_to("DOME_SHUTTER") == []


def test_who_goes_inside_ends_a_closing_before_the_verdict_tells_of_it(
    opened: Observatory, client: FakeInstruments, close: Close
) -> None:
    locks: list[Lock | None] = [None]

    def locked(_values: object) -> None:
        locks.append(Lock(LockKind.MAINTENANCE, "ana", "oil", "2026-11-23T03:00:00", None))
        raise CommandRejected("aborted by the lock")

    client.on_command(MOUNT, "TELESCOPE_PARK", locked)
    with pytest.raises(CommandCanceled, match="maintenance lock of ana: oil"):
        close(give_way=until_stopped(lambda: None, lambda: locks[-1]))
    assert len(client.commands_to("TELESCOPE_PARK")) == 1
    assert client.commands_to("DOME_SHUTTER") == []


def test_latch_that_was_set_before_does_not_end_a_closing(
    opened: Observatory, client: FakeInstruments, close: Close
) -> None:
    assert close(give_way=until_stopped(lambda: LATCHED.latch)).confirmed


def test_mount_sent_out_again_during_a_closing_is_parked_again_and_not_closed_over(
    opened: Observatory, client: FakeInstruments, clock: SystemClock
) -> None:
    def send_out(line: str) -> None:
        if line == "closing the shutter, try 1":
            client.set_mount_parked(False)

    result = close_observatory(opened, POLICY, clock, report=send_out, pause_s=0.0)
    assert result.confirmed
    assert moves(client) == [
        ("TELESCOPE_PARK", "PARK"),
        ("TELESCOPE_PARK", "PARK"),
        ("DOME_SHUTTER", "SHUTTER_CLOSE"),
        ("DOME_PARK", "PARK"),
    ]


def test_park_whose_place_another_order_takes_is_no_failure_of_the_mount(
    opened: Observatory, client: FakeInstruments, close: Close, lines: list[str]
) -> None:
    """Else a hand on the buttons would make the shutter close over a telescope that is well."""
    times = []

    def interfere(values: Mapping[str, Value]) -> None:
        times.append(1)
        if len(times) <= TRIES + 2:
            opened.mount.abort()
        else:
            client._park_mount(values)

    client.on_command(MOUNT, "TELESCOPE_PARK", interfere)
    assert close().confirmed
    assert not any("over an unparked telescope" in line for line in lines)


def test_two_closings_of_a_process_run_after_each_other(
    opened: Observatory, client: FakeInstruments, clock: SystemClock
) -> None:
    """Side by side they would cancel each other's parks until both took the mount for dead."""
    told: list[str] = []
    held, go_on = threading.Event(), threading.Event()

    def hold(line: str) -> None:
        told.append(line)
        if "parking the mount" in line:
            held.set()
            assert go_on.wait(10.0)

    first = threading.Thread(
        target=close_observatory, args=(opened, POLICY, clock), kwargs={"report": hold}, daemon=True
    )
    first.start()
    assert held.wait(10.0)
    second_told: list[str] = []
    second = threading.Thread(
        target=close_observatory,
        args=(opened, POLICY, clock),
        kwargs={"report": second_told.append},
        daemon=True,
    )
    second.start()
    go_on.set()
    first.join(20.0)
    second.join(20.0)
    assert second_told == ["closed"]
    assert len(client.commands_to("TELESCOPE_PARK")) == 1


def test_a_closing_that_hangs_holds_up_no_other() -> None:
    clock = FakeClock()
    turns = OneAtATime(clock)
    asked: list[int] = []

    def ask() -> None:
        asked.append(1)
        clock.advance(61.0)

    with turns.turn(60.0, ask), turns.turn(60.0, ask):
        assert asked == [1]
    with turns.turn(60.0, ask):  # and nobody is left holding it
        assert asked == [1]


def test_a_closing_that_waits_gives_way_when_asked() -> None:
    turns = OneAtATime(FakeClock())

    def ask() -> None:
        raise CommandCanceled("stopped")

    with turns.turn(60.0, ask), pytest.raises(CommandCanceled), turns.turn(60.0, ask):
        pass


def test_nothing_goes_out_against_a_closing(
    opened: Observatory, client: FakeInstruments, target: tuple[float, float]
) -> None:
    with opened.phase(ObservatoryState.CLOSING):
        with pytest.raises(Interlocked, match="being closed"):
            opened.mount.slew(*target)
        opened.mount.park().wait(100.0)


@pytest.mark.parametrize("policy", list(MountFailedPolicy))
def test_mount_that_refuses_every_park_with_alert_is_left_to_the_sites_policy(
    opened: Observatory, client: FakeInstruments, close: Close, policy: MountFailedPolicy
) -> None:
    def refuse(_values: object) -> None:
        client.update(MOUNT, "TELESCOPE_PARK", state=PropertyState.BUSY)
        client.update(MOUNT, "TELESCOPE_PARK", state=PropertyState.ALERT)

    client.on_command(MOUNT, "TELESCOPE_PARK", refuse)
    result = close(replace(POLICY, mount_failed=policy))
    assert result.state is ObservatoryState.ALARM
    assert len(client.commands_to("TELESCOPE_PARK")) == 3
    closed = opened.dome.status().shutter is ShutterState.CLOSED
    assert closed is (policy is MountFailedPolicy.CLOSE)


def test_state_is_closing_meanwhile(
    opened: Observatory, client: FakeInstruments, clock: SystemClock
) -> None:
    seen = []
    close_observatory(
        opened, POLICY, clock, report=lambda _: seen.append(opened.state()), pause_s=0.0
    )
    assert set(seen[:-1]) == {ObservatoryState.CLOSING}


class TestOpening:
    def test_opens_in_order(
        self,
        observatory: Observatory,
        client: FakeInstruments,
        clock: SystemClock,
        report: Report,
        lines: list[str],
    ) -> None:
        status = open_observatory(observatory, POLICY, clock, report=report)
        assert status.state is ObservatoryState.OPEN
        assert status.mount is not None
        assert status.mount.tracking is True
        # UNPARK opened the shutter by itself: nothing is left to do for it.
        assert lines == ["unparking the dome", "unparking the mount", "starting to track"]

    def test_shutter_is_opened_when_unpark_left_it(
        self,
        observatory: Observatory,
        client: FakeInstruments,
        clock: SystemClock,
        report: Report,
        lines: list[str],
    ) -> None:
        client.on_command(DOME, "DOME_PARK", lambda _: client.set_dome_parked(False))
        open_observatory(observatory, POLICY, clock, report=report)
        assert "opening the shutter" in lines
        assert observatory.state() is ObservatoryState.OPEN

    def test_nothing_more_is_sent_once_it_gives_way(
        self, observatory: Observatory, client: FakeInstruments, clock: SystemClock, report: Report
    ) -> None:
        ended: list[str] = []

        def open_meanwhile(_values: Mapping[str, Value]) -> None:
            client.set_shutter(True, PropertyState.BUSY)
            ended.append("another client took over")
            client.set_shutter(True)

        client.set_dome_parked(False)
        client.on_command(DOME, "DOME_SHUTTER", open_meanwhile)
        with pytest.raises(CommandCanceled, match="another client took over"):
            open_observatory(
                observatory,
                POLICY,
                clock,
                report=report,
                give_way=lambda: ended[0] if ended else None,
            )
        assert [prop for device, prop, _ in client.sent if device == MOUNT] == []
        mount = observatory.status().mount
        assert mount is not None
        assert mount.parked is True

    def test_unsafe_opens_nothing(
        self, observatory: Observatory, client: FakeInstruments, clock: SystemClock, report: Report
    ) -> None:
        observatory.hear_verdict(UNSAFE)
        with pytest.raises(Unsafe):
            open_observatory(observatory, POLICY, clock, report=report)
        assert client.sent == []
        assert observatory.state() is ObservatoryState.CLOSED

    def test_mount_that_refuses_leaves_an_error_not_a_state(
        self, observatory: Observatory, client: FakeInstruments, clock: SystemClock, report: Report
    ) -> None:
        client.reject_next(MOUNT, "TELESCOPE_PARK")
        with pytest.raises(CommandRejected):
            open_observatory(observatory, POLICY, clock, report=report)
        assert observatory.state() is ObservatoryState.OPEN
