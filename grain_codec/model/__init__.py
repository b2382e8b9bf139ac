"""The networks. They see tensors and whole symbols, never bytes."""
