"""What the raw frames of a night look like, some seconds after they were taken: frames."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from ctmo_indi.cli.options import ConfigOption, DataOption, JsonOption, client, load_config
from ctmo_indi.cli.output import print_json, print_table, structs
from ctmo_indi.errors import BadOrder, CtmoError

_TIMEOUT_S = 20.0  # a picture takes a moment where a worker has to be started first


class NotWritten(CtmoError):
    """The picture cannot be written there."""


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(frames)


def frames(
    night: Annotated[
        str, typer.Option("--night", help="Evening date YYYYMMDD; else the last with frames.")
    ] = "",
    limit: Annotated[int, typer.Option("--limit", help="How many, newest first.")] = 50,
    picture: Annotated[
        str, typer.Option("--picture", help="Draw this file of the night.", metavar="FILE")
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Where the picture goes.", metavar="PNG", show_default=False),
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show the raw frames of a night with FWHM, stars, background and what is wrong with them.

    With --picture and --out a picture of one is written: PNG, or JPEG where that is too large.
    """
    if bool(picture) != (out is not None):
        raise BadOrder("--picture FILE and --out PNG go together")
    settings = load_config(config, data)
    order: dict[str, object] = {"WOType": "Frames", "Limit": limit}
    order |= {key: value for key, value in (("Night", night), ("Picture", picture)) if value}
    with client(settings, "preprocessor", timeout_s=_TIMEOUT_S) as desk:
        reply = desk.front_desk(order)
    if out is not None:
        _write_picture(reply, out)
    if as_json:
        keys = ("Night", "Frames", "Number of Frames", "Waiting", "Reasons")
        told = {key: reply[key] for key in keys if key in reply}
        print_json(told if out is None else {**told, "Picture": str(out)})
        return 0
    if out is not None:
        typer.echo(f"{out}: {reply.get('Picture Type', '')}, {out.stat().st_size} bytes")
        return 0
    _print_frames(reply)
    return 0


def _write_picture(reply: Mapping[str, object], out: Path) -> None:
    import base64

    try:
        out.write_bytes(base64.b64decode(str(reply["Picture"]), validate=True))
    except OSError as error:
        raise NotWritten(f"--out {out}: cannot be written: {error.strerror or error}") from error


def _print_frames(reply: Mapping[str, object]) -> None:
    found = structs(reply.get("Frames"))
    if found:
        print_table(
            ("File", "Start", "Type", "Object", "Filter", "Exposure (s)", "FWHM", "Ellipticity",
             "Stars", "Background", "Median", "Saturated (%)", "Reason"),
            [
                (
                    one["File"],
                    str(one.get("Start", ""))[11:19],
                    one.get("Frame Type", ""),
                    one.get("Object", ""),
                    one.get("Filter", ""),
                    one.get("Exposure Time", ""),
                    _fwhm(one),
                    _rounded(one.get("Ellipticity"), 2),
                    one.get("Stars", ""),
                    _rounded(one.get("Background"), 0),
                    _rounded(one.get("Median"), 0),
                    _rounded(_percent(one.get("Saturated")), 2),
                    one.get("Problem", ""),
                )
                for one in found
            ],
            left_out_first=(
                "Median", "Exposure (s)", "Ellipticity", "Saturated (%)", "Background", "Stars",
                "Type", "Filter", "Object", "Start",
            ),
        )  # fmt: skip
    typer.echo(_summary(reply, len(found)))


def _summary(reply: Mapping[str, object], shown: int) -> str:
    if not reply.get("Night"):
        told = "no frames yet"
    else:
        told = f"night {reply['Night']}: {shown} of {reply.get('Number of Frames', shown)} frames"
    if reply.get("Waiting"):
        told += f", {reply['Waiting']} not looked at yet"
    reasons = reply.get("Reasons")
    if isinstance(reasons, list):
        told += "".join(f"; {reason}" for reason in reasons)
    return told


def _fwhm(one: Mapping[str, object]) -> str:
    width = one.get("FWHM")
    if not isinstance(width, int | float):
        return ""
    return f'{width:.2f}"' if one.get("FWHM Unit") == "arcsec" else f"{width:.2f} px"


def _percent(share: object) -> object:
    return 100.0 * share if isinstance(share, int | float) else share


def _rounded(number: object, digits: int) -> str:
    return f"{number:.{digits}f}" if isinstance(number, int | float) else ""
