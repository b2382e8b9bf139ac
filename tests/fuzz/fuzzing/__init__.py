"""What is fuzzed, with what, and within which bounds."""
