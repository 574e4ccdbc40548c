"""Segment events in, vendor requests out; and the forwarder that delivers them."""
