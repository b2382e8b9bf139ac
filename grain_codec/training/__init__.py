"""Fits and trains the networks and the tables that ship with them."""
