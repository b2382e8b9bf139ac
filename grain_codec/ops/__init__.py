"""Operations that draw faces, each as a readable torch reference and, beside it, its CUDA kernel.

A function here gives the same result wherever it runs: the kernel takes over on a GPU where no gradient is
wanted (`kernels.use_kernel`), the reference everywhere else. Reading order: `kernels.py`, how a kernel is
compiled, cached and launched; then `haar.py`, the simplest operation.
"""
