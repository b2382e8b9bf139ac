"""The networks of GRAIN as published at CVPR 2022, under the state-dict keys of its released weights."""
