"""Trains the networks, and fits the tables that ship with them."""
