"""Whether a model fits on a device, by term, and what would fit if it does not."""

from __future__ import annotations

from collections.abc import Callable, Container
from math import ceil
from typing import Any, NamedTuple

from mlsysim.core.result import Later
from mlsysim.hardware.types import PlainHardware
from mlsysim.physics.equation import unrecorded
from mlsysim.physics.memory import footprint
from mlsysim.physics.precision import ELEMENT_SIZE, WIDER
from mlsysim.units import pretty


class Account(NamedTuple):
    """The memory that a pass needs, by term, and what the device has [byte]."""

    weights: float
    kv_cache: float
    live: float
    total: float
    capacity: float
    fits: bool

    @classmethod
    def of(cls, plain: PlainHardware, weights: float, kv_cache: float, live: float) -> Account:
        """Compare the terms with the memories of a device: on a microcontroller, flash and SRAM each on its own."""
        total = footprint.plain(weights, kv_cache, live)
        if plain.flash_capacity is None:
            return cls(weights, kv_cache, live, total, plain.capacity, total <= plain.capacity)
        fits = (weights <= plain.flash_capacity) & (kv_cache + live <= plain.sram_capacity)
        return cls(weights, kv_cache, live, total, plain.flash_capacity + plain.sram_capacity, fits)

    def fields(self) -> dict[str, float | bool]:
        """What a result says of the memory."""
        return {
            "feasible": self.fits,
            "weights_size": self.weights,
            "kv_cache_size": self.kv_cache,
            "activations_size": self.live,
            "memory_capacity": self.capacity,
        }


def what_fits(
    account: Callable[[int, str], Account], plain: PlainHardware, batch_size: int, precision: str
) -> tuple[str, ...]:
    """Return the nearest changes that would make a pass fit: a smaller batch, a narrower format, more devices.

    `account` gives the memory account at another batch size and precision. The search is no part of the derivation.
    """
    with unrecorded():
        options = []
        if account(1, precision).fits:
            low, high = 1, batch_size
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if account(middle, precision).fits else (low, middle)
            options.append(f"batch_size={low}")
        for element in _narrower(precision, plain.peaks):
            if (narrow := account(batch_size, element)).fits:
                options.append(f"precision={element!r} ({pretty(narrow.total, 'byte')})")
                break
        needed = account(batch_size, precision)
        if plain.flash_capacity is None:
            options.append(
                f"{ceil(needed.total / needed.capacity)} such devices, if the model is split evenly over them"
            )
        return tuple(options)


def what_fits_later(held: Any, *asked: Any) -> Any:
    """Return what would fit, looked for when it is read; nothing where a pass fits, or for an array of passes."""
    return Later(what_fits, *asked) if held is False else ()


def _narrower(precision: str, peaks: Container[str]) -> list[str]:
    """The narrower formats that a device can compute on: the widest first, those that it has arithmetic for before."""
    usable = [e for e in ELEMENT_SIZE if any(wider in peaks for wider in WIDER[e])]
    narrower = [e for e in usable if ELEMENT_SIZE[e] < ELEMENT_SIZE[precision]]
    return sorted(narrower, key=lambda e: (-ELEMENT_SIZE[e], e not in peaks))
