"""Contracts are read from folders, and what is wrong in a file is told with its name."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from contracts import credentials
from contracts.model import ContractFault, UnknownVendor
from contracts.reader import add_vendors, read, read_folder, vendors
from tests.acme import HERE, known


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Acme's contract, to be spoilt."""
    copytree(HERE, tmp_path / "acme")
    return tmp_path / "acme"


def spoilt(folder: Path, change: Callable[[Any], Any], file: str = "contract.json") -> None:
    document = json.loads((folder / file).read_text())
    change(document)
    (folder / file).write_text(json.dumps(document))
    read_folder(folder)


def test_vendors_are_the_folders_with_a_contract() -> None:
    assert vendors() == sorted(vendors())
    assert all(read(vendor).vendor == vendor for vendor in vendors())


def test_a_contract_is_read_once() -> None:
    for vendor in vendors():
        assert read(vendor) is read(vendor)


def test_a_misspelt_vendor_is_told_the_right_name() -> None:
    vendor = vendors()[0]
    with pytest.raises(UnknownVendor) as caught:
        read(f"{vendor}e")
    assert str(caught.value) == (
        f"No contract for '{vendor}e'. Did you mean '{vendor}'? "
        f"Known vendors: {', '.join(vendors())}."
    )


def test_every_spelling_of_a_path_is_there(folder: Path) -> None:
    assert read_folder(folder).endpoint("record-usage").paths == ("/v2/usage", "/usage")
    spoilt(folder, lambda document: document.update(trailing_slash=True))
    paths = read_folder(folder).endpoint("record-usage").paths
    assert paths == ("/v2/usage", "/v2/usage/", "/usage", "/usage/")


def test_an_endpoint_has_the_answers_of_all_and_its_own(folder: Path) -> None:
    contract = read_folder(folder)
    status = contract.endpoint("status")
    assert set(status.responses) == {200, 400, 401, 404, 405, 409, 413, 429, 503}
    assert (status.responses[200], status.answers[200]) == (None, "text/plain")
    error = contract.endpoint("record-usage").responses[400]
    assert error is not None
    assert (error.name, error.accepts({"error": "x"}), error.accepts({})) == ("error", True, False)


def test_an_endpoint_may_execute_documents_and_take_keys_of_another_kind(folder: Path) -> None:
    def change(document: Any) -> None:
        auth = {"schemes": ["bearer"], "template": "pk_{name}"}
        document["endpoints"][0].update(graphql="usage", auth=auth)
        document["mounts"] = {"eu.acme.test": "/v2"}

    with pytest.raises(ContractFault, match=r"usage\.graphql: does not exist"):
        spoilt(folder, change)
    (folder / "schemas" / "usage.graphql").write_text("type Query { usage: Int }")
    contract = read_folder(folder)
    endpoint = contract.endpoints[0]
    assert endpoint.sdl == "type Query { usage: Int }"
    assert contract.mounts == {"eu.acme.test": "/v2"}
    shown = credentials.headers_for(endpoint, contract, contract.key("somebody"))
    assert shown == {"authorization": "Bearer pk_somebody"}
    other = credentials.headers_for(contract.endpoints[1], contract, contract.key("somebody"))
    assert other == credentials.headers(contract.auth, contract.key("somebody"))


def test_how_long_a_vendor_knows_an_event_again_is_what_its_rule_says(folder: Path) -> None:
    assert read_folder(folder).deduplicates is None
    assert read_folder(folder).remembers is None
    memory = {"rule": "acme.usage.late"}
    spoilt(folder, lambda document: document.update(deduplicates=memory))
    assert read_folder(folder).remembers is None
    memory["lasts"] = "acme.usage.late"
    spoilt(folder, lambda document: document.update(deduplicates=memory))
    assert read_folder(folder).remembers == timedelta(hours=12)


@pytest.mark.parametrize(
    ("memory", "told"),
    [
        ({"rule": "acme.none"}, "there is no rule acme.none"),
        ({"rule": "acme.auth", "lasts": "acme.none"}, "there is no rule acme.none"),
        ({"rule": "acme.auth", "lasts": "acme.auth"}, "acme.auth is no length"),
        ({"rule": "acme.auth", "lasts": "acme.usage.most"}, "acme.usage.most is no length"),
    ],
)
def test_what_tells_how_long_has_to_be_a_length(folder: Path, memory: Any, told: str) -> None:
    with pytest.raises(ContractFault, match=rf"contract\.json: deduplicates: {told}"):
        spoilt(folder, lambda document: document.update(deduplicates=memory))


