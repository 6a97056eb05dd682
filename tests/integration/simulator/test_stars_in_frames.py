"""Frames of the CCD simulator show the stars of our ``gsc`` at the telescope's pointing."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest
from astropy.io import fits

from ctmo_indi.simulator.gsc import prepare_gsc

pytestmark = pytest.mark.indi

MOUNT, CCD = "Telescope Simulator", "CCD Simulator"
PLEIADES = (3.7925, 24.2)  # hours, degrees, of date


def pixels_above_background(path) -> int:
    image = fits.getdata(path).astype(np.float64)
    spread = 1.4826 * np.median(np.abs(image - np.median(image)))
    return int(np.count_nonzero(image > np.median(image) + 20 * max(spread, 1.0)))


def test_the_pleiades_are_in_the_frame(indi_simulators, tmp_path):
    frames = tmp_path / "frames"
    frames.mkdir()
    server = indi_simulators(
        ["indi_simulator_telescope", "indi_simulator_ccd"],
        speed=240,
        path_prefix=[prepare_gsc(tmp_path / "bin")],
    )
    server_words = ["-h", server.endpoint.host, "-p", str(server.endpoint.port)]

    def send(*settings: str) -> None:
        subprocess.run(["indi_setprop", *server_words, *settings], check=True, timeout=20)

    def wait(condition: str) -> None:
        words = ["indi_eval", *server_words, "-t", "20", "-w", condition]
        done = subprocess.run(words, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, f"{condition}: {done.stdout}{done.stderr}"

    for device in (MOUNT, CCD):
        wait(f'"{device}.CONNECTION.CONNECT">=0')
        send(f"{device}.CONNECTION.CONNECT=On")
        wait(f'"{device}.CONNECTION.CONNECT"==1')
    wait(f'"{MOUNT}.TELESCOPE_INFO.TELESCOPE_FOCAL_LENGTH">0')
    send(f"{MOUNT}.TELESCOPE_INFO.TELESCOPE_APERTURE;TELESCOPE_FOCAL_LENGTH=100;400")
    wait(f'"{MOUNT}.TELESCOPE_INFO.TELESCOPE_FOCAL_LENGTH"==400')
    wait(f'"{CCD}.UPLOAD_MODE.UPLOAD_LOCAL">=0')
    send(f"{CCD}.UPLOAD_MODE.UPLOAD_LOCAL=On")
    send(f"{CCD}.UPLOAD_SETTINGS.UPLOAD_DIR;UPLOAD_PREFIX={frames};pleiades")
    wait(f'"{CCD}.UPLOAD_SETTINGS._STATE"==1')
    send(f"{MOUNT}.ON_COORD_SET.SYNC=On")
    send(f"{MOUNT}.EQUATORIAL_EOD_COORD.RA;DEC={PLEIADES[0]};{PLEIADES[1]}")
    wait(f'"{MOUNT}.EQUATORIAL_EOD_COORD.DEC">{PLEIADES[1] - 0.05}')
    send(f"{CCD}.CCD_EXPOSURE.CCD_EXPOSURE_VALUE=20")
    wait(f'"{CCD}.CCD_FILE_PATH._STATE"==1')

    (frame,) = frames.glob("pleiades*.fits")
    header = fits.getheader(frame)
    assert header["FOCALLEN"] == 400
    assert float(header["DEC"]) == pytest.approx(24.1, abs=0.3)
    # 35 stars were detected in such a frame; noise alone has no pixel that far above background.
    assert pixels_above_background(frame) > 100
