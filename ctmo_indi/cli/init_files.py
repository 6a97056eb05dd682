"""The files of ``ctmo-indi init``: tried out under another name before they get theirs."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from ctmo_indi.cli.init_draft import Draft, config_text, profile_text
from ctmo_indi.cli.output import print_json
from ctmo_indi.errors import ConfigError


def write(folder: Path, draft: Draft, *, force: bool, as_json: bool) -> None:
    """Write profile and configuration of a draft, and say what is next.

    Raises
    ------
    typer.BadParameter
        A file is there already, and ``force`` is not given.
    ConfigError
        What would be written could not be read, or the folder cannot be written.
    """
    folder = folder.absolute()
    profile, config = folder / f"{draft.name}.yaml", folder / "ctmo.conf.yaml"
    there = [str(path) for path in (profile, config) if path.exists()]
    if there and not force:
        raise typer.BadParameter(
            f"{' and '.join(there)}: there already; choose another folder or --name, or replace "
            "with --force"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        new = (
            (folder / f".new-{profile.name}", profile, profile_text(draft, config), _try_profile),
            (
                folder / ".new-ctmo.conf.yaml",
                config,
                config_text(profile, folder / "ctmo-data"),
                _try_config,
            ),
        )
        try:
            for draft_file, _, text, try_out in new:
                draft_file.write_text(text, "utf-8")
                try_out(draft_file)
            for draft_file, target, _, _ in new:
                _put(draft_file, target, force=force)
        finally:
            for draft_file, *_ in new:
                draft_file.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(f"{error.filename or folder}: {error.strerror or error}") from error
    _say(draft, profile, config, as_json=as_json)


def _put(draft: Path, target: Path, *, force: bool) -> None:
    """Give a whole file its name; never over another that came meanwhile."""
    if force:
        draft.replace(target)
    else:
        os.link(draft, target)


def _try_profile(file: Path) -> None:
    from ctmo_indi import profiles
    from ctmo_indi.devices import description as descriptions
    from ctmo_indi.devices.closable import require_closable

    profile = profiles.load(str(file))
    require_closable(profile)
    wrong = [
        f"--device {role.value}={one.description}: that file is of a {found.role.value}"
        for role, one in profile.equipment.items()
        if (found := descriptions.load(one.description)).role is not role
    ]
    if wrong:
        raise ConfigError(wrong)


def _try_config(file: Path) -> None:
    from ctmo_indi import config

    config.load(file)


def _say(draft: Draft, profile: Path, config: Path, *, as_json: bool) -> None:
    missing = []
    if not draft.has_weather and not draft.is_weather_judged_elsewhere:
        missing.append("no weather station: it never opens before one is named in equipment")
    if any(one.role == "filter_wheel" for one in draft.devices) and not draft.filters:
        missing.append(
            "no filters: name the wheel's slots in filters, or run again with --connect --force"
        )
    if not any(one.role == "dome" for one in draft.devices):
        missing.append("no dome: nothing is closed, only the telescope parked")
    starts = draft.server.get("start") is True
    if not starts and "host" not in draft.server:
        missing.append("no driver is known of some device: run indiserver yourself, on port 7624")
    steps = [
        f"ctmo-indi check --config {config}" + ("" if starts else " --devices"),
        f"ctmo-indi up --config {config}",
    ]
    if as_json:
        equipment = {one.role: one.description for one in draft.devices}
        print_json({"profile": str(profile), "configuration": str(config), "equipment": equipment,
                    "missing": missing, "next": steps})  # fmt: skip
        return
    typer.echo(f"written: {profile}\nwritten: {config}")
    for one in missing:
        typer.echo(f"note: {one}")
    typer.echo("Next:\n" + "\n".join(f"  {step}" for step in steps))
