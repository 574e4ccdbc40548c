"""User tokens: JWTs signed with HS256, for one user of one account (rule kana.token.claims)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import jwt

if TYPE_CHECKING:
    from sandbox.account import Account, Accounts

__all__ = ["PUBLIC", "claims", "issue", "tenant"]

AUDIENCE, ISSUER = "kana-client", "usekana.com"
LIFE = timedelta(days=30)
PUBLIC = "pub_"
PRIVATE = "prv_"


def issue(user: str, account: Account, now: datetime) -> str:
    """A token with which a browser is this user for 30 days."""
    issued = int(now.timestamp())
    told = {
        "appId": _app(account),
        "userId": user,
        "iat": issued,
        "exp": issued + int(LIFE.total_seconds()),
        "aud": AUDIENCE,
        "iss": ISSUER,
    }
    return jwt.encode(told, _secret(account), algorithm="HS256")


def claims(token: str, account: Account) -> Mapping[str, Any] | None:
    """What a token of this account says, expired or not; None where it is not this account's."""
    # Whether it has expired is the account's clock to say, which PyJWT does not know.
    options: Any = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
    try:
        return jwt.decode(
            token,
            _secret(account),
            algorithms=["HS256"],
            audience=AUDIENCE,
            issuer=ISSUER,
            options=options,
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        return None


def tenant(credential: str, accounts: Accounts) -> str | None:
    """The private key of the account that a public key or a user token belongs to.

    A public key is the private one of the same ending (rule kana.client.public-key).
    """
    if credential.startswith(PUBLIC):
        return PRIVATE + credential.removeprefix(PUBLIC)
    try:
        told = jwt.decode(credential, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        return None
    app = told.get("appId")
    if not isinstance(app, str):
        return None
    account = accounts.find("kana", app.partition("_")[2])
    if account is None or _app(account) != app or claims(credential, account) is None:
        return None
    return account.key


def _app(account: Account) -> str:
    """The account as a token names it: its environment, and a handle that tells no key."""
    environment = account.key.removeprefix(PRIVATE).partition("_")[0]
    return f"{environment}_{account.handle}"


def _secret(account: Account) -> str:
    return sha256(f"user tokens of {account.key}".encode()).hexdigest()
