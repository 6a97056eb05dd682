"""Files for a monitoring machine: what Prometheus is to ask, its alerts, a Grafana board."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from ctmo_indi.config import Config

FOLDER = Path(__file__).resolve().parents[1] / "share" / "metrics"
SCRAPED = ("scheduler", "telescope", "preprocessor", "safety")
"""The dome's port tells the same as the telescope's."""

_TARGETS = "[127.0.0.1:8000, 127.0.0.1:8010, 127.0.0.1:8030, 127.0.0.1:8040]"


def files(config: Config) -> Mapping[str, str]:
    """Return name -> text of each file, with the addresses of a configuration."""
    texts = {path.name: path.read_text("utf-8") for path in sorted(FOLDER.iterdir())}
    addresses = [getattr(config, service).http for service in SCRAPED]
    targets = ", ".join(_target(address) for address in addresses)
    texts["scrape.yaml"] = texts["scrape.yaml"].replace(_TARGETS, f"[{targets}]")
    return texts


def _target(http: str) -> str:
    parts = urlsplit(http)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = parts.hostname or "localhost"
    return f'"[{host}]:{port}"' if ":" in host else f"{host}:{port}"
