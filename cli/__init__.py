"""The commands. They own paths, messages and exit codes; the work is done by the packages below."""
