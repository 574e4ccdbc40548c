"""The Client API: one query, for the user who shows who it is."""

from __future__ import annotations

from typing import Any

from contracts.model import Auth
from sandbox.auth import credential
from sandbox.kana import shapes, tokens
from sandbox.kana.refusal import unauthenticated
from sandbox.kana.state import Feature, State, Terms, User
from sandbox.room import Call

__all__ = ["Frontend"]

Shape = dict[str, Any]


class Frontend:
    """One request of a browser's."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.state: State = call.account.state
        self.terms = Terms.of(call.account.settings)

    def current_user(self, _: Any) -> Shape:
        """The user, and the packages whose subscriptions entitle it."""
        user = self._user()
        live = [found for found in self.state.subscriptions.get(user.id, ()) if found.entitles]
        packages = {found.package: self.state.packages[found.package] for found in live}
        return {
            "id": user.id,
            "name": user.name,
            "email": user.email,
            "subscribedPackages": [
                {
                    "id": package.id,
                    "name": package.name,
                    "isAddon": package.is_addon,
                    "features": [
                        self._feature(self.state.features[id], user) for id in package.parts
                    ],
                }
                for package in packages.values()
            ],
        }

    def _feature(self, of: Feature, user: User) -> Shape:
        """A feature with its entitlement, which is the same in every package that has it."""
        told, _ = shapes.access(user.id, of, 1, self.state, self.terms, self.call.now)
        used = told["consumption"]
        # A budget is never null here, so what is unlimited is told without one
        # (rule kana.client.unlimited).
        limited = used is not None and used["budget"] is not None
        entitlement = {"access": told["access"], "consumption": used if limited else None}
        return {"id": of.id, "name": of.name, "type": of.type, "entitlement": entitlement}

    def _user(self) -> User:
        auth = self.call.endpoint.auth
        assert auth is not None
        id = self._named(auth)
        user = self.state.users.get(id)
        if user is None:
            raise unauthenticated("no such user", "kana.client.user", id)
        return user

    def _named(self, auth: Auth) -> str:
        """The id in X-User-ID beside a public key, or in a token that has not expired."""
        shown = credential(self.call.request, auth).key
        if shown.startswith(tokens.PUBLIC):
            id = (self.call.request.header("x-user-id") or "").encode("latin-1")
            if not id:
                raise unauthenticated("X-User-ID is missing", "kana.client.user-id")
            return id.decode("utf-8", "replace")
        claims = tokens.claims(shown, self.call.account) or {}
        if claims.get("exp", 0) <= self.call.now.timestamp():
            raise unauthenticated("the token has expired", "kana.token.life")
        return str(claims["userId"])
