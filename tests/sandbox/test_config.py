"""meterbox.toml and the environment: what is read, what is refused, and in which words."""

import importlib
import json
import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest

from contracts import reader
from contracts.model import UnknownVendor
from sandbox.config import Config, ConfigFault, Server, example, load
from sandbox.configfile import schema
from translators.orb.settings import LOCAL

ORB = {"externalCustomerIdField": "userId", "propertiesMappingFields": {"amount": "amount"}}
SETTINGS = """
[destinations.orb.settings]
externalCustomerIdField = "userId"
propertiesMappingFields = {amount = "amount"}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test runs in a folder of its own; the one file it may have is read from there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(text: str = "", environ: Mapping[str, str] | None = None) -> Config:
    Path("meterbox.toml").write_text(text)
    return load(None, environ or {})


def problems(text: str = "", environ: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigFault) as caught:
        read(text, environ)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return list(caught.value.problems)


def test_without_a_file_everything_has_its_default() -> None:
    config = load(None, {})
    assert config.server == Server("127.0.0.1", 4020, None, None, 0, ())
    assert (config.forwarding.concurrency, config.forwarding.backoff_scale) == (8, 1.0)
    assert config.settings == {}
    assert config.file is None


def test_a_file_in_the_folder_is_read() -> None:
    config = read("[server]\nport = 5000\nseed = 7\n[forwarding]\nbackoff_scale = 0.5\n")
    assert (config.server.port, config.server.seed) == (5000, 7)
    assert config.forwarding.backoff_scale == 0.5
    assert config.file == Path("meterbox.toml")


def test_a_file_that_is_named_is_read_in_place_of_the_folders(folder: Path) -> None:
    Path("meterbox.toml").write_text("[server]\nport = 5000\n")
    other = folder / "other.toml"
    other.write_text("[server]\nport = 6000\n")
    assert load(other, {}).server.port == 6000


def test_a_named_file_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ConfigFault, match=r"^nowhere\.toml: does not exist$"):
        load(Path("nowhere.toml"), {})


def test_a_folder_is_no_file(folder: Path) -> None:
    with pytest.raises(ConfigFault, match=r": cannot be read: Is a directory$"):
        load(folder, {})


@pytest.mark.parametrize(
    "text", ["[server", "port = ", "a = 1\na = 2", "x = " + "[" * 5_000, "x = " + "9" * 5_000]
)
def test_what_is_not_toml_is_one_line(text: str) -> None:
    [problem] = problems(text)
    assert problem.startswith("meterbox.toml: is not TOML: ")


def test_what_is_not_utf_8_is_one_line() -> None:
    Path("meterbox.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigFault, match=r"^meterbox\.toml: is not TOML: "):
        load(None, {})


def test_every_departure_is_told_with_file_and_key() -> None:
    text = """
    [server]
    prot = 4020
    port = "4020"
    [destinations.orb]
    enabled = "yes"
    [sandbx]
    [forwarding]
    concurrency = 0
    """
    assert sorted(problems(text)) == [
        "meterbox.toml: destinations.orb.enabled: should be true or false",
        "meterbox.toml: forwarding.concurrency: should be a whole number, 1 to 100",
        "meterbox.toml: sandbx: is not a key of meterbox.toml; did you mean 'sandbox'?",
        "meterbox.toml: server.port: should be a port, 0 to 65535",
        "meterbox.toml: server.prot: is not a key of meterbox.toml",
    ]


def test_an_unknown_key_is_told_with_the_one_that_was_meant() -> None:
    assert problems("[server]\nprot = 1\n") == [
        "meterbox.toml: server.prot: is not a key of meterbox.toml; did you mean 'port'?"
    ]


@pytest.mark.parametrize(
    "line",
    [
        "port = -1",
        "port = 65536",
        "port = 1.5",
        "port = true",
        "port = 2026-01-01",
        "port = nan",
        "port = 99999999999999999999999999",
        "seed = inf",
        "host = ''",
        "vendors = 'one'",
        "vendors = [1]",
        "data_dir = 1",
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(line: str) -> None:
    key = line.partition(" ")[0]
    [problem] = problems(f"[server]\n{line}\n")
    assert re.match(rf"meterbox\.toml: server\.{key}(\[0\])?: should be ", problem)


@pytest.mark.parametrize("scale", ["0", "-1", "1.01", "nan", "'fast'"])
def test_backoff_is_never_stretched_nor_without_a_wait(scale: str) -> None:
    assert problems(f"[forwarding]\nbackoff_scale = {scale}\n") == [
        "meterbox.toml: forwarding.backoff_scale: should be a number above 0, at most 1"
    ]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_a_loopback_host_needs_no_token(host: str) -> None:
    assert read(f"[server]\nhost = '{host}'\n").server.host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "box.example", "box.localhost"])
def test_another_host_needs_a_token(host: str) -> None:
    assert problems(f"[server]\nhost = '{host}'\n") == [
        f"server.token: is needed when others can reach server.host, {host}; "
        "set it, or METERBOX_SERVER__TOKEN"
    ]
    assert read(f"[server]\nhost = '{host}'\ntoken = 't'\n").server.token == "t"


def test_paths_of_a_file_begin_at_its_folder(folder: Path) -> None:
    (folder / "etc").mkdir()
    (folder / "etc" / "orb.key").write_text("from-file\n")
    file = folder / "etc" / "meterbox.toml"
    file.write_text(
        "[server]\ndata_dir = 'data'\n[destinations.orb]\napi_key_file = 'orb.key'\n" + SETTINGS
    )
    config = load(file, {})
    assert config.server.data_dir == folder / "etc" / "data"
    assert config.destinations["orb"].key == "from-file"


def test_paths_of_the_environment_begin_where_the_program_does() -> None:
    config = load(None, {"METERBOX_SERVER__DATA_DIR": "data"})
    assert config.server.data_dir == Path("data")


# Rule switches


def test_a_rule_switch_is_read_as_its_kind() -> None:
    config = read('[sandbox.settings]\n"orb.ingest.grace-period" = "34d"\n')
    assert config.settings == {"orb.ingest.grace-period": timedelta(days=34)}


def test_a_rule_id_needs_no_quotes() -> None:
    config = read("[sandbox.settings]\norb.ingest.batch-size = 10\n")
    assert config.settings == {"orb.ingest.batch-size": 10}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (
            '"orb.ingest.grace-perod" = "1h"',
            "there is no rule 'orb.ingest.grace-perod'; did you mean 'orb.ingest.grace-period'?",
        ),
        ('"colour" = 1', "there is no rule 'colour'; `meterbox rules` lists them"),
        ('"orb.auth" = 1', "the rule orb.auth has no switch"),
        (
            '"orb.ingest.grace-period" = "soon"',
            "orb.ingest.grace-period: 'soon' is not a length of time such as 12h or 5m.",
        ),
        (
            '"orb.ingest.batch-size" = "1"',
            "orb.ingest.batch-size: '1' is not a whole number of at least 1.",
        ),
    ],
)
def test_a_rule_switch_that_cannot_be_is_told(line: str, problem: str) -> None:
    assert problems(f"[sandbox.settings]\n{line}\n") == [
        f"meterbox.toml: sandbox.settings: {problem}"
    ]


# Destinations


def test_a_vendor_of_which_nothing_is_said_gets_its_local_settings() -> None:
    orb = load(None, {}).destinations["orb"]
    assert (orb.settings, orb.base_url, orb.key) == (LOCAL, None, None)


def test_settings_that_are_given_leave_nothing_of_the_local_ones() -> None:
    assert read(SETTINGS).destinations["orb"].settings == ORB


def test_a_vendor_elsewhere_gets_no_local_settings() -> None:
    text = "[destinations.orb]\nbase_url = 'https://api.withorb.com'\napi_key = 'k'\n"
    assert problems(text) == [
        "meterbox.toml: destinations.orb.settings: externalCustomerIdField: is required"
    ]


def test_a_vendor_elsewhere_needs_a_key() -> None:
    text = "[destinations.orb]\nbase_url = 'https://api.withorb.com'\n" + SETTINGS
    assert problems(text) == [
        "meterbox.toml: destinations.orb.api_key: is needed for https://api.withorb.com; "
        "give api_key or api_key_file"
    ]


def test_a_vendor_elsewhere_with_key_and_settings_is_a_destination() -> None:
    text = "[destinations.orb]\nbase_url = 'http://mock:1/orb'\napi_key = 'k'\n" + SETTINGS
    orb = read(text).destinations["orb"]
    assert (orb.settings, orb.base_url, orb.key) == (ORB, "http://mock:1/orb", "k")


def test_a_vendor_that_is_not_enabled_is_no_destination() -> None:
    assert "orb" not in read("[destinations.orb]\nenabled = false\n").destinations


@pytest.mark.parametrize("url", ["api.withorb.com", "ftp://x", "http://", "https://x/?a=b", "1 2"])
def test_what_is_no_web_address_is_refused(url: str) -> None:
    assert problems(f"[destinations.orb]\nbase_url = '{url}'\n") == [
        "meterbox.toml: destinations.orb.base_url: should be an http:// or https:// URL"
    ]


def test_an_unknown_vendor_is_told_with_the_one_that_was_meant() -> None:
    [problem] = problems("[destinations.orbb]\n")
    assert problem.startswith(
        "meterbox.toml: destinations.orbb: No contract for 'orbb'. Did you mean 'orb'?"
    )


def test_an_unknown_setting_is_told_with_the_one_that_was_meant() -> None:
    text = "[destinations.orb]\nsettings = {externalCustomerIdFeld = 'userId'}\n"
    assert problems(text) == [
        "meterbox.toml: destinations.orb.settings: No setting named 'externalCustomerIdFeld'. "
        "Did you mean 'externalCustomerIdField'?"
    ]


def test_problems_of_rules_and_destinations_are_told_together() -> None:
    text = "[sandbox.settings]\ncolour = 1\n[destinations.orb]\nsettings = {}\n"
    assert len(problems(text)) == 2


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "cannot be read: No such file or directory"), (b" \n", "is empty")]
    + [(b"\xff", "cannot be read: it is not text")],
)
def test_a_key_file_that_holds_no_key_is_told(content: bytes | None, why: str) -> None:
    if content is not None:
        Path("orb.key").write_bytes(content)
    assert problems("[destinations.orb]\napi_key_file = 'orb.key'\n") == [
        f"meterbox.toml: destinations.orb.api_key_file: orb.key {why}"
    ]


def test_a_key_and_a_key_file_are_one_too_many() -> None:
    assert problems("[destinations.orb]\napi_key_file = 'orb.key'\napi_key = 'k'\n") == [
        "meterbox.toml: destinations.orb.api_key_file: is given beside api_key; give one of them"
    ]


# Secrets


def test_no_secret_is_shown() -> None:
    text = "[server]\ntoken = 'hush-token'\n[destinations.orb]\napi_key = 'hush-key'\n"
    assert "hush" not in repr(read(text))


@pytest.mark.parametrize(
    "text",
    [
        "[destinations.orb]\napi_key = ['hush']\n",
        "[destinations.orb]\napi_kye = 'hush'\n",
        "[destinations]\norb = 'hush'\n",
        "destinations = 'hush'\n",
        "server = 'hush'\n",
        "[server]\ntoken = {is = 'hush'}\n",
        "[server]\napi_key = 'hush'\n",
        "[destinations.orb]\nsettings = {apiKey = 'hush'}\n",
        "[destinations.orbb]\napi_key = 'hush'\n",
        "[destinations.orb]\napi_key = 'hush\n",
    ],
)
def test_no_secret_is_told_in_an_error(text: str) -> None:
    assert "hush" not in "".join(problems(text))


@pytest.mark.parametrize(
    "name", ["SERVER__TOKN", "DESTINATIONS__ORB__APIKEY", "DESTINATIONS__ORB", "SERVER__PORT"]
)
def test_no_secret_of_the_environment_is_told_in_an_error(name: str) -> None:
    told = problems(environ={f"METERBOX_{name}": "hush"})
    assert told
    assert "hush" not in "".join(told)


# The environment


def test_the_environment_overrides_the_file() -> None:
    config = read("[server]\nport = 5000\nseed = 3\n", {"METERBOX_SERVER__PORT": "6000"})
    assert (config.server.port, config.server.seed) == (6000, 3)


@pytest.mark.parametrize(
    ("variable", "text", "get", "value"),
    [
        ("SERVER__HOST", "localhost", lambda c: c.server.host, "localhost"),
        ("SERVER__TOKEN", "4020", lambda c: c.server.token, "4020"),
        ("SERVER__SEED", "-3", lambda c: c.server.seed, -3),
        ("FORWARDING__BACKOFF_SCALE", "0.01", lambda c: c.forwarding.backoff_scale, 0.01),
        ("FORWARDING__CONCURRENCY", "2", lambda c: c.forwarding.concurrency, 2),
        ("DESTINATIONS__ORB__ENABLED", "False", lambda c: "orb" in c.destinations, False),
        ("DESTINATIONS__ORB__ENABLED", "1", lambda c: "orb" in c.destinations, True),
        ("DESTINATIONS__ORB__API_KEY", "123", lambda c: c.destinations["orb"].key, "123"),
        (
            "DESTINATIONS__ORB__SETTINGS",
            json.dumps(ORB),
            lambda c: c.destinations["orb"].settings,
            ORB,
        ),
        (
            "SANDBOX__SETTINGS",
            '{"orb.ingest.batch-size": 9}',
            lambda c: c.settings,
            {"orb.ingest.batch-size": 9},
        ),
    ],
)
def test_a_variable_becomes_what_its_key_wants(variable, text, get, value) -> None:
    assert get(load(None, {f"METERBOX_{variable}": text})) == value


def test_a_variable_without_a_value_is_not_set() -> None:
    assert load(None, {"METERBOX_SERVER__PORT": ""}).server.port == 4020


def test_a_key_in_the_environment_takes_the_place_of_a_key_file() -> None:
    environ = {"METERBOX_DESTINATIONS__ORB__API_KEY": "near"}
    config = read("[destinations.orb]\napi_key_file = 'nowhere'\n" + SETTINGS, environ)
    assert config.destinations["orb"].key == "near"


def test_other_programs_variables_are_left_alone() -> None:
    environ = {"METERBOX_HOME": "/x", "METERBOX_URL": "y", "SERVER__PORT": "z", "PATH": "/bin"}
    assert load(None, environ) == load(None, {})


@pytest.mark.parametrize(
    ("variable", "text", "problem"),
    [
        ("SERVER__PROT", "1", "leads to no key; did you mean METERBOX_SERVER__PORT?"),
        ("SERVER_PORT", "1", "leads to no key; did you mean METERBOX_SERVER__PORT?"),
        ("SERVR__PORT", "1", "leads to no key; did you mean METERBOX_SERVER__PORT?"),
        ("SERVER__PORT__X", "1", "leads to no key"),
        ("COLOUR__X", "1", "leads to no key"),
        (
            "DESTINATIONS__ORB__API_KYE",
            "1",
            "leads to no key; did you mean METERBOX_DESTINATIONS__ORB__API_KEY?",
        ),
        (
            "DESTINATIONS__ORB__SETTINGS__X",
            "1",
            "leads into a table that is given as a whole, as JSON, by "
            "METERBOX_DESTINATIONS__ORB__SETTINGS",
        ),
        ("SERVER__PORT", "high", "server.port: should be a port, 0 to 65535"),
        ("SERVER__SEED", "9" * 5_000, "server.seed: should be a whole number"),
        ("SERVER__VENDORS", "one", "server.vendors: should be a list of folders"),
        (
            "FORWARDING__BACKOFF_SCALE",
            "nan",
            "forwarding.backoff_scale: should be a number above 0, at most 1",
        ),
        (
            "DESTINATIONS__ORB__ENABLED",
            "yes",
            "destinations.orb.enabled: should be true or false",
        ),
        (
            "DESTINATIONS__ORB__SETTINGS",
            "userId",
            "destinations.orb.settings: should be a table of settings",
        ),
    ],
)
def test_a_variable_that_cannot_be_is_told_by_name(variable, text, problem) -> None:
    assert problems(environ={f"METERBOX_{variable}": text}) == [f"METERBOX_{variable}: {problem}"]


def test_every_variable_that_cannot_be_is_told() -> None:
    environ = {"METERBOX_SERVER__PORT": "x", "METERBOX_SERVER__SEED": "y"}
    assert len(problems(environ=environ)) == 2


# More vendors


@pytest.fixture
def _paths(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in reader.PACKAGES:
        module = importlib.import_module(package)
        monkeypatch.setattr(module, "__path__", list(module.__path__))


@pytest.mark.usefixtures("_paths")
def test_a_vendor_of_a_folder_can_be_configured(folder: Path) -> None:
    files = {
        "contracts/made_up/contract.json": json.dumps({}),
        "translators/made_up/__init__.py": "",
        "translators/made_up/settings.py": (
            "from dataclasses import dataclass\n@dataclass\nclass Settings:\n    unit: str\n"
        ),
    }
    for name, text in files.items():
        (folder / "more" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "more" / name).write_text(text)
    assert "made_up" not in read("[server]\nvendors = ['more']\n").destinations
    text = "[server]\nvendors = ['more']\n[destinations.made_up.settings]\nunit = 'call'\n"
    assert read(text).destinations["made_up"].settings == {"unit": "call"}


def test_a_folder_without_vendors_is_told() -> None:
    assert problems("[server]\nvendors = ['none']\n") == [
        "server.vendors: none: holds no contracts/<vendor>/contract.json"
    ]


# The schema and the starter


def test_the_published_schema_is_a_schema_that_explains_every_key() -> None:
    document = schema().document
    jsonschema.Draft202012Validator.check_schema(document)
    tables = [document, *document["properties"].values(), *document["$defs"].values()]
    nodes = [node for table in tables for node in table.get("properties", {}).values()]
    assert nodes
    assert [n for n in nodes if not n.get("title") or not n.get("description")] == []


def test_the_defaults_of_the_schema_are_those_of_the_program() -> None:
    sections = schema().document["properties"]
    config = load(None, {})
    for name, part in (("server", config.server), ("forwarding", config.forwarding)):
        for key, node in sections[name]["properties"].items():
            value = getattr(part, key)
            assert (list(value) if isinstance(value, tuple) else value) == node.get("default")


def test_the_starter_says_what_holds_without_a_file() -> None:
    started, bare = read(example()), load(Path("/dev/null"), {})
    assert (started.server, started.forwarding, started.settings, started.destinations) == (
        bare.server,
        bare.forwarding,
        bare.settings,
        bare.destinations,
    )


def test_the_starter_shows_every_key_and_all_it_shows_is_right(folder: Path) -> None:
    text = re.sub(r"^# (?=\S+ = )", "", example(), flags=re.MULTILINE)
    shown = tomllib.loads(text)
    for name, node in schema().document["properties"].items():
        assert shown[name].keys() >= node.get("properties", {}).keys()
    assert not any(isinstance(value, dict) for value in shown["sandbox"]["settings"].values())
    for vendor in shown["destinations"]:
        (folder / f"{vendor}.key").write_text("k")
    text = text.replace('vendors = ["vendors"]', "vendors = []")
    config = read(text)
    assert set(config.destinations) == set(shown["destinations"])
    assert {d.key for d in config.destinations.values()} == {"k"}
    assert config.settings
    assert config.server.token == "change-me"
    (policy,) = config.ready.values()
    assert policy.keys() == schema().document["$defs"]["policy"]["properties"].keys()


def test_reading_a_configuration_leaves_unknown_vendors_unknown() -> None:
    with pytest.raises(UnknownVendor):
        reader.read("made_up")
