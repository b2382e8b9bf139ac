// The part of CUDA C++ that the kernels use, on the CPU: the threads of a block are fibers that take turns.
// A turn ends at __syncthreads() and inside a warp's matrix product, where a thread waits for all the others.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <string>

#define __device__
#define __global__
#define __forceinline__ inline
#define __launch_bounds__(threads)
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __shared__ static

struct Index {
    unsigned x, y, z;
};
static Index threadIdx, blockIdx, gridDim, blockDim;

static const int STACK = 1 << 16;
static ucontext_t scheduler, fibers[1024];
static void (*body)();
static int current;
static bool done[1024];

static void end_turn() { swapcontext(&fibers[current], &scheduler); }
static void __syncthreads() { end_turn(); }

static void live() {
    body();
    done[current] = true;
    end_turn();
}

// All threads of a block take a turn, then all take the next one, in ascending or descending order.
static void run_block(bool backwards) {
    static char* stacks = (char*)malloc(1024 * STACK);
    int threads = blockDim.x, left = threads;
    for (int i = 0; i < threads; ++i) {
        getcontext(&fibers[i]);
        fibers[i].uc_stack.ss_sp = stacks + i * STACK;
        fibers[i].uc_stack.ss_size = STACK;
        makecontext(&fibers[i], live, 0);
        done[i] = false;
    }
    while (left)
        for (int i = 0; i < threads; ++i) {
            current = backwards ? threads - 1 - i : i;
            if (done[current]) continue;
            threadIdx = {(unsigned)current, 0, 0};
            swapcontext(&scheduler, &fibers[current]);
            left -= done[current];
        }
}

template <typename Body>
void run_grid(Body what) {
    static Body* kept;
    kept = &what;
    body = [] { (*kept)(); };
    for (blockIdx.z = 0; blockIdx.z < gridDim.z; ++blockIdx.z)
        for (blockIdx.y = 0; blockIdx.y < gridDim.y; ++blockIdx.y)
            for (blockIdx.x = 0; blockIdx.x < gridDim.x; ++blockIdx.x) run_block((blockIdx.x + blockIdx.y) % 2);
}

extern "C" void set_grid(unsigned x, unsigned y, unsigned z, unsigned threads) {
    gridDim = {x, y, z};
    blockDim = {threads, 1, 1};
}

// A kernel as a function over the whole grid, and its parameters' types as characters.
template <auto KERNEL>
struct Emulated;
template <typename... Arguments, void (*KERNEL)(Arguments...)>
struct Emulated<KERNEL> {
    static void run(Arguments... arguments) {
        run_grid([&] { KERNEL(arguments...); });
    }
    static std::string types() { return (std::string() + ... + code((Arguments*)0)); }
    template <typename T>
    static char code(T**) { return 'p'; }
    static char code(int*) { return 'i'; }
    static char code(long long*) { return 'l'; }
    static char code(float*) { return 'f'; }
};

static float __uint_as_float(unsigned bits) {
    float x;
    memcpy(&x, &bits, 4);
    return x;
}
static int min(int a, int b) { return a < b ? a : b; }
static int max(int a, int b) { return a > b ? a : b; }
static int __float2int_rn(float x) { return (int)nearbyintf(x); }

static float float_of_half(unsigned short bits) {
    _Float16 x;
    memcpy(&x, &bits, 2);
    return x;
}
static unsigned short half_of_float(float x) {
    _Float16 y = x;
    unsigned short bits;
    memcpy(&bits, &y, 2);
    return bits;
}
static unsigned short bfloat16_of_float(float x) {
    unsigned bits;
    memcpy(&bits, &x, 4);
    return x != x ? 0x7fff : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

// mma.m16n8k16 by the tables of the PTX ISA: all lanes of a warp store their fragments, then each sums its results.
// There are two sets of fragments, since the first lanes start their next product before the last lanes have summed.
template <typename ToFloat>
void emulated_product(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], ToFloat to_float) {
    static float left[2][32][16][16], right[2][32][16][8];
    static int products[1024];
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32, set = products[threadIdx.x]++ % 2;
    int group = lane / 4, pair = lane % 4 * 2;
    for (int i = 0; i < 8; ++i) {
        int row = i < 2 || (i >= 4 && i < 6) ? group : group + 8, column = pair + i % 2 + (i >= 4 ? 8 : 0);
        left[set][warp][row][column] = to_float((unsigned short)(a[i / 2] >> 16 * (i % 2)));
    }
    for (int i = 0; i < 4; ++i)
        right[set][warp][pair + i % 2 + (i >= 2 ? 8 : 0)][group] = to_float((unsigned short)(b[i / 2] >> 16 * (i % 2)));
    end_turn();
    for (int i = 0; i < 4; ++i)
        for (int k = 0; k < 16; ++k)
            d[i] += left[set][warp][i < 2 ? group : group + 8][k] * right[set][warp][k][pair + i % 2];
}
