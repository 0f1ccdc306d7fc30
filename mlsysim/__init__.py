"""mlsysim: from first principles, how a machine-learning system behaves.

Latency, throughput, memory, what limits it: `Engine.solve(Models.Llama3_8B, Hardware.H100)`.
The names of `__init__.pyi` load when they are first touched, so that `import mlsysim` costs next to nothing.
"""

from typing import Any

import lazy_loader

from mlsysim.errors import unknown

__version__ = "1.0.0.dev0"
_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise unknown("name in mlsysim", name, __all__)
    return _load(name)
