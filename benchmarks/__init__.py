"""Measurements of size, quality and speed against what a user would pick instead."""
