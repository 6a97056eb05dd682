"""Tables of the reference that are drawn when the site is built, from what the program reads.

Markdown. Nothing here stands in the repository a second time, so nothing can differ from it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import yaml
from typer.core import TyperGroup
from typer.main import get_command

from ctmo_indi import catalogue, config
from ctmo_indi.cli import app
from ctmo_indi.models import headers
from ctmo_indi.preprocessor import product_headers
from ctmo_indi.service_addresses import Address
from ctmo_indi.work_orders.model import OrderKind
from ctmo_indi.work_orders.schemas import load_schemas

Schema = Mapping[str, Any]  # JSON Schema, YAML: any depth of dict, list and scalar


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(map(_cell, cells))} |\n" for cells in lines)


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|").strip()


def _contract() -> dict[str, Any]:
    text = (catalogue.folder("xmlrpc") / "front_desk.yaml").read_text("utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


# Work Orders


def orders() -> str:
    """Every kind of order: its desks, what role it needs, its keys."""
    contract = _contract()
    schemas = load_schemas(catalogue.folder("xmlrpc") / "work_orders")
    return "\n".join(_order(kind, schemas[kind], contract) for kind in OrderKind)


def _order(kind: OrderKind, schema: Schema, contract: Schema) -> str:
    desks = [name for name, one in contract["services"].items() if kind.value in one["orders"]]
    role = next(name for name, kinds in contract["roles"].items() if kind.value in kinds)
    lines = [
        f"## {kind.value}\n",
        f"{schema.get('description') or schema['title']}\n",
        f"Served by: {', '.join(desks)}. Role: `{role}`.\n",
        _table(("key", "type", "unit", "means"), _keys(schema, "")),
    ]
    because = [one.get("then", {}).get("x-because") for one in schema.get("allOf", ())]
    because += [one.get("else", {}).get("x-because") for one in schema.get("allOf", ())]
    rules = sorted({reason for reason in because if reason})
    if rules:
        lines.append("Rules:\n\n" + "".join(f"* {rule}\n" for rule in rules))
    return "\n".join(lines)


def _keys(schema: Schema, within: str) -> Iterator[tuple[str, ...]]:
    required = schema.get("required", ())
    for name, key in schema.get("properties", {}).items():
        if not isinstance(key, Mapping):
            continue
        must = " (must)" if name in required else ""
        yield (f"`{within}{name}`{must}", _type(key), str(key.get("x-unit", "")), _means(key))
        yield from _keys(key, f"{within}{name} / ")
        items = key.get("items")
        if isinstance(items, Mapping):
            yield from _keys(items, f"{within}{name} / ")


def _type(key: Schema) -> str:
    if "const" in key:
        return f"`{key['const']}`"
    if "enum" in key:
        return "one of " + ", ".join(f"`{one}`" for one in key["enum"])
    kinds = key.get("type", "")
    told = " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
    low = key.get("minimum", key.get("exclusiveMinimum"))
    high = key.get("maximum", key.get("exclusiveMaximum"))
    if low is not None and high is not None:
        told += f", {low} to {high}"
    elif low is not None:
        told += f", at least {low}"
    return told


def _means(key: Schema) -> str:
    text = str(key.get("description", ""))
    if key.get("x-from-profile"):
        text += " The profile says which there are."
    if text:
        return text
    return str(key.get("x-expected", ""))


def replies() -> str:
    """The keys of replies."""
    lines = []
    for kind, shape in _contract()["replies"].items():
        rows = [
            (f"`{key}`{' (always)' if part == 'required' else ''}", about["type"],
             str(about.get("unit", "")), about["means"])
            for part in ("required", "optional")
            for key, about in shape.get(part, {}).items()
        ]  # fmt: skip
        title = "Every reply" if kind == "every" else f"Reply to {kind}"
        lines.append(f"## {title}\n\n{_table(('key', 'type', 'unit', 'means'), rows)}")
    return "\n".join(lines)


# Faults


def faults() -> str:
    """The faults of orders."""
    rows = [
        (str(code), fault["means"], fault["do"], ", ".join(f"`{one}`" for one in fault["errors"]))
        for code, fault in _contract()["faults"].items()
    ]
    return _table(("code", "means", "what to do", "in Python"), rows)


def call_faults() -> str:
    """The faults of calls that never became an order."""
    rows = [
        (str(code), f"`{fault['name']}`", fault["means"])
        for code, fault in _contract()["call_faults"].items()
    ]
    return _table(("code", "name", "means"), rows)


def http_answers() -> str:
    """What is refused before the body is read."""
    rows = [(str(code), str(means)) for code, means in _contract()["http"].items()]
    return _table(("status", "means"), rows)


def limits() -> str:
    """The limits of a call."""
    rows = [
        (name, f"{limit['value']} {limit.get('unit', '')}")
        for name, limit in _contract()["limits"].items()
    ]
    return _table(("limit", "value"), rows)


def roles() -> str:
    """What each role may send."""
    rows = [
        (f"`{role}`", ", ".join(kinds) or "what others may not: see `names`")
        for role, kinds in _contract()["roles"].items()
    ]
    return _table(("role", "orders"), rows)


# Configuration


def configuration() -> str:
    """Every key of ctmo.conf.yaml, as the program checks it."""
    rows = _settings(config.SCHEMA, "")
    told = _defaults()
    return _table(("key", "expected", "default"), ((f"`{k}`", e, told.get(k, "")) for k, e in rows))


def _defaults() -> dict[str, str]:
    plain = config.Config()
    told: dict[str, object] = {
        "Logging: Log Level": plain.logging.level,
        "Profile": plain.profile,
        "Data Directory": plain.data_dir,
        "Anonymous May Operate": str(plain.anonymous_may_operate).lower(),
        "Resume At Start": str(plain.resume_at_start).lower(),
        "Scheduler Configuration": plain.scheduler_configuration,
        "Access: Tokens": plain.access.tokens,
    }
    for service in ("scheduler", "telescope", "dome", "preprocessor", "safety"):
        address: Address = getattr(plain, service)
        name = f"{service.capitalize()} Address"
        told |= {f"{name}: HTTP": address.http, f"{name}: IP": address.ip}
        told[f"{name}: Port"] = address.port
    return {key: f"`{value}`" for key, value in told.items()}


def _settings(schema: Schema, within: str) -> Iterator[tuple[str, str]]:
    for name, key in schema["properties"].items():
        if "properties" in key:
            yield from _settings(key, f"{within}{name}: ")
        else:
            yield f"{within}{name}", _expected(key)


def _expected(key: Schema) -> str:
    told = str(key.get("description", "")) or _type(key)
    items = key.get("items")
    if isinstance(items, Mapping) and "description" not in key:
        told += f" of {_expected(items)}"
    return told.replace("object or null", "nothing")


# Commands


#: Options that nearly every command has, and what they say there: told once, at the top.
_COMMON = {
    "--config": "Configuration file.",
    "--data": "Data directory of the running manager.",
    "--json": "Print JSON.",
}


def commands() -> str:
    """Every command of ctmo-indi, its arguments and options."""
    return "\n".join(_command("ctmo-indi", get_command(app)))


def _command(name: str, command: Any) -> Iterator[str]:  # Any: typer's own click has no types
    if isinstance(command, TyperGroup):
        if name != "ctmo-indi":
            yield f"## {name}\n\n{_help(command)}\n"
        for child, one in command.commands.items():
            yield from _command(f"{name} {child}", one)
        return
    yield f"{'##' if name.count(' ') == 1 else '###'} {name}\n\n{_help(command)}\n"
    shown = [one for one in command.params if not getattr(one, "hidden", False)]
    words = [_argument(one) for one in shown if not _is_option(one)]
    yield f"```console\n{' '.join([name, *words, '[OPTIONS]' if len(shown) > len(words) else ''])}"
    yield "```\n"
    common = [one.opts[0] for one in shown if _COMMON.get(one.opts[0]) == one.help]
    if rows := [_parameter(one) for one in shown if one.opts[0] not in common]:
        has_defaults = any(default for *_, default in rows)
        head = ("argument, option", "means", "default")
        columns = len(head) if has_defaults else len(head) - 1
        yield _table(head[:columns], (row[:columns] for row in rows))
    if common:
        yield f"And of the common ones: {', '.join(f'`{one}`' for one in common)}.\n"


def common_options() -> str:
    """The options that most commands have."""
    return _table(("option", "means"), ((f"`{one}`", means) for one, means in _COMMON.items()))


def _is_option(parameter: Any) -> bool:
    return str(parameter.opts[0]).startswith("-")


def _argument(parameter: Any) -> str:
    name = f"{parameter.name.upper()}{'...' if parameter.nargs == -1 else ''}"
    return name if parameter.required else f"[{name}]"


def _help(command: Any) -> str:
    text = re.sub(r"\n(?!\n)", " ", (command.help or "").split("\f")[0])
    return re.sub(r"([<>*_])", r"\\\1", text)


def _parameter(one: Any) -> tuple[str, str, str]:
    name = ", ".join((*one.opts, *one.secondary_opts)) if _is_option(one) else _argument(one)
    default = one.default
    if one.secondary_opts and isinstance(default, bool):
        default = one.opts[0] if default else one.secondary_opts[0]
    is_shown = default not in (None, "", False, ()) and not callable(default)
    return f"`{name}`", getattr(one, "help", "") or "", f"`{default}`" if is_shown else ""


# FITS


_UNIT = re.compile(r"\[(.+?)\] (.+)")


def fits_cards() -> str:
    """The cards that the manager writes into the header of a raw frame."""
    rows = [
        (*_card(card.keyword, card.comment), "one of the driver's is kept" * card.is_default)
        for card in headers.CARDS
    ]
    return _table(("keyword", "unit", "value", "note"), rows)


def product_cards() -> str:
    """The cards of masters and calibrated frames, beside those they keep of their frames."""
    known = {card.keyword for card in headers.CARDS}
    rows = [
        _card(card.keyword, card.comment or "SHA-256 of inputs, masters and settings")
        for card in product_headers.CARDS
        if card.keyword not in known
    ]
    return _table(("keyword", "unit", "value"), rows)


def _card(keyword: str, comment: str) -> tuple[str, str, str]:
    if found := _UNIT.fullmatch(comment):
        return f"`{keyword}`", found[1], found[2]
    return f"`{keyword}`", "", comment


DRAWN: Mapping[str, Callable[[], str]] = {
    draw.__name__: draw
    for draw in (
        orders, replies, faults, call_faults, http_answers, limits, roles, configuration, commands,
        common_options, fits_cards, product_cards,
    )
}  # fmt: skip
