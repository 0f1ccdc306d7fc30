"""Solvers: pure functions with a name, one module for each domain of the walls."""
