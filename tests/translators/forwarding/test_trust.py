"""Whom a client trusts, by the addresses that it is for."""

from ssl import CERT_REQUIRED

import pytest

from translators.forwarding.trust import authorities, trust

HERE, THERE = "http://127.0.0.1:4020", "HTTPS://api.example.com"


@pytest.mark.parametrize("urls", [(THERE,), (HERE, THERE), ("//api.example.com",)])
def test_where_tls_may_be_spoken_the_authorities_are_trusted_and_read_once(urls) -> None:
    assert trust(*urls) is authorities(environment=True)
    assert authorities(environment=True).cert_store_stats()["x509_ca"] > 0


def test_where_no_tls_is_spoken_nobody_is_trusted_unseen() -> None:
    trusted = trust(HERE, "HTTP://[::1]/v1")
    assert trusted.cert_store_stats()["x509"] == 0
    assert (trusted.verify_mode, trusted.check_hostname) == (CERT_REQUIRED, True)


def test_authorities_of_the_environment_are_not_those_of_who_does_not_go_by_it(
    tmp_path, monkeypatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    authorities.cache_clear()
    try:
        assert authorities(environment=True).cert_store_stats()["x509_ca"] == 0
        assert trust(THERE, environment=False).cert_store_stats()["x509_ca"] > 0
    finally:
        authorities.cache_clear()
