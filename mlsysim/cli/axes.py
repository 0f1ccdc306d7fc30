"""Values of a sweep, as a user writes them: lists, ranges, series, names, groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from mlsysim.cli.options import amount_of, device_of, listed, model_of
from mlsysim.errors import InputError, InputTypeError, UnknownName, unknown

if TYPE_CHECKING:
    from mlsysim.core.signatures import Input

NUMBERS = "a list 1,8,64, a range 1:16 or 0:100:10, a series 1:1024:2x"


def numbers_of(option: str, text: str) -> list[int]:
    """Return whole numbers: a list ``1,8,64``, a range ``1:9`` or ``0:100:10``, or a series ``1:1024:2x``.

    Examples
    --------
    >>> numbers_of("--batch-size", "1,8"), numbers_of("--batch-size", "1:4"), numbers_of("--batch-size", "1:64:4x")
    ([1, 8], [1, 2, 3, 4], [1, 4, 16, 64])
    """
    found: list[int] = []
    for part in listed(text):
        found += _counted(option, part)
    if not found:
        raise InputError(f"{option} must have at least one value; got {text!r}")
    return found


def _counted(option: str, part: str) -> list[int]:
    factor, bounds = part.endswith("x"), part.removesuffix("x").split(":")
    try:
        first, *rest = map(int, bounds)
    except ValueError:
        raise InputTypeError(
            f"{option} must be whole numbers such as 1,8,64, a range 1:16, or a series 1:1024:2x; got {part!r}"
        ) from None
    last, step = (*rest, *(first, 1)[len(rest) :])[:2]
    if len(rest) > 2 or last < first or step < 1 + factor or (factor and (len(rest) < 2 or first < 1)):
        raise InputError(f"{option} must count up, such as 1:16, 1:100:10 or 1:1024:2x; got {part!r}")
    if not factor:
        return list(range(first, last + 1, step))
    series = [first]
    while series[-1] * step <= last:
        series.append(series[-1] * step)
    return series


def values_of(wanted: Input, text: str) -> list[Any]:
    """Return the values of an input of a solver, by the type that its signature gives it."""
    from mlsysim.core.signatures import alternatives

    kinds, name = set(alternatives(wanted.kind)), wanted.name
    if wanted.records:
        raise InputError(f"{name} cannot be set: give MODEL, HARDWARE or --fleet")
    if bool in kinds:
        flags = {"true": True, "false": False}
        for part in listed(text):
            if part.casefold() not in flags:
                raise unknown(name, part, flags)
        return [flags[part.casefold()] for part in listed(text)]
    if int in kinds and float not in kinds:
        return numbers_of(name, text)
    if str in kinds:
        return listed(text)
    return [amount_of(name, part) for part in listed(text)]


def models_of(text: str) -> list[Any]:
    """Return the models of a list with commas."""
    return [model_of(name) for name in listed(text)]


def machines(place: str, text: str, formats: Sequence[str]) -> list[Any]:
    """Return the devices or clusters of a list with commas; of a group of devices those that know some formats."""
    from mlsysim import Systems

    if place == "fleet":
        return [Systems.Clusters[name] for name in listed(text)]
    return [device for name in listed(text) for device in _devices(name, formats)]


def _devices(name: str, formats: Sequence[str]) -> list[Any]:
    """A device, or all of a group that can compute in some formats; who cannot is named."""
    from mlsysim import Hardware

    if name not in Hardware.groups:
        return [device_of(name)]
    able, unable = [], []
    for device in Hardware.groups[name]:
        try:
            for precision in formats:
                device.compute_format(precision)
            able.append(device)
        except UnknownName:
            raise
        except InputError:
            unable.append(device.name)
    if unable:
        typer.echo(f"left out of {name}, for want of {' or '.join(formats)}: {', '.join(unable)}", err=True)
    return able
