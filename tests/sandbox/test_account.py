"""One credential, one vendor of its own: nothing is shared, everything can be reset."""

from datetime import timedelta

import pytest

from contracts.model import BadValue, UnknownSetting
from sandbox.account import Account, Accounts
from sandbox.app import Sandbox
from sandbox.faults import Fault
from tests.acme import usage
from tests.conftest import Ask, Make


def test_a_key_opens_an_account_and_finds_it_again(accounts: Accounts, key: str) -> None:
    account = accounts.open("acme", key)
    assert accounts.open("acme", key) is account
    assert accounts.find("acme", key) is account
    assert accounts.find("acme", account.handle) is account
    assert accounts.find("acme", "nobody") is None
    assert list(accounts) == [account]


def test_accounts_share_nothing(acme: Sandbox, ask: Ask, account: Account) -> None:
    other = acme.accounts.open("acme", f"{account.key}x")
    ask("POST", "/acme/usage", json={"events": [usage()]})
    account.clock.advance(timedelta(days=1))
    account.set("acme.usage.most", 1)
    account.faults.add(Fault("reset"))
    assert list(other.journal.after(0)) == []
    assert list(other.ledger.entries()) == []
    assert other.clock.now() == account.clock.now() - timedelta(days=1)
    assert other.settings["acme.usage.most"] == 100
    assert not other.faults
    assert other.state.events == {}


def test_settings_begin_as_the_rules_have_them(account: Account) -> None:
    assert account.settings == {
        "acme.rate-limits": "off",
        "acme.usage.most": 100,
        "acme.usage.late": timedelta(hours=12),
        "acme.usage.keep-late": False,
    }


@pytest.mark.parametrize(
    ("rule", "value", "kept"),
    [
        ("acme.rate-limits", "trial", "trial"),
        ("acme.usage.most", 5, 5),
        ("acme.usage.late", "1h30m", timedelta(minutes=90)),
        ("acme.usage.keep-late", True, True),
    ],
)
def test_a_switch_of_each_kind_is_set(
    account: Account, rule: str, value: object, kept: object
) -> None:
    account.set(rule, value)
    assert account.settings[rule] == kept


@pytest.mark.parametrize(
    ("rule", "value", "said"),
    [
        ("acme.rate-limits", "on", "acme.rate-limits: 'on' is not one of off, live, trial."),
        ("acme.rate-limits", ["off"], "is not one of off"),
        ("acme.usage.most", "5", "acme.usage.most: '5' is not a whole number."),
        ("acme.usage.most", 5.0, "is not a whole number"),
        ("acme.usage.most", True, "is not a whole number"),
        ("acme.usage.late", "soon", "is not a length of time such as 12h or 5m"),
        ("acme.usage.late", 12, "is not a length of time"),
        ("acme.usage.keep-late", 1, "is not true or false"),
        ("acme.usage.keep-late", "true", "is not true or false"),
    ],
)
def test_a_value_that_cannot_be_is_refused_and_changes_nothing(
    account: Account, rule: str, value: object, said: str
) -> None:
    before = dict(account.settings)
    with pytest.raises(BadValue, match=said):
        account.set(rule, value)
    assert account.settings == before


def test_a_misspelt_setting_is_told_its_right_name(account: Account) -> None:
    with pytest.raises(UnknownSetting, match=r"Did you mean 'acme\.usage\.late'\?"):
        account.set("acme.usage.latte", "1h")


def test_a_rule_without_a_switch_is_no_setting(account: Account) -> None:
    with pytest.raises(UnknownSetting):
        account.set("acme.usage.duplicate", True)


def test_reset_is_the_first_day_again_but_for_the_clock_and_the_count_of_exchanges(
    ask: Ask, account: Account
) -> None:
    account.clock.advance(timedelta(hours=1))
    now = account.clock.now()
    first = ask("POST", "/acme/usage", json={"events": [usage()]}).json()
    account.set("acme.usage.most", 1)
    account.faults.add(Fault("reset"))
    account.reset()
    assert (account.state.events, list(account.ledger.entries())) == ({}, [])
    assert (account.journal.next, account.settings["acme.usage.most"]) == (2, 100)
    assert not account.faults
    assert account.clock.now() == now
    assert ask("POST", "/acme/usage", json={"events": [usage()]}).json() == first


def test_settings_for_all_accounts_survive_a_reset(made: Make, key: str) -> None:
    account = made(settings={"acme.usage.most": 7}).accounts.open("acme", key)
    assert account.settings["acme.usage.most"] == 7
    account.reset()
    assert account.settings["acme.usage.most"] == 7


def ids(made: Make, key: str, seed: int) -> list[str]:
    account = made(seed=seed).accounts.open("acme", key)
    return [account.id() for _ in range(5)]


def test_ids_are_the_same_for_the_same_seed_and_key_and_no_other(made: Make) -> None:
    assert ids(made, "ak_a", 1) == ids(made, "ak_a", 1)
    all_of_them = ids(made, "ak_a", 1) + ids(made, "ak_b", 1) + ids(made, "ak_a", 2)
    assert len(set(all_of_them)) == 15


def test_an_id_is_as_long_as_asked_for_after_its_prefix(account: Account) -> None:
    assert len(account.id(24)) == 24
    assert account.id(8, prefix="cus_").startswith("cus_")


@pytest.mark.parametrize(
    "id", ["", "acme", "acme-", "acme-x-1", "acme-anonymous-1", "nobody-x-1", "acme-x-¹", "-1"]
)
def test_an_exchange_nobody_had_is_none(accounts: Accounts, id: str) -> None:
    assert accounts.exchange(id) is None


@pytest.mark.parametrize("number", ["0", "2", "x", "-1", "1.0", "9" * 50])
def test_a_number_that_no_exchange_has_is_none(
    accounts: Accounts, ask: Ask, account: Account, number: str
) -> None:
    ask("GET", "/acme/usage/e1")
    assert accounts.exchange(f"acme-{account.handle}-1") is not None
    assert accounts.exchange(f"acme-{account.handle}-{number}") is None
