"""What this machine reaches, measured, and NumPy work on it predicted: `from mlsysim.audit import audit`."""

from mlsysim.audit.report import Audit, audit

__all__ = ["Audit", "audit"]
