"""The equations: pure functions of plain numbers or arrays (s, byte, FLOP, W, J, USD), units checked at the door."""
