"""A forward proxy for clients that go to the vendors' own hosts, and cannot be told otherwise."""
