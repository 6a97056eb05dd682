"""The configuration: the 2019 files word for word, errors with file, line and key."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from ctmo_indi import config
from ctmo_indi.access_settings import AccessSettings
from ctmo_indi.config import Config
from ctmo_indi.errors import ConfigError
from ctmo_indi.notify_settings import NotifySettings
from ctmo_indi.preprocessor_settings import PreprocessorSettings
from ctmo_indi.service_addresses import Address, IndiAddress

# The structure the CTMO and TOROS documents describe, in the flow style their files use.
CTMO_FILE = """\
Scheduler Address: {
  HTTP: "http://localhost:8000/",
  IP: localhost,
  Port: 8000
}

Telescope Address: {
  HTTP: "http://localhost:8010/",
  IP: localhost,
  Port: 8010
}

Dome Address: {HTTP: "http://localhost:8020/", IP: localhost, Port: 8020}

Logging: {
  File: /etc/ctmo/logs/ctmo.log,
  Log Level: INFO
}
"""
TOROS_FILE = """\
Preprocessor Address: {
  HTTP: "http://localhost:8000/",
  IP: localhost,
  Port: 8000
}

Logging: {
  File: /etc/toros/logs/toros.log,
  Log Level: DEBUG
}

Database: {
  File: /var/lib/toros/toros.db
}
"""


def _written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "ctmo.conf.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_ctmo_file_is_read_word_for_word(tmp_path: Path) -> None:
    loaded = config.load(_written(tmp_path, CTMO_FILE))
    assert loaded.scheduler == Address("http://localhost:8000", "127.0.0.1", 8000)
    assert loaded.telescope == Address("http://localhost:8010", "127.0.0.1", 8010)
    assert loaded.dome == Address("http://localhost:8020", "127.0.0.1", 8020)
    assert loaded.safety == Config().safety
    assert loaded.logging.file == Path("/etc/ctmo/logs/ctmo.log")
    assert loaded.logging.level == "INFO"


def test_the_toros_file_is_read_word_for_word(tmp_path: Path) -> None:
    loaded = config.load(_written(tmp_path, TOROS_FILE))
    assert loaded.preprocessor == Address("http://localhost:8000", "127.0.0.1", 8000)
    assert loaded.logging.level == "DEBUG"
    assert loaded.database_file == Path("/var/lib/toros/toros.db")
    assert loaded.database_url is None


def test_the_shipped_default_file_loads_and_changes_no_address() -> None:
    shipped = Path(config.__file__).parent / "share" / "ctmo.conf.yaml"
    loaded = config.load(shipped)
    for service in ("scheduler", "telescope", "dome", "preprocessor", "safety"):
        assert getattr(loaded, service) == getattr(Config(), service)


def test_our_own_keys_are_read(tmp_path: Path) -> None:
    text = (
        "Safety Address: {Port: 9040}\nDatabase: {URL: postgresql+psycopg://db/ctmo}\n"
        "Profile: ctmo\nData Directory: /data\nAnonymous May Operate: false\n"
        "INDI Server: {Host: indi.local, Port: 7625, Socket: /run/indi.sock}\n"
    )
    path = _written(tmp_path, text)
    loaded = config.load(path)
    assert loaded.safety == Address("http://localhost:9040", "127.0.0.1", 9040)
    assert loaded.database_url == "postgresql+psycopg://db/ctmo"
    assert loaded.profile == "ctmo"
    assert loaded.data_dir == Path("/data")
    assert loaded.anonymous_may_operate is False
    assert loaded.indi == IndiAddress("indi.local", 7625, "/run/indi.sock")
    assert loaded.file == path


def test_the_preprocessors_settings_are_read_and_handed_to_a_fleet(tmp_path: Path) -> None:
    keys = "Roots: [/data/nights], Workers: 3, Farm: 'tcp://head:8786', Compress: true"
    loaded = config.load(_written(tmp_path, f"Preprocessor: {{{keys}}}\n"))
    expected = PreprocessorSettings((Path("/data/nights"),), 3, "tcp://head:8786", True)
    assert loaded.preprocessing == expected
    for settings in (expected, PreprocessorSettings()):
        given = replace(loaded, preprocessing=settings)
        path = _written(tmp_path, yaml.safe_dump(given.as_file()))
        assert config.load(path).preprocessing == settings
    with pytest.raises(ConfigError, match="Farm"):
        config.load(_written(tmp_path, "Preprocessor: {Farm: 'http://head'}\n"))


def test_access_is_read_and_its_files_may_be_credentials_of_systemd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/scheduler")
    text = (
        "Access:\n  Tokens: /etc/ctmo/t.json\n  TLS: {Certificate: /c.crt, Key: /c.key}\n"
        "  Host Names: [observatory.example]\n  Insecure Network: false\n"
        "  Client Token File: $CREDENTIALS_DIRECTORY/services\n  CA File: /ca.crt\n"
        "Scheduler Address: {IP: 0.0.0.0}\nDome Address: {IP: 10.0.0.7}\n"
    )
    loaded = config.load(_written(tmp_path, text))
    assert loaded.access == AccessSettings(
        tokens=Path("/etc/ctmo/t.json"),
        certificate=Path("/c.crt"),
        key=Path("/c.key"),
        host_names=("observatory.example",),
        client_token_file=Path("/run/credentials/scheduler/services"),
        ca_file=Path("/ca.crt"),
    )
    assert loaded.scheduler.http == "https://localhost:8000"
    assert loaded.dome.http == "https://10.0.0.7:8020"
    assert loaded.telescope.http == "http://localhost:8010"


def test_tokens_lie_beside_the_configuration_unless_told_otherwise(tmp_path: Path) -> None:
    assert config.load(_written(tmp_path, "{}")).access.tokens == tmp_path / "tokens.json"
    assert Config().access.tokens == Path("/etc/ctmo/tokens.json")


def test_a_certificate_without_its_key_and_a_token_in_an_address_are_refused(
    tmp_path: Path,
) -> None:
    text = (
        "Access: {TLS: {Certificate: /c.crt}}\n"
        "Dome Address: {HTTP: 'https://ada:ctmo_secret@dome.example'}\n"
    )
    with pytest.raises(ConfigError) as raised:
        config.load(_written(tmp_path, text))
    assert len(raised.value.problems) == 2
    assert "Key" in str(raised.value)


@pytest.mark.parametrize("ip", ["localhost", '""', "~", "127.0.0.1", '" Localhost "'])
def test_localhost_and_nothing_mean_loopback_and_never_every_interface(
    tmp_path: Path, ip: str
) -> None:
    loaded = config.load(_written(tmp_path, f"Dome Address: {{IP: {ip}}}\n"))
    assert loaded.dome == Config().dome


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("{HTTP: 'https://dome.example.org:8443/'}",
         Address("https://dome.example.org:8443", "127.0.0.1", 8443)),
        ("{HTTP: 'http://dome.example.org/'}",
         Address("http://dome.example.org", "127.0.0.1", 8020)),
        ("{IP: 10.0.0.7, Port: 81}", Address("http://10.0.0.7:81", "10.0.0.7", 81)),
        ("{IP: 0.0.0.0}", Address("http://localhost:8020", "0.0.0.0", 8020)),
        ("{IP: 'fd00::7'}", Address("http://[fd00::7]:8020", "fd00::7", 8020)),
    ],
)  # fmt: skip
def test_the_missing_half_of_an_address_is_made_from_the_other(
    tmp_path: Path, text: str, address: Address
) -> None:
    assert config.load(_written(tmp_path, f"Dome Address: {text}\n")).dome == address


def test_without_any_file_everything_has_its_default(tmp_path: Path) -> None:
    assert config.load(default_files=(tmp_path / "absent.yaml",)) == Config()


def test_the_toros_file_serves_where_there_is_no_ctmo_file(tmp_path: Path) -> None:
    files = (tmp_path / "absent.yaml", _written(tmp_path, TOROS_FILE))
    assert config.load(default_files=files).preprocessor.port == 8000


def test_a_named_file_that_is_absent_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yaml: no such file"):
        config.load(tmp_path / "absent.yaml")


def test_every_wrong_key_is_named_at_once(tmp_path: Path) -> None:
    path = _written(
        tmp_path,
        "Telescop Address: {Port: 8010}\n"
        "Dome Address: {HTTP: 'ftp://x', IP: 300.1.1.1, Port: many}\n"
        "Safety Address:\n  Port: 70000\n"
        "Logging: {Log Level: chatty, Fil: x}\nDatabase: {URL: here}\n",
    )
    with pytest.raises(ConfigError) as raised:
        config.load(path)
    problems = raised.value.problems
    assert len(problems) == 8
    assert "line 1, Telescop Address: unknown key (did you mean 'Telescope Address'?" in problems[0]
    joined = "\n".join(problems)
    for words in (
        "line 2, Dome Address.HTTP: came 'ftp://x'",
        "line 2, Dome Address.IP: came '300.1.1.1'",
        "line 2, Dome Address.Port: came 'many', expected a whole number from 1 to 65535",
        "line 4, Safety Address.Port: came 70000",
        "line 5, Logging.Log Level: came 'chatty', expected one of DEBUG, INFO",
        "line 5, Logging.Fil: unknown key (did you mean 'File'?",
        "line 6, Database.URL: came 'here'",
    ):
        assert words in joined
    assert joined.count(str(path)) == 8


def test_two_services_cannot_listen_at_one_place(tmp_path: Path) -> None:
    text = "Scheduler Address: {Port: 8000}\nDome Address: {Port: 8000}\n"
    with pytest.raises(ConfigError, match="expected another than that of Scheduler Address"):
        config.load(_written(tmp_path, text))


def test_addresses_for_notices_come_from_the_file_and_from_a_secret_one(tmp_path):
    secrets = tmp_path / "notify"
    secrets.write_text("# phones\n\n json://127.0.0.1/b \n")
    path = tmp_path / "ctmo.conf.yaml"
    path.write_text(f"Notify: {{URLs: ['json://ada:s3cret@127.0.0.1/a'], File: {secrets}}}\n")
    notify = config.load(path).notify
    assert notify is not None
    assert notify.addresses() == ("json://ada:s3cret@127.0.0.1/a", "json://127.0.0.1/b")
    assert "s3cret" not in repr(config.load(path))
    secrets.unlink()
    with pytest.raises(ConfigError, match="notify cannot be read"):
        notify.addresses()


def test_notify_without_any_address_is_told(tmp_path):
    path = tmp_path / "ctmo.conf.yaml"
    path.write_text("Notify: {URLs: []}\n")
    notify = config.load(path).notify
    assert notify is not None
    with pytest.raises(ConfigError, match="one at least"):
        notify.addresses()


def test_a_fleets_file_says_the_same_about_access(tmp_path: Path) -> None:
    access = AccessSettings(
        tokens=tmp_path / "t.json",
        certificate=tmp_path / "c.crt",
        key=tmp_path / "c.key",
        host_names=("observatory.example",),
        is_network_insecure=True,
        client_token_file=tmp_path / "services.token",
        ca_file=tmp_path / "ca.crt",
    )
    written = replace(Config(), access=access, anonymous_may_operate=False).as_file()
    loaded = config.load(_written(tmp_path, yaml.safe_dump(written)))
    assert loaded.access == access
    assert loaded.anonymous_may_operate is False


def test_a_fleet_reads_back_every_setting_it_was_given(tmp_path: Path) -> None:
    """What ``up`` writes for its services says the same as what it was started with."""
    given = replace(
        Config(),
        profile="ctmo",
        data_dir=tmp_path,
        database_url="postgresql://db/ctmo",
        indi=IndiAddress("mount.example", 7777, None),
        notify=NotifySettings(("json://127.0.0.1:9/",), tmp_path / "more"),
        resume_at_start=False,
        access=AccessSettings(tokens=tmp_path / "tokens.json"),
    )
    path = tmp_path / "written.yaml"
    path.write_text(yaml.safe_dump(given.as_file(), sort_keys=False))
    read = config.load(path)
    assert replace(read, file=None) == replace(given, file=None)
