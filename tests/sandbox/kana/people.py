"""Kana's users by a plain reading of its documentation: the table of ten rows is data here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["DEFAULTS", "ROWS", "People", "Person", "Who"]

Who = Literal["absent", "bare", "same", "other"]
Outcome = Literal["create", "update", "merge", "overwrite"]

# Who has the payload's userId (absent, without email, of the payload's email, of another), how
# many Stripe imports have the payload's email, and whether anybody else has it.
ROWS: dict[tuple[Who, int, bool], Outcome] = {
    ("bare", 0, False): "update",  # 1
    ("bare", 0, True): "update",  # 2
    ("same", 0, True): "update",  # 3
    ("other", 0, False): "update",  # 4: who has the user's old email does not matter
    ("absent", 0, True): "create",  # 5
    ("other", 0, True): "update",  # 6
    ("bare", 1, False): "merge",  # 7
    ("absent", 1, False): "overwrite",  # 8
    ("absent", 1, True): "create",  # 9
    ("other", 1, True): "update",  # 10
}
DEFAULTS = {
    "kana.identify.has-email": "update",
    "kana.identify.no-email-shared": "update",
    "kana.identify.two-customers": "apart",
    "kana.identify.email-case": "exact",
    "kana.stripe.several": "created",
    "kana.merge.user-id": "given",
}


@dataclass
class Person:
    id: str
    identified: bool
    email: str | None = None
    billing_id: str | None = None
    name: str | None = None

    def fill(self, email: str | None, billing_id: str | None, name: str | None) -> None:
        self.email = email or self.email
        self.billing_id = billing_id or self.billing_id
        self.name = name or self.name


@dataclass
class People:
    """Everybody, oldest first, with what they used and what could not be counted yet."""

    switches: dict[str, Any] = field(default_factory=lambda: dict(DEFAULTS))
    everybody: list[Person] = field(default_factory=list)
    used: Counter[tuple[str, str]] = field(default_factory=Counter)
    kept: list[tuple[str, str | None]] = field(default_factory=list)
    mapped: bool = False

    def find(self, id: str) -> Person | None:
        return next((person for person in self.everybody if person.id == id), None)

    def spelled(self, email: str) -> str:
        ignored = self.switches["kana.identify.email-case"] == "ignore"
        return email.lower() if ignored else email

    def of(self, email: str | None) -> list[Person]:
        return [
            person
            for person in self.everybody
            if email and person.email and self.spelled(person.email) == self.spelled(email)
        ]

    def identify(
        self, id: str, email: str | None, billing_id: str | None, name: str | None, csv: bool
    ) -> None:
        person = self.find(id)
        others = [other for other in self.of(email) if other is not person]
        imports = [other for other in others if not other.identified]
        outcome = self.outcome(person, email, billing_id, imports, len(others) > len(imports))
        if outcome == "overwrite":
            person = imports[0]
            self.move(person.id, id)
            person.id, person.identified = id, True
        if person is None:
            person = Person(id, identified=True)
            self.everybody.append(person)
        person.fill(email, billing_id, name)
        person.identified = person.identified or not csv
        if outcome == "merge":
            self.absorb(imports[0], person)

    def outcome(
        self,
        person: Person | None,
        email: str | None,
        billing_id: str | None,
        imports: list[Person],
        shared: bool,
    ) -> Outcome:
        who = self.who(person, email)
        outcome: Outcome = "create" if person is None else "update"
        outcome = ROWS.get((who, len(imports), shared), outcome)
        if len(imports) == 1 and person is not None and person.identified:
            outcome = self.switched(who, shared, outcome)
        elif person is not None:
            outcome = "update"
        if outcome in ("merge", "overwrite"):
            mine = billing_id or (person and person.billing_id)
            apart = self.switches["kana.identify.two-customers"] == "apart"
            if apart and mine and mine != imports[0].billing_id:
                return "create" if person is None else "update"
        return outcome

    def who(self, person: Person | None, email: str | None) -> Who:
        if person is None:
            return "absent"
        if person.email is None:
            return "bare"
        return "same" if person in self.of(email) else "other"

    def switched(self, who: Who, shared: bool, outcome: Outcome) -> Outcome:
        """What the table leaves open, where one Stripe import has the email."""
        if who == "bare" and shared:
            return "merge" if self.switches["kana.identify.no-email-shared"] == "merge" else outcome
        if who in ("same", "other") and not shared:
            return "merge" if self.switches["kana.identify.has-email"] == "merge" else outcome
        return outcome

    def import_customer(self, email: str, billing_id: str) -> None:
        billed = [person for person in self.everybody if person.billing_id == billing_id]
        alike = self.of(email)
        if len(alike) > 1 and self.switches["kana.stripe.several"] == "created":
            alike = []
        for person in billed + alike + [p for p in self.everybody if p.id == email]:
            person.billing_id = person.billing_id or billing_id
            return
        new = Person(email, identified=False, email=email, billing_id=billing_id)
        self.everybody.append(new)

    def import_rows(self, rows: Iterable[tuple[str, str | None, str | None, str | None]]) -> None:
        before = {person.id for person in self.everybody}
        for row in rows:
            if row[0] not in before or self.find(row[0]):
                self.identify(*row, csv=True)

    def merge(self, ids: list[str]) -> None:
        oldest, *others = [person for person in self.everybody if person.id in ids]
        for other in others:
            self.absorb(other, oldest)
            given = self.switches["kana.merge.user-id"] == "given"
            if other.identified and not oldest.identified and given:
                self.move(oldest.id, other.id)
                oldest.id, oldest.identified = other.id, True

    def create(self, id: str, email: str | None, billing_id: str | None) -> bool:
        if self.find(id) is not None:
            return False
        self.everybody.append(Person(id, True, email, billing_id))
        return True

    def rename(self, id: str, new: str) -> bool:
        person = self.find(id)
        if person is None or self.find(new) not in (None, person):
            return False
        if new != id:
            self.move(id, new)
            person.id, person.identified = new, True
        return True

    def delete(self, id: str) -> int:
        """What the user had used is gone with it; answers how much that was."""
        self.everybody = [person for person in self.everybody if person.id != id]
        lost = [place for place in self.used if place[0] == id]
        return sum(self.used.pop(place) for place in lost)

    def absorb(self, gone: Person, left: Person) -> None:
        left.email = left.email or gone.email
        left.billing_id = left.billing_id or gone.billing_id
        left.name = left.name or gone.name
        self.everybody.remove(gone)
        self.move(gone.id, left.id)

    def move(self, old: str, new: str) -> None:
        for (user, meter), amount in list(self.used.items()):
            if user == old:
                del self.used[user, meter]
                self.used[new, meter] += amount
        self.kept = [(new if user == old else user, feature) for user, feature in self.kept]

    def track(self, user: str, feature: str | None) -> None:
        self.kept.append((user, feature))
        self.count(self.kept[-1:])

    def make_rule(self) -> None:
        self.mapped = True
        self.count(list(self.kept))

    def count(self, events: list[tuple[str, str | None]]) -> None:
        for event in events:
            user, feature = event
            if self.find(user) and (feature or self.mapped):
                self.kept.remove(event)
                self.used[user, feature or "rule"] += 1
