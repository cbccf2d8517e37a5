"""The pure core: facts and a moment in, one decision with its reason out. No I/O, no clock, no chance."""
