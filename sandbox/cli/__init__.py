"""The meterbox command: a file for each of its commands."""
