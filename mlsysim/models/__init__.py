"""Models: their shapes, and what a pass through them demands."""
