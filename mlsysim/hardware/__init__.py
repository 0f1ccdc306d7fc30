"""Devices: what they can compute, hold and move, each figure with its source."""
