"""The equations: pure functions of plain numbers or arrays in s, byte, FLOP, W, J and USD, units checked at the door."""
