"""Where bodies tell what billing goes by, as contracts have it."""

from pathlib import Path
from typing import Any

import pytest

from contracts.model import Contract, ContractFault
from contracts.reader import read, read_folder, vendors
from sandbox.lint.usage import reader
from tests.acme import lay_out
from tests.contracts.test_reader import spoilt

LAYOUTS = [
    pytest.param(read(vendor), layout, id=f"{vendor}-{layout.endpoints[0]}")
    for vendor in vendors()
    for layout in read(vendor).layouts
    if read(vendor).example["endpoint"] in layout.endpoints
]


def names(contract: Contract) -> set[str]:
    return {endpoint.name for endpoint in contract.endpoints}


@pytest.mark.parametrize("vendor", vendors())
def test_every_vendor_says_where_usage_stands_at_endpoints_that_it_has(vendor: str) -> None:
    contract = read(vendor)
    assert contract.layouts
    for endpoints in (one.endpoints for one in contract.layouts):
        assert set(endpoints) <= names(contract)
    for endpoints in (one.endpoints for one in contract.namings):
        assert set(endpoints) <= names(contract)
    assert {need.endpoint for need in contract.needs} - {None} <= names(contract)


@pytest.mark.parametrize(("contract", "layout"), LAYOUTS)
def test_what_a_layout_names_is_in_the_vendors_example(contract: Contract, layout: Any) -> None:
    (usage,) = reader(layout)(contract.example["json"], "e", 1, "$")
    assert None not in (usage.key, usage.customer, usage.time, usage.name)
    assert usage.fields


def test_a_layout_that_leans_on_no_rule_there_is_says_so(tmp_path: Path) -> None:
    folder = lay_out(tmp_path) / "contracts" / "acme"
    assert read_folder(folder).layouts[0].again.means == "ignored"

    def change(document: Any) -> None:
        document["usage"][0]["oldest"] = "acme.usage.nothing"

    with pytest.raises(ContractFault, match="usage: there is no rule acme.usage.nothing"):
        spoilt(folder, change)


def test_a_layout_that_lacks_a_field_says_so(tmp_path: Path) -> None:
    folder = lay_out(tmp_path) / "contracts" / "acme"

    def change(document: Any) -> None:
        del document["usage"][0]["key"]

    with pytest.raises(ContractFault, match="contract.json: .*'key'"):
        spoilt(folder, change)
