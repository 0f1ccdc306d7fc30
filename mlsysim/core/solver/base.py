"""What every solver is: a named pure function that knows its walls."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, ClassVar

from mlsysim.core.result import Result
from mlsysim.core.walls import Wall, walls_for_solver
from mlsysim.errors import InputTypeError, positive_integer, shown, whole_numbers
from mlsysim.hardware.registry import Hardware
from mlsysim.hardware.types import HardwareNode
from mlsysim.models.registry import Models
from mlsysim.models.types import Workload
from mlsysim.units import arrays_allowed


def counted(name: str, value: Any) -> Any:
    """Return `value` if it is a whole number of at least 1; within `Solver.figures` also an array of such numbers.

    Raises
    ------
    InputTypeError, InputError
        As `positive_integer` does.
    """
    if type(value) is int or not arrays_allowed.get():
        return positive_integer(name, value)
    checked = whole_numbers(name, value)
    return checked if isinstance(checked, int) else value


def _asking(solve: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a `solve` so that its result can ask again, which is how it explains itself."""

    @wraps(solve)
    def asking(self: Solver, *args: Any, **kwargs: Any) -> Any:
        result = solve(self, *args, **kwargs)
        return result.asked_by(partial(self.solve, *args, **kwargs)) if isinstance(result, Result) else result

    return asking


class Solver:
    """A question with typed inputs, answered by `solve` with a frozen `Result`.

    A solver whose formulas take arrays says so: `arrays` names the inputs that may be arrays in `figures`, and
    `varying` the fields of the result that vary with them.
    """

    solve: Callable[..., Any]
    arrays: ClassVar[tuple[str, ...]] = ()
    varying: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "solve" in vars(cls):
            cls.solve = _asking(cls.solve)

    def figures(self, **inputs: Any) -> dict[str, Any]:
        """Return the fields that vary as plain numbers; inputs are those of `solve`, of which `arrays` may be arrays.

        Arrays broadcast; names come as `Labels`. Errors are those of `solve`.

        Examples
        --------
        >>> import numpy as np
        >>> from mlsysim import Hardware, Models, SingleNodeModel
        >>> solver, batches = SingleNodeModel(), np.array([1, 64])
        >>> found = solver.figures(model=Models.ResNet50, hardware=Hardware.A100, batch_size=batches)
        >>> found["bottleneck"].text().tolist()
        ['Memory', 'Compute']
        """
        token = arrays_allowed.set(True)
        try:
            plain = type(self).solve.__wrapped__(self, **inputs).plain
        finally:
            arrays_allowed.reset(token)
        return {name: plain[name] for name in self.varying}

    @property
    def walls(self) -> tuple[Wall, ...]:
        """The walls that this solver resolves.

        Examples
        --------
        >>> from mlsysim import SingleNodeModel
        >>> [wall.name for wall in SingleNodeModel().walls]
        ['Compute', 'Memory']
        """
        return walls_for_solver(type(self).__name__)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def check_model(model: Any) -> Workload:
    """Return `model` if it is one; for anything else say what to write instead."""
    if isinstance(model, Workload):
        return model
    raise _instead("model", model, "Models", Models, HardwareNode)


def check_hardware(hardware: Any) -> HardwareNode:
    """Return `hardware` if it is a device; for anything else say what to write instead."""
    if isinstance(hardware, HardwareNode):
        return hardware
    raise _instead("hardware", hardware, "Hardware", Hardware, Workload)


def _instead(argument: str, given: Any, registry: str, entries: Any, swapped: type) -> Exception:
    if isinstance(given, str):
        entries[given]  # raises with the nearest name if there is none
        return InputTypeError(f"{argument} must be an object, not its name: write {registry}.{given} for {given!r}")
    hint = "; model and hardware are swapped" if isinstance(given, swapped) else ""
    kind = type(given).__name__ if isinstance(given, swapped) else shown(given)
    return InputTypeError(f"{argument} must be an entry of {registry} or one of your own; got {kind}{hint}")
