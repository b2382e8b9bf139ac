"""Operations that draw faces, each as a readable torch reference and, beside it, its CUDA kernel.

Each function here gives the same result everywhere. It uses its kernel on a GPU where no gradient is needed (see
`kernels.use_kernel`), and its reference everywhere else. To read the code, start with `kernels.py`, which compiles,
caches and launches the kernels, and with `haar.py`, the simplest operation.
"""
