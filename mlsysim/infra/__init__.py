"""What a fleet stands in: grids."""
