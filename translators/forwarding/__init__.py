"""Takes accepted Segment events to the vendors, and keeps each until the vendor has it."""
