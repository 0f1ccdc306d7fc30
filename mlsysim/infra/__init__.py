"""What a fleet stands in: grids and datacentres."""
