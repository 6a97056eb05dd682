"""What a run keeps of a night in the database: its bundle, its products and their inputs."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path
from typing import Any

from ctmo_indi.clock import Clock
from ctmo_indi.errors import InternalError, StoreUnavailable
from ctmo_indi.models.frames import Master, NightBundle
from ctmo_indi.preprocessor.planned import Parameters, Planned
from ctmo_indi.store import combinations, night_bundles
from ctmo_indi.store.combinations import Combination, CombinationState, Input, InputRole
from ctmo_indi.store.database import Connection, Database
from ctmo_indi.store.intake import Writer

MOST_UNWRITTEN = 16
"""Products that wait for a commit: on a disk busy with pixels one takes a tenth of a second."""

COMMIT_S = 30.0
_DAY_S = 86400.0
_UNIX_EPOCH_MJD = 40587.0


class NightBook:
    """The rows of one run; one thread; calls block for a query or a commit.

    Products and failures are committed behind the caller's back, some at a time, since nothing
    depends on a row: a product without one is found by its file. All raise StoreUnavailable when
    the database cannot take or give it now, or could not take what was kept before.
    """

    def __init__(
        self, database: Database, writer: Writer, clock: Clock, parameters: Parameters
    ) -> None:
        self._database = database
        self._writer = writer
        self._clock = clock
        self._parameters = parameters
        self._bundle_id: int | None = None
        self._unwritten: deque[Future[None]] = deque()

    def masters(self) -> list[Master]:
        """Return the good masters of all nights."""
        with self._database.read() as connection:
            found = combinations.known_masters(connection, -math.inf, math.inf)
        return [master for master, _ in found]

    def seen(self, folder: Path) -> Mapping[tuple[str, int, int], tuple[str, str]]:
        """Return the hashes of files that were good before, by path, size and time."""
        with self._database.read() as connection:
            known = night_bundles.known_hashes(connection, folder)
        return {stamp: (sha256, "") for stamp, sha256 in known.items()}

    def keep_bundle(self, bundle: NightBundle) -> None:
        """Keep the frames of the night."""
        now_utc_s = self._clock.utc().timestamp()
        registered = self._writer.run(lambda c: night_bundles.register(c, bundle, now_utc_s))
        self._bundle_id = registered.bundle_id

    def keep_product(self, planned: Planned, answer: Mapping[str, Any]) -> None:
        """Keep a product that is on disk, with its inputs."""
        self._keep(planned, CombinationState.GOOD, "", answer)

    def keep_failure(
        self,
        planned: Planned,
        state: CombinationState,
        reason: str,
        answer: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep why a product was not made, or is not to be used."""
        self._keep(planned, state, reason, answer or {})

    def _keep(
        self, planned: Planned, state: CombinationState, reason: str, answer: Mapping[str, Any]
    ) -> None:
        if self._bundle_id is None:
            raise InternalError("a product comes before its bundle is kept")
        row = self._row(self._bundle_id, planned, state, reason, answer)
        inputs = inputs_of(planned)

        def write(connection: Connection) -> None:
            if not combinations.add(connection, row, inputs):
                _renew(connection, row)

        self._unwritten.append(self._writer.submit(write))
        while len(self._unwritten) > MOST_UNWRITTEN or (
            self._unwritten and self._unwritten[0].done()
        ):
            self._settle()

    def flush(self) -> None:
        """Wait until all that was kept is durable."""
        while self._unwritten:
            self._settle()

    def _settle(self) -> None:
        """Wait for the oldest commit."""
        oldest = self._unwritten.popleft()
        try:
            oldest.result(COMMIT_S)
        except FutureTimeout:
            raise StoreUnavailable(f"no commit within {COMMIT_S:g} s") from None

    def _row(
        self,
        bundle_id: int,
        planned: Planned,
        state: CombinationState,
        reason: str,
        answer: Mapping[str, Any],
    ) -> Combination:
        frames = planned.frames
        begin_s = min(frame.start_utc_s for frame in frames)
        end_s = max(frame.start_utc_s + frame.exposure_s for frame in frames)
        return Combination(
            product_id=planned.product_id,
            bundle_id=bundle_id,
            kind=planned.kind,
            state=state,
            readout=planned.readout,
            night=planned.night,
            utc_s=planned.utc_s,
            t_min_mjd=begin_s / _DAY_S + _UNIX_EPOCH_MJD,
            t_max_mjd=end_s / _DAY_S + _UNIX_EPOCH_MJD,
            t_exptime_s=sum(frame.exposure_s for frame in frames),
            created_utc_s=self._clock.utc().timestamp(),
            version=self._parameters.version,
            path=Path(answer["path"]) if answer.get("path") else None,
            size_bytes=int(answer.get("size_bytes", 0)),
            reason=reason,
            settings=dict(self._parameters.settings.get(planned.kind, {})),
            quality=dict(answer.get("statistics", {})),
            has_bias=planned.has_bias,
            exposure_s=planned.exposure_s,
            temperature_c=planned.temperature_c,
            telescope=frames[0].telescope,
            filter_name=planned.filter_name,
            target_name=planned.target_name,
            s_ra_deg=answer.get("ra_deg", frames[0].ra_deg),
            s_dec_deg=answer.get("dec_deg", frames[0].dec_deg),
            s_fov_deg=answer.get("fov_deg"),
            s_region=answer.get("region"),
            s_resolution_arcsec=answer.get("resolution_arcsec"),
        )


def _renew(connection: Connection, row: Combination) -> None:
    """Follow a product that lies elsewhere than it did, or whose file was made again.

    Where it is in both places, as in a copy of its night, it stays where it was. One whose good
    file is gone and that is refused now is good no longer.
    """
    before = combinations.get(connection, row.product_id)
    if before is None or before.path is None or row.path is None:
        return
    if row.state is not CombinationState.GOOD:
        is_gone = before.path == row.path or not before.path.is_file()
        if before.state is CombinationState.GOOD and is_gone:
            combinations.refuse(connection, row.product_id, row.reason)
        return
    is_made_again = before.path == row.path and before.size_bytes != row.size_bytes
    if is_made_again or not before.path.is_file():
        combinations.relocate(connection, row.product_id, row.path, row.size_bytes)


def inputs_of(planned: Planned) -> list[Input]:
    """Return the links of a product, in the order of its file's table."""
    masters = (
        (InputRole.BIAS, planned.bias),
        (InputRole.DARK, planned.dark),
        (InputRole.FLAT, planned.flat),
    )
    scales = planned.dark_scales
    links = [
        Input(
            role,
            product_id=used.master.product_id,
            scale=scales[0] if role is InputRole.DARK and len(set(scales)) == 1 else 1.0,
            rule=used.rule,
        )
        for role, used in masters
        if used is not None
    ]
    if planned.lights:
        return [*links, *(Input(InputRole.LIGHT, product_id=one) for one in planned.lights)]
    return [*links, *(Input(InputRole.RAW, sha256=frame.sha256) for frame in planned.frames)]
