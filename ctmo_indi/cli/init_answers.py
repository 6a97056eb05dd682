"""What ``ctmo-indi init`` asks: each answer from an option, from the server, or from a human."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar, cast

import typer

from ctmo_indi.cli.init_draft import DraftDevice
from ctmo_indi.errors import ConfigError

if TYPE_CHECKING:
    from ctmo_indi.devices.scan import Match, SeenDevice

T = TypeVar("T")
_DEGREES = re.compile(r"([+-]?[0-9.: ]*[0-9.])\s*°?\s*([NSEW]?)", re.IGNORECASE)
_NONE = "none"


class Answers:
    """Collects answers; what is missing or wrong where nobody is asked is told all at once.

    Parameters
    ----------
    asks
        Whether somebody sits at the terminal.
    """

    def __init__(self, asks: bool) -> None:
        self.asks = asks
        self._problems: list[str] = []

    def need(
        self,
        option: str,
        question: str,
        given: str | None,
        default: str | None,
        read: Callable[[str], T],
    ) -> T:
        """Return the answer; without anybody to ask a missing one is noted, see the next."""
        if given is None and self.asks:
            return self._ask(question, default, read)
        text = default if given is None else given
        if text is None:
            self._problems.append(f"{option}: is missing ({question.lower()})")
        else:
            try:
                return read(text)
            except ValueError as error:
                self._problems.append(f"{option}: came {text!r}, {error}")
        return cast("T", None)  # require_all ends the command before anybody uses it

    def text(self, question: str, default: str, read: Callable[[str], str] | None) -> str:
        """Ask for a text that may be empty."""
        return self._ask(question, default, read or str.strip, may_be_empty=True)

    def problem(self, text: str) -> None:
        """Note what is wrong."""
        self._problems.append(text)

    def require_all(self) -> None:
        """Raise ConfigError with everything that is missing or wrong."""
        if self._problems:
            raise ConfigError([*self._problems, "ctmo-indi init --help has the options."])

    def _ask(
        self,
        question: str,
        default: str | None,
        read: Callable[[str], T],
        *,
        may_be_empty: bool = False,
    ) -> T:
        while True:
            shown = default if default or not may_be_empty else ""
            text = str(typer.prompt(question, default=shown)).strip()
            try:
                return read("" if may_be_empty and text in ("-", _NONE) else text)
            except ValueError as error:
                typer.echo(f"  came {text!r}, {error}")


def devices(
    answers: Answers, matches: Sequence[Match], given: Sequence[str]
) -> tuple[DraftDevice, ...]:
    """Return the devices: those of the server, those given, those asked for."""
    from ctmo_indi import catalogue
    from ctmo_indi.devices.scan import device_files
    from ctmo_indi.profiles import Role

    files = {file.name: file for file in device_files()}
    chosen: dict[Role, DraftDevice] = {}
    for match in matches:
        own = files[match.description].device == match.device
        device = "" if own else match.device
        chosen[match.role] = DraftDevice(match.role.value, match.description, device)
    for text in given:
        role, is_there, rest = text.partition("=")
        if not is_there or role not in set(Role):
            answers.problem(
                f"--device {text}: expected ROLE=FILE, with a role of {', '.join(Role)}"
            )
            continue
        file, _, device = rest.partition(":")
        chosen.pop(Role(role), None)
        if not file:
            continue
        if file not in files and "/" not in file:
            fit = [name for name, one in files.items() if one.role == role]
            answers.problem(f"--device {text}: no device file {file!r}; there are {', '.join(fit)}")
            continue
        if file in files and not files[file].device and not device:
            answers.problem(f"--device {text}: expected {role}={file}:NAME, the INDI device's name")
        chosen[Role(role)] = DraftDevice(role, file, device)
    if answers.asks and not matches and not given:
        for role in Role:
            asked = _asked(answers, role, [n for n in catalogue.names("devices") if n in files
                                           and files[n].role is role])  # fmt: skip
            if asked is not None:
                needs_name = not files[asked].device
                device = answers.need("", "  its INDI name", None, None, line) if needs_name else ""
                chosen[role] = DraftDevice(role.value, asked, device)
    for role in (Role.MOUNT, Role.CAMERA):
        if role not in chosen:
            answers.problem(
                f"--device: no {role}; expected {role}=FILE, or a server that has one at --scan"
            )
    return tuple(chosen[role] for role in Role if role in chosen)


def _asked(answers: Answers, role: str, files: Sequence[str]) -> str | None:
    def read(text: str) -> str:
        if text and text not in files:
            raise ValueError(f"expected one of {', '.join(files)}, or {_NONE}")
        return text

    label = role.replace("_", " ").capitalize()
    return answers.text(f"{label} ({', '.join(files)} or {_NONE})", _NONE, read) or None


def slots(
    answers: Answers,
    given: str | None,
    chosen: Sequence[DraftDevice],
    seen: Sequence[SeenDevice],
) -> tuple[str, ...]:
    """Return the names of the wheel's slots; none without a wheel."""
    wheel = next((one for one in chosen if one.role == "filter_wheel"), None)
    if wheel is None:
        if given:
            answers.problem(
                "--filters: there is no filter wheel, expected --device filter_wheel=..."
            )
        return ()
    if given is not None:
        return tuple(part.strip() for part in given.split(",") if part.strip())
    told = next((one.slots for one in seen if one.name == wheel.device), ()) or next(
        (one.slots for one in seen if one.slots), ()
    )
    if told or not answers.asks:
        return told
    text = answers.text("Filters in the order of the slots, such as B,V,R", "", None)
    return tuple(part.strip() for part in text.split(",") if part.strip())


