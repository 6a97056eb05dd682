"""The configuration of a fleet on this machine: free ports, and the file its services read."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from dataclasses import replace

from ctmo_indi.config import AccessSettings, Address, Config, PreprocessorSettings
from ctmo_indi.tango_settings import TangoSettings


def free_ports(count: int) -> list[int]:
    """Return that many different TCP ports of the loopback address that are free now."""
    with ExitStack() as stack:  # all bound at once, so that they differ
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def on_free_ports(config: Config) -> Config:
    """Return ``config`` with every service on a free loopback port: for demos and tests."""
    scheduler, telescope, dome, preprocessor, safety = (
        Address(f"http://127.0.0.1:{port}", "127.0.0.1", port) for port in free_ports(5)
    )
    return replace(
        config,
        scheduler=scheduler,
        telescope=telescope,
        dome=dome,
        preprocessor=preprocessor,
        safety=safety,
    )


def as_file(config: Config) -> dict[str, object]:
    """Write a configuration as the file that :func:`ctmo_indi.config.load` reads.

    Where no file says otherwise, the tokens lie with the data.
    """
    data: dict[str, object] = {}
    for name in ("scheduler", "telescope", "dome", "preprocessor", "safety"):
        address: Address = getattr(config, name)
        data[f"{name.title()} Address"] = {
            "HTTP": address.http, "IP": address.ip, "Port": address.port,
        }  # fmt: skip
    data["Logging"] = {"Log Level": config.logging.level, "Format": config.logging.format}
    if config.database_url:
        data["Database"] = {"URL": config.database_url}
    elif config.database_file:
        data["Database"] = {"File": str(config.database_file)}
    if config.indi is not None:
        indi: dict[str, object] = {"Host": config.indi.host, "Port": config.indi.port}
        if config.indi.socket:
            indi["Socket"] = config.indi.socket
        data["INDI Server"] = indi
    data["Profile"] = config.profile
    data["Data Directory"] = str(config.data_dir.resolve())
    data["Anonymous May Operate"] = config.anonymous_may_operate
    access = config.access
    if config.file is None and access == AccessSettings():
        access = replace(access, tokens=config.data_dir / "tokens.json")
    data["Access"] = _access_as_file(access)
    if config.notify is not None:
        notify: dict[str, object] = {}
        if config.notify.urls:
            notify["URLs"] = list(config.notify.urls)
        if config.notify.file is not None:
            notify["File"] = str(config.notify.file.absolute())
        data["Notify"] = notify
    data["Resume At Start"] = config.resume_at_start
    data["Scheduler Configuration"] = config.scheduler_configuration
    preprocessing = config.preprocessing
    if preprocessing != PreprocessorSettings():
        settings = {
            "Roots": [str(root.absolute()) for root in preprocessing.roots],
            "Workers": preprocessing.workers,
            "Farm": preprocessing.farm,
            "Compress": preprocessing.has_compression,
        }
        data["Preprocessor"] = {key: value for key, value in settings.items() if value}
    if config.tango != TangoSettings():
        data["Tango"] = config.tango.as_file()
    return data


def _access_as_file(access: AccessSettings) -> dict[str, object]:
    data: dict[str, object] = {
        "Tokens": str(access.tokens.absolute()),
        "Insecure Network": access.is_network_insecure,
    }
    if access.certificate is not None and access.key is not None:
        data["TLS"] = {
            "Certificate": str(access.certificate.absolute()),
            "Key": str(access.key.absolute()),
        }
    if access.host_names:
        data["Host Names"] = list(access.host_names)
    if access.client_token_file is not None:
        data["Client Token File"] = str(access.client_token_file.absolute())
    if access.ca_file is not None:
        data["CA File"] = str(access.ca_file.absolute())
    return data
