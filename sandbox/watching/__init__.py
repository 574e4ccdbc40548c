"""A relay before a vendor's real API: everything passes untouched, and is held to the contract."""
