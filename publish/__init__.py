"""Builds the site: with Quarto where it is found, else with the embedded renderer."""
