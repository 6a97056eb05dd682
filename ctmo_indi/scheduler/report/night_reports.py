"""The night report of a scheduler, its parts put together: the desk's answer and the reporter."""

from __future__ import annotations

from collections.abc import Callable

from ctmo_indi.clock import Clock
from ctmo_indi.config import Config
from ctmo_indi.models.orders import ObservationRequest
from ctmo_indi.notices import Notices, apprise_sender
from ctmo_indi.profiles import Profile
from ctmo_indi.scheduler.report.making import MakerParts, ReportMaker
from ctmo_indi.scheduler.report.night_data import NightReader
from ctmo_indi.scheduler.report.night_reporter import TOLD, NightReporter, ReporterParts
from ctmo_indi.scheduler.report.night_sky import NightSky
from ctmo_indi.scheduler.report.report_desk import ReportDesk
from ctmo_indi.scheduler.report.report_files import ReportFiles
from ctmo_indi.script_queue.peer import FrontDesk
from ctmo_indi.store.database import Database
from ctmo_indi.store.event_log import EventLog
from ctmo_indi.store.orders import OrderRow

FOLDER = "reports"


class NightReports:
    """Made by the service; :meth:`start`, :meth:`stop` and :meth:`to_wire` are for any thread.

    Parameters
    ----------
    preprocessor
        Its desk, with a short time-out.
    publish
        Of the board.

    Attributes
    ----------
    desk
        Answers Report orders.
    """

    def __init__(
        self,
        config: Config,
        profile: Profile,
        clock: Clock,
        database: Database,
        log: EventLog,
        preprocessor: FrontDesk,
        read_request: Callable[[OrderRow], ObservationRequest],
        publish: Callable[[str, str, dict[str, object]], object],
    ) -> None:
        sky = NightSky(profile, clock, read_request)
        reader = NightReader(database, log, clock)
        maker = ReportMaker(MakerParts(profile, clock, reader, sky, preprocessor))
        files = ReportFiles(config.data_dir / FOLDER)
        addresses = config.notify.addresses if config.notify else None
        self._notices = Notices(
            profile.site.name,
            clock,
            (lambda: apprise_sender(addresses())) if addresses else None,
            TOLD,
        )
        self.desk = ReportDesk(clock, sky, maker.make, files)
        self._reporter = NightReporter(
            ReporterParts(
                clock=clock,
                sky=sky,
                make=maker.make,
                files=files,
                first_record_utc_s=log.first_utc_s,
                publish=publish,
                note=self._notices.note,
                file=config.data_dir / "scheduler" / "reports.json",
            )
        )

    def start(self) -> None:
        """Begin to write reports and to answer; imports the models of the sky in threads."""
        self._notices.start()
        self.desk.start()
        self._reporter.start()

    def stop(self, timeout_s: float) -> None:
        """End within ``timeout_s`` machine seconds."""
        self._reporter.stop(timeout_s / 3)
        self.desk.stop(timeout_s / 3)
        self._notices.close(timeout_s / 3)

    def to_wire(self) -> dict[str, object]:
        """Return keys of the service's Status."""
        return {"Reports": self._reporter.to_wire(), "Notices": self._notices.to_wire()}
