"""Kana's Client API: public keys, user tokens, hosts."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import jwt
import pytest

from sandbox.account import Account
from sandbox.kana.tokens import issue
from tests.sandbox.kana.conftest import NOW, Send

CLIENT = "/kana/client/graphql"
WHO = "{ currentUser { id subscribedPackages { id } } }"
ONE = {"data": {"currentUser": {"id": "1", "subscribedPackages": [{"id": "pro"}]}}}


def token(send: Send, user: str = "1") -> str:
    asked = "mutation($id: String!) { generateUserToken(userId: $id) { token } }"
    made: str = send(asked, {"id": user}).json()["data"]["generateUserToken"]["token"]
    return made


def bearer(shown: str) -> dict[str, str]:
    return {"authorization": f"Bearer {shown}"}


def unauthenticated(answer: Any) -> bool:
    (error,) = answer.json()["errors"]
    found: str = error["message"]
    return answer.status_code == 200 and found.startswith("Unauthenticated")


def test_a_token_says_what_kanas_do(subscribed: Account, send: Send) -> None:
    """Rule kana.token.claims."""
    made = token(send)
    assert jwt.get_unverified_header(made)["alg"] == "HS256"
    claims = jwt.decode(made, options={"verify_signature": False})
    assert claims == {
        "appId": f"test_{subscribed.handle}",
        "userId": "1",
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 30 * 24 * 3600,
        "aud": "kana-client",
        "iss": "usekana.com",
    }


def test_a_token_stands_for_its_user_and_no_other(subscribed: Account, send: Send) -> None:
    """Rule kana.client.token: X-User-ID beside it says nothing."""
    send('mutation { createUser(input: {id: "2"}) { id } }')
    headers = {**bearer(token(send)), "x-user-id": "2"}
    assert send(WHO, path=CLIENT, headers=headers).json() == ONE


def test_a_token_is_good_for_thirty_days(subscribed: Account, send: Send) -> None:
    """Rule kana.token.life, on the account's clock."""
    headers = bearer(token(send))
    subscribed.clock.advance(timedelta(days=30, seconds=-1))
    assert send(WHO, path=CLIENT, headers=headers).json() == ONE
    subscribed.clock.advance(timedelta(seconds=1))
    assert unauthenticated(send(WHO, path=CLIENT, headers=headers))
    (finding,) = max(subscribed.journal.after(0), key=lambda e: e.number).findings
    assert finding.rule == "kana.token.life"


def test_the_client_api_has_a_host_of_its_own(subscribed: Account, send: Send) -> None:
    """Rule kana.client.endpoint: the same path as the Admin API's, at another host."""
    public = {"authorization": subscribed.key.replace("prv_", "pub_"), "x-user-id": "1"}
    more: dict[str, Any] = {"path": "/graphql", "headers": public}
    assert send(WHO, base_url="https://client-api.usekana.com", **more).json() == ONE
    assert unauthenticated(send(WHO, base_url="https://api.usekana.com", **more))
    admin = send("{ users { id } }", path="/graphql", base_url="https://api.usekana.com")
    assert admin.json() == {"data": {"users": [{"id": "1"}]}}


def altered(made: str, **claims: Any) -> str:
    """A token with other claims and the signature it had."""
    head, body, signature = made.split(".")
    told = json.loads(base64.urlsafe_b64decode(body + "=="))
    body = base64.urlsafe_b64encode(json.dumps({**told, **claims}).encode()).decode().rstrip("=")
    return f"{head}.{body}.{signature}"


def unsigned(made: str) -> str:
    told = jwt.decode(made, options={"verify_signature": False})
    return jwt.encode(told, "", algorithm="none")


DEEP = base64.urlsafe_b64encode(b"[" * 20_000).decode().rstrip("=")


@pytest.mark.parametrize(
    "forge",
    [
        lambda made: altered(made, userId="2"),
        lambda made: altered(made, appId="test_nobody"),
        lambda made: altered(made, appId=["test"]),
        lambda made: altered(made, appId=made),
        lambda made: altered(made, exp=10**12),
        lambda made: altered(made, aud="somebody"),
        unsigned,
        lambda made: made[:-2],
        lambda made: "a.b.c",
        lambda made: f"{made.split('.')[0]}.{DEEP}.{made.split('.')[2]}",
        lambda made: "e30.e30.e30",
    ],
)
def test_a_forged_token_is_nobodys(subscribed: Account, send: Send, forge: Any) -> None:
    answer = send(WHO, path=CLIENT, headers=bearer(forge(token(send))))
    assert unauthenticated(answer)
    assert answer.headers["x-meterbox-exchange"].startswith("kana-anonymous-")


def test_a_token_of_the_live_environment_is_not_one_of_the_test_environment(
    subscribed: Account, send: Send, sandbox: Any
) -> None:
    live = sandbox.accounts.open("kana", subscribed.key.replace("_test_", "_live_"))
    made = issue("1", live, NOW)
    assert unauthenticated(send(WHO, path=CLIENT, headers=bearer(made)))  # no such user there
    assert [e.endpoint for e in live.journal.after(0)] == ["client-graphql"]


def test_a_user_id_may_be_any_text(subscribed: Account, send: Send) -> None:
    send('mutation { createUser(input: {id: "Zoë/?"}) { id } }')
    public = subscribed.key.replace("prv_", "pub_")
    headers = {"authorization": public, "x-user-id": "Zoë/?".encode()}
    answer = send("{ currentUser { id } }", path=CLIENT, headers=headers)
    assert answer.json() == {"data": {"currentUser": {"id": "Zoë/?"}}}


def test_no_secret_is_shown_of_what_a_browser_sent(subscribed: Account, send: Send) -> None:
    made = token(send)
    send(WHO, path=CLIENT, headers=bearer(made))
    public = subscribed.key.replace("prv_", "pub_")
    send(WHO, path=CLIENT, headers={"authorization": public, "x-user-id": "1"})
    from sandbox import view

    told = json.dumps([view.exchange(e, subscribed) for e in subscribed.journal.after(0)])
    assert made not in told
    assert public not in told
    assert subscribed.key not in told
