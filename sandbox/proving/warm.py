"""Imported by the process that forwarders are forked from: what it has read, none of them reads."""

from __future__ import annotations

import gc
from importlib import import_module

from contracts.reader import read
from sandbox.app import Options, create_app
from sandbox.proving import child
from sandbox.proving.intake import source
from sandbox.wiring import local
from translators.forwarding import delivery, worker
from translators.mapping import translated_vendors, translator

__all__ = ["child", "delivery", "worker"]

create_app(Options(vendors=[source()]))
for _vendor in translated_vendors():
    read(_vendor)
    translator(_vendor, local(_vendor))
# Of these a client imports when it first connects.
for _late in ("httpcore", "anyio._backends._asyncio"):
    import_module(_late)
gc.collect()
gc.freeze()
