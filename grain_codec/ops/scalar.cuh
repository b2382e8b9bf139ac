// This file precedes every kernel source. SCALAR is the type of feature maps: 0 float32, 1 float16, 2 bfloat16.
// 16-bit types are stored as integers and converted in registers, so that no header of the CUDA toolkit is needed.

#if SCALAR == 0
typedef float scalar;
__device__ __forceinline__ float to_float(scalar x) { return x; }
__device__ __forceinline__ scalar from_float(float x) { return x; }
#elif SCALAR == 1
typedef unsigned short scalar;
__device__ __forceinline__ float to_float(scalar x) {
    float y;
    asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x));
    return y;
}
__device__ __forceinline__ scalar from_float(float x) {
    scalar y;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y) : "f"(x));
    return y;
}
#else
typedef unsigned short scalar;
__device__ __forceinline__ float to_float(scalar x) { return __uint_as_float((unsigned)x << 16); }
__device__ __forceinline__ scalar from_float(float x) {
    scalar y;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y) : "f"(x));
    return y;
}
#endif

// N neighbouring values that are read or written at once; their address is a multiple of their size.
template <typename T, int N>
struct alignas(sizeof(T) * N) Pack {
    T at[N];
};

// A sample in [0, 1] as a byte: clamped, rounded half to even.
__device__ __forceinline__ unsigned char to_byte(float x) {
    return (unsigned char)__float2int_rn(fminf(fmaxf(x, 0.0f), 1.0f) * 255.0f);
}

// In elementwise kernels the grid's x counts the positions of a map, y the channels, and z the pictures of a batch.
__device__ __forceinline__ int position_index() { return blockIdx.x * blockDim.x + threadIdx.x; }
__device__ __forceinline__ long long map_index() { return (long long)blockIdx.z * gridDim.y + blockIdx.y; }

#if SCALAR != 0
#if SCALAR == 1
#define FACTORS "f16.f16"
#else
#define FACTORS "bf16.bf16"
#endif
// One step of a warp's matrix product, d += a b, for a tile of 16 x 8 and depth 16 (PTX ISA, mma.m16n8k16).
// With g = lane / 4 and t = 2 * (lane % 4), a register of two values, lower half first, holds
//   a: rows g, g + 8, g, g + 8 at columns t, t, t + 8, t + 8    b: rows t and t + 8 of column g
//   d: row g at columns t and t + 1, then row g + 8
__device__ __forceinline__ void multiply_accumulate(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32." FACTORS ".f32 "
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#endif
