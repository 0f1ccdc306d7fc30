"""Why predictions miss: what is known of the largest errors."""

from __future__ import annotations

from mlsysim.records import Record, Registry


class Cause(Record):
    """What is known of some misses.

    Parameters
    ----------
    ids
        The beginnings of the ids of the records that share it.
    text
        The cause; what is supposed is said to be.
    """

    ids: tuple[str, ...]
    text: str


CAUSES: Registry[Cause] = Registry("cause", lambda raw: Cause(**raw), "mlsysim.validation", "causes")


def cause_of(record: str) -> str | None:
    """Return why the prediction of a record misses, as far as it is known.

    Parameters
    ----------
    record
        Its id.

    Examples
    --------
    >>> cause_of("rsc-mttf-1024")
    'The job failed of more than its machines; our rate counts machines.'
    """
    return next((cause.text for cause in CAUSES if record.startswith(cause.ids)), None)
