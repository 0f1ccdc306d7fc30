"""Fabrics, nodes and clusters."""
