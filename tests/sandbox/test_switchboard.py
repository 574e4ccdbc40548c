"""Paths that a vendor's edge must see, however odd."""

import pytest

from contracts.reader import read, vendors
from sandbox.app import Options, create_app

PARAMETERS = [
    pytest.param(vendor, path, id=f"{vendor}{path}")
    for vendor in vendors()
    for endpoint in read(vendor).endpoints
    for path in endpoint.paths
    if path.endswith("}")
]


@pytest.mark.parametrize(("vendor", "path"), PARAMETERS)
@pytest.mark.parametrize("id", ["a/b", "a\nb", "a\n"])
def test_an_id_at_the_end_of_a_path_is_any_text(vendor: str, path: str, id: str):
    head, _, name = path.removesuffix("}").rpartition("{")
    switchboard = create_app(Options(vendors=[vendor])).switchboard
    assert switchboard.find(vendor, head + id)[1] == {name: id}


@pytest.mark.parametrize("vendor", vendors())
def test_a_path_the_vendor_lacks_is_still_its_own_to_answer(vendor: str):
    switchboard = create_app(Options(vendors=[vendor])).switchboard
    assert switchboard.find(vendor, "/no such\npath\n")[1] == {"path": "no such\npath\n"}


@pytest.mark.parametrize("vendor", vendors())
def test_a_line_break_after_a_path_makes_another_path(vendor: str):
    find = create_app(Options(vendors=[vendor])).switchboard.find
    for path in (path for endpoint in read(vendor).endpoints for path in endpoint.paths):
        if "{" not in path:
            assert find(vendor, f"{path}\n")[0] is not find(vendor, path)[0]