def line(text: str) -> str:
    """Read one line of text that is not empty."""
    if not text.strip() or not text.isprintable():
        raise ValueError("expected a name")
    return text.strip()


def slug(text: str | None) -> str | None:
    """Return a file's name made of a text; None when nothing is left."""
    return re.sub(r"[^a-z0-9]+", "-", (text or "").lower()).strip("-")[:32] or None


def matching(text: str, pattern: object) -> str:
    """Read a text of a pattern."""
    assert isinstance(pattern, re.Pattern)
    if not pattern.fullmatch(text):
        raise ValueError("expected small letters, digits, '-' and '_', beginning with a letter")
    return text


def latitude(text: str) -> float:
    """Read degrees north: 25.99, 25:59:46, 25:59:46 N or S."""
    return _angle(text, "NS", 90.0)


def longitude(text: str) -> float:
    """Read degrees east: -97.57, 97:34:17 W; up to 360 as INDI counts them."""
    found = _angle(text, "EW", 360.0)
    return found - 360.0 if found > 180.0 else found


def metres(text: str) -> float:
    """Read an elevation."""
    return _within(text, -450.0, 9000.0, "metres above the sea")


def millimetres(text: str) -> float:
    """Read a length of optics."""
    return _within(text, 10.0, 200000.0, "millimetres")


def _within(text: str, least: float, most: float, unit: str) -> float:
    try:
        value = float(text.strip().removesuffix("mm").removesuffix("m"))
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise ValueError(f"expected {least:g} to {most:g} {unit}")
    return value


def _angle(text: str, sides: str, most: float) -> float:
    found = _DEGREES.fullmatch(text.strip())
    expected = f"expected degrees such as 25.99 or 25:59:46, at most {most:g}"
    if found is None or (found[2] and found[2].upper() not in sides):
        raise ValueError(f"{expected}, with {' or '.join(sides)} behind it if need be")
    parts = re.split(r"[: ]+", found[1].strip())
    try:
        values = [float(part) for part in parts]
    except ValueError:
        values = []
    if not 1 <= len(values) <= 3 or any(not 0.0 <= value < 60.0 for value in values[1:]):
        raise ValueError(expected)
    size = sum(abs(value) / 60.0**power for power, value in enumerate(values))
    if size > most:
        raise ValueError(expected)
    has_sign = found[1].strip()[0] in "+-"
    if has_sign and found[2]:
        raise ValueError(f"{expected}: a sign, or {' or '.join(sides)}, not both")
    return -size if found[1].strip().startswith("-") or found[2].upper() == sides[1] else size