def test_a_reference_to_another_file_is_followed(folder: Path) -> None:
    schema = read_folder(folder).endpoint("record-usage").request
    assert schema is not None
    event = {"id": "1", "customer": "c", "meter": "m", "quantity": 1, "at": "2026-01-15T12:00:00Z"}
    assert schema.accepts({"events": [event]})
    assert not schema.accepts({"events": [{**event, "quantity": "1"}]})
    assert not schema.accepts({"events": [{**event, "at": "noon"}]})


def test_files_may_refer_to_each_other_in_circles(folder: Path) -> None:
    tree = {"type": "object", "properties": {"below": {"$ref": "event.json"}}}
    (folder / "schemas" / "event.json").write_text(json.dumps(tree))
    schema = read_folder(folder).endpoint("record-usage").request
    assert schema is not None
    assert schema.accepts({"events": [{"below": {"below": {}}}]})
    assert not schema.accepts({"events": [{"below": {"below": 7}}]})


def test_switches_have_their_defaults(folder: Path) -> None:
    assert read_folder(folder).defaults == {
        "acme.rate-limits": "off",
        "acme.usage.most": 100,
        "acme.usage.late": "12h",
        "acme.usage.keep-late": False,
    }


@pytest.mark.parametrize("missing", ["title", "role", "hosts", "auth", "endpoints", "checked"])
def test_a_contract_that_lacks_something_is_told_what(folder: Path, missing: str) -> None:
    with pytest.raises(ContractFault, match=rf"contract\.json: lacks '{missing}'"):
        spoilt(folder, lambda document: document.pop(missing))


def test_an_unknown_word_in_a_contract_is_told(folder: Path) -> None:
    with pytest.raises(ContractFault, match=r"contract\.json: .*colour"):
        spoilt(folder, lambda document: document["auth"].update(colour="red"))


def test_an_unknown_word_in_a_rule_is_told_with_its_file(folder: Path) -> None:
    with pytest.raises(ContractFault, match=r"rules\.json: .*sauce"):
        spoilt(folder, lambda rules: rules[0].update(sauce="hot"), "rules.json")


def test_a_rule_that_lacks_something_is_told_with_its_file(folder: Path) -> None:
    with pytest.raises(ContractFault, match=r"rules\.json: .*sentence"):
        spoilt(folder, lambda rules: rules[0].pop("sentence"), "rules.json")


@pytest.mark.parametrize("file", ["contract.json", "rules.json", "schemas/event.json"])
def test_a_file_that_is_missing_or_no_json_is_told_by_name(folder: Path, file: str) -> None:
    (folder / file).write_text("{")
    with pytest.raises(ContractFault, match=rf"{file}: is not JSON"):
        read_folder(folder)
    (folder / file).unlink()
    with pytest.raises(ContractFault, match=rf"{file}: does not exist"):
        read_folder(folder)


def test_a_folder_of_vendors_is_found_and_forgotten(acme_root: Path) -> None:
    before = vendors()
    with known(acme_root):
        assert vendors() == sorted([*before, "acme"])
        assert read("acme").title == "Acme"
    assert vendors() == before


def test_a_folder_without_vendors_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ContractFault, match="holds no contracts/<vendor>/contract.json"):
        add_vendors(tmp_path)


def test_a_key_of_the_vendors_shape_is_made_from_a_name(folder: Path) -> None:
    assert read_folder(folder).key("demo") == "ak_demo"


def test_live_keys_are_told_by_a_pattern(folder: Path) -> None:
    live = read_folder(folder).live
    assert live is not None
    assert (live.pattern, live.confidence) == ("ak_live_.+", "documented")
    why = r"contract\.json: live: no pattern: "
    with pytest.raises(ContractFault, match=why):
        spoilt(folder, lambda document: document["live"].update(pattern="("))
    with pytest.raises(ContractFault, match="unexpected keyword argument 'sort'"):
        spoilt(folder, lambda document: document["live"].update(pattern="", sort="x"))
    spoilt(folder, lambda document: document.pop("live"))
    assert read_folder(folder).live is None
