"""`meterbox openapi`."""

import json

from contracts.openapi import openapi
from contracts.reader import read


def test_the_document_is_printed_with_the_sandboxs_address(run):
    document = json.loads(run("openapi", "orb").output)
    assert document == openapi(read("orb"), "http://127.0.0.1:4020/orb")


def test_another_address_may_be_given(run):
    document = json.loads(run("openapi", "orb", "--base-url", "https://api.withorb.com").output)
    assert document["servers"] == [{"url": "https://api.withorb.com"}]
