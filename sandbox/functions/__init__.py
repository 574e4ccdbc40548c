"""Destination Functions: runs a team's JavaScript in Node.js, and carries what it sends here."""
