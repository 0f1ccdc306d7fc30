"""What the shell offers for an argument; each list is read when the Tab key is pressed."""

from __future__ import annotations

from collections.abc import Callable

import typer


def models() -> list[str]:
    """The names of the models."""
    from mlsysim import Models

    return Models.names


def hardware() -> list[str]:
    """The names of the devices."""
    from mlsysim import Hardware

    return Hardware.names


def fleets() -> list[str]:
    """The names of the clusters."""
    from mlsysim import Systems

    return Systems.Clusters.names


def fabrics() -> list[str]:
    """The names of the networks between nodes."""
    from mlsysim import Systems

    return Systems.Fabrics.names


def regions() -> list[str]:
    """The names of the grids and datacentres."""
    from mlsysim import Infra

    return Infra.names


def precisions() -> list[str]:
    """The formats."""
    from mlsysim.physics.precision import ELEMENT_SIZE

    return list(ELEMENT_SIZE)


def fidelities() -> list[tuple[str, str]]:
    """The levels of fidelity, with what each means."""
    from mlsysim.core.solver.node.clock import FIDELITIES

    return list(FIDELITIES.items())


def calibrations() -> list[tuple[str, str]]:
    """The levels of calibration, with what each means."""
    from mlsysim.core.solver.node.kernels import CALIBRATIONS

    return list(CALIBRATIONS.items())


def levels() -> list[str]:
    """The levels at which published results are predicted."""
    from mlsysim.validation.adapters import LEVELS

    return list(LEVELS)


def groupings() -> list[str]:
    """What errors are grouped by."""
    from mlsysim.validation.report import GROUPS

    return list(GROUPS)


def phases() -> list[str]:
    """The phases of a model."""
    return ["decode", "prefill", "training"]


def optimizers() -> list[str]:
    """The optimizers."""
    from mlsysim.core.solver.node.optimizers import OPTIMIZERS

    return OPTIMIZERS.names


def recomputations() -> list[str]:
    """What the backward pass may compute again."""
    from mlsysim.core.solver.node.training_work import RECOMPUTE

    return list(RECOMPUTE)


def schedules() -> list[str]:
    """The schedules of a pipeline."""
    from mlsysim.core.solver.fleet.layout import SCHEDULES

    return list(SCHEDULES)


def zero_stages() -> list[str]:
    """The stages of ZeRO."""
    return ["0", "1", "2", "3"]


def figures() -> list[str]:
    """The figures of a sweep: of a pass, of serving, of training."""
    from mlsysim.core.signatures import result_of, solvers

    names = ("SingleNodeModel", "ServingModel", "TrainingModel", "DistributedModel")
    results = [result_of(solvers()[name]) for name in names]
    return list(
        dict.fromkeys(
            name for result in results for name, field in result.fields().items() if field.stored or field.kind is float
        )
    )


def catalogs() -> list[str]:
    """The registries."""
    from mlsysim.catalogs import CATALOGS

    return list(CATALOGS)


def entries(context: typer.Context) -> list[str]:
    """The entries of the registry that stands before."""
    from mlsysim.catalogs import CATALOGS

    return CATALOGS[context.params.get("catalog", "hardware")].names


def columns() -> list[str]:
    """The columns of all registries."""
    from mlsysim.catalogs import CATALOGS
    from mlsysim.zoo import rows

    return list(dict.fromkeys(column for catalog in CATALOGS for column in rows(catalog)[0]))


def all_entries() -> list[str]:
    """The entries of all registries."""
    from mlsysim.catalogs import CATALOGS

    return [name for entries in CATALOGS.values() for name in entries.names]


def paths(context: typer.Context) -> list[str]:
    """The figures of the entry that stands before."""
    from mlsysim.catalogs import entry

    return list(entry(context.params["name"]).all_figures)


def walls() -> list[tuple[str, str]]:
    """The walls by number."""
    from mlsysim.core.walls import WALLS

    return [(str(wall.number), wall.name) for wall in WALLS]


def schemas() -> list[str]:
    """The words of what a schema describes."""
    from mlsysim.cli.schemas import KINDS

    return list(dict.fromkeys(word for kind in KINDS for word in kind.split()))


def several(choices: Callable[[], list[str]]) -> Callable[[str], list[str]]:
    """Return the completion of a list with commas, whose last part is being written."""

    def completed(incomplete: str) -> list[str]:
        before, comma, _ = incomplete.rpartition(",")
        return [f"{before}{comma}{choice}" for choice in choices()]

    return completed


def hardware_and_groups() -> list[str]:
    """The names of the devices and of their groups."""
    from mlsysim import Hardware

    return [*Hardware.groups, *Hardware.names]


def solvers() -> list[tuple[str, str]]:
    """The solvers, each with what it says of itself."""
    from mlsysim.core.signatures import solvers as known

    return [(name, (kind.__doc__ or "").strip().partition("\n")[0]) for name, kind in known().items()]


def inputs(context: typer.Context) -> list[str]:
    """The inputs of the solver that stands before."""
    from mlsysim.core.signatures import inputs_of
    from mlsysim.core.signatures import solvers as known

    kind = known().get(context.params.get("solver") or "")
    return [] if kind is None else [f"{name}=" for name in inputs_of(kind)]
