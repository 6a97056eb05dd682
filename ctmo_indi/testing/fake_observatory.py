"""An observatory without devices, for tests of what the telescope service does with one.

:class:`FakeHands` carries every deed out at once, unless its name is in ``slow`` (then the test
finishes it by :meth:`FakeHands.finish`) or in ``failing``. It keeps a plain model of mount, dome
and camera, and a list of what was done.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from ctmo_indi.errors import CommandCanceled, Interlocked
from ctmo_indi.models.states import ObservatoryState
from ctmo_indi.models.verdict import Hand
from ctmo_indi.profiles import Role
from ctmo_indi.telescope.hands import Deed, ExposureSpec, RawFrame, Sight


class FakeExposure:
    """An exposure that ends when the test says so, or at once."""

    def __init__(self, spec: ExposureSpec, hands: FakeHands) -> None:
        self.spec = spec
        self.future: Future[RawFrame] = Future()
        self._hands = hands

    def has_begun(self) -> bool:
        """As the hands' ``begins`` says."""
        return self._hands.begins

    def abort(self) -> Deed:
        """End it without a frame."""
        self._hands.done.append(f"abort {self.spec.exposure_id}")
        if not self.future.done():
            self.future.set_exception(CommandCanceled("aborted"))
        return _finished()


class FakeHands:
    """The :class:`~ctmo_indi.telescope.hands.Hands` of an observatory that does not exist.

    Parameters
    ----------
    state
        Of the observatory at the start.
    frame
        Bytes of every frame.

    Attributes
    ----------
    done
        What was asked for, in order: "slew 10.0 20.0", "expose A-1-001" ...
    slow
        First words of deeds that wait for :meth:`finish`.
    failing
        First word of a deed -> the error it fails with, once.
    begins
        Whether an exposure is seen to begin at once, or not at all.
    refusing
        What :meth:`expose` raises, once.
    forbidden
        Why :meth:`check_target` refuses; empty: it does not.
    """

    def __init__(
        self, state: ObservatoryState = ObservatoryState.CLOSED, frame: bytes = b"frame"
    ) -> None:
        self.done: list[str] = []
        self.slow: set[str] = set()
        self.failing: dict[str, Exception] = {}
        self.begins = True
        self.refusing: Exception | None = None
        self.forbidden = ""
        self.exposures: list[FakeExposure] = []
        self.hands_of: list[Hand] = []
        self.frame = frame
        self._open_deeds: dict[str, Callable[[], None]] = {}
        is_open = state is ObservatoryState.OPEN
        self.present = Sight(
            state=state,
            link_up=True,
            ra_deg=0.0,
            dec_deg=90.0,
            tracking=is_open,
            parked=not is_open,
            dome_azimuth_deg=90.0,
            dome_parked=not is_open,
            shutter="OPEN" if is_open else "CLOSED",
        )

    def sight(self) -> Sight:
        """Return the present sight."""
        return self.present

    def see(self, **changes: object) -> None:
        """Change what the devices say."""
        self.present = replace(self.present, **changes)  # type: ignore[arg-type]  # the test's own

    def finish(self, word: str) -> None:
        """Let a slow deed end well."""
        self._open_deeds.pop(word)()

    def is_waiting(self, word: str) -> bool:
        """Whether a slow deed of that first word is under way."""
        return word in self._open_deeds

    def open(self, report: Callable[[str], None], give_way: Callable[[], str | None]) -> Deed:
        """Open; a slow one opens its shutter, and asks ``give_way`` before it wakes the mount."""
        report("opening")
        shutter = {"state": ObservatoryState.OPEN, "shutter": "OPEN", "dome_parked": False}
        deed = self._do("open", parked=False, tracking=True, **shutter)
        wake = self._open_deeds.get("open")
        if wake is not None:

            def end() -> None:
                reason = give_way()
                if reason is None:
                    wake()
                    return
                self.see(**shutter)
                deed.set_exception(CommandCanceled(reason))

            self._open_deeds["open"] = end
        return deed

    def close(self, report: Callable[[str], None]) -> Deed:
        """Close."""
        report("closing")
        closed = {"shutter": "CLOSED", "parked": True, "tracking": False, "dome_parked": True}
        return self._do("close", state=ObservatoryState.CLOSED, **closed)

    def slew(self, ra_deg: float, dec_deg: float) -> Deed:
        """Slew."""
        return self._do(f"slew {ra_deg} {dec_deg}", ra_deg=ra_deg, dec_deg=dec_deg)

    def track(self, on: bool) -> Deed:
        """Track or not."""
        return self._do(f"track {on}", tracking=on)

    def park(self) -> Deed:
        """Park."""
        return self._do("park", parked=True, tracking=False)

    def unpark(self) -> Deed:
        """Unpark."""
        return self._do("unpark", parked=False)

    def abort_motion(self) -> Deed:
        """Stop moving."""
        for word in ("slew", "dome"):
            self._open_deeds.pop(word, None)
        return self._do("abort_motion", tracking=False)

    def dome_azimuth(self, azimuth_deg: float) -> Deed:
        """Turn the dome."""
        return self._do(f"dome {azimuth_deg:.0f}", dome_azimuth_deg=azimuth_deg)

    def dome_park(self, parked: bool) -> Deed:
        """Park or unpark the dome."""
        return self._do(f"dome_park {parked}", dome_parked=parked)

    def shutter(self, opened: bool) -> Deed:
        """Move the shutter."""
        return self._do(f"shutter {opened}", shutter="OPEN" if opened else "CLOSED")

    def select_filter(self, filter_name: str) -> Deed:
        """Turn the wheel."""
        return self._do(f"filter {filter_name}", filter_name=filter_name)

    def focus(self, position: float) -> Deed:
        """Move the focuser."""
        return self._do(f"focus {position}", focus_position=position)

    def lamp(self, on: bool) -> Deed:
        """Switch the lamp."""
        return self._do(f"lamp {on}", lamp=on)

    def switch(self, key: str, on: bool) -> Deed:
        """Switch what a Dome order names."""
        return self._do(f"switch {key} {on}")

    def expose(self, spec: ExposureSpec) -> FakeExposure:
        """Begin an exposure; it ends at once unless "expose" is slow."""
        refusal, self.refusing = self.refusing, None
        if refusal is not None:
            raise refusal
        self.done.append(f"expose {spec.exposure_id}")
        exposure = FakeExposure(spec, self)
        self.exposures.append(exposure)
        error = self.failing.pop("expose", None)
        if error is not None:
            exposure.future.set_exception(error)
        elif "expose" not in self.slow:
            exposure.future.set_result(RawFrame(data=self.frame))
        return exposure

    def by_hand_of(self, hand: Hand) -> AbstractContextManager[None]:
        """Note whose hand it is."""
        self.hands_of.append(hand)
        return nullcontext()

    def let_go(self, role: Role, reason: str) -> None:
        """Note it."""
        self.done.append(f"let go {role}")

    def abort_exposure(self) -> Deed:
        """Stop what the camera exposes."""
        return self._do("abort_exposure")

    def dome_azimuth_for(self, ra_deg: float, dec_deg: float) -> float | None:
        """Answer with the RA itself: a plain rule that a test can foresee."""
        return ra_deg

    def check_target(self, ra_deg: float, dec_deg: float, after_s: float) -> None:
        """Refuse when ``forbidden`` says why."""
        if self.forbidden:
            raise Interlocked(self.forbidden)

    def _do(self, deed: str, **changes: object) -> Deed:
        self.done.append(deed)
        word = deed.split()[0]
        future: Deed = Future()
        error = self.failing.pop(word, None)
        if error is not None:
            future.set_exception(error)
        elif word in self.slow:

            def end() -> None:
                self.see(**changes)
                future.set_result(None)

            self._open_deeds[word] = end
        else:
            self.see(**changes)
            future.set_result(None)
        return future


def _finished() -> Deed:
    future: Deed = Future()
    future.set_result(None)
    return future
