// Converts feature maps to the bytes of pictures, three for a pixel. A thread converts N neighbouring pixels.

// Stores the bytes of neighbouring pixels, as whole words where COUNT is a multiple of 4; the target is aligned then.
template <int COUNT>
__device__ __forceinline__ void store(unsigned char* target, const unsigned char (&bytes)[COUNT]) {
    if constexpr (COUNT % 4 == 0) {
#pragma unroll
        for (int i = 0; i < COUNT; i += 4)
            *(unsigned*)(target + i) = bytes[i] | bytes[i + 1] << 8 | bytes[i + 2] << 16 | (unsigned)bytes[i + 3] << 24;
    } else {
#pragma unroll
        for (int i = 0; i < COUNT; ++i) target[i] = bytes[i];
    }
}

template <int N>
__device__ void image_to_pixels(const scalar* x, unsigned char* y, int plane) {
    int here = position_index() * N;
    if (here >= plane) return;
    unsigned char bytes[3 * N];
#pragma unroll
    for (int channel = 0; channel < 3; ++channel) {
        Pack<scalar, N> samples = *(const Pack<scalar, N>*)(x + (map_index() * 3 + channel) * plane + here);
#pragma unroll
        for (int i = 0; i < N; ++i) bytes[3 * i + channel] = to_byte(to_float(samples.at[i]));
    }
    store(y + (map_index() * plane + here) * 3, bytes);
}

extern "C" __global__ void image_to_pixels_1(const scalar* x, unsigned char* y, int plane) {
    image_to_pixels<1>(x, y, plane);
}

extern "C" __global__ void image_to_pixels_4(const scalar* x, unsigned char* y, int plane) {
    image_to_pixels<4>(x, y, plane);
}
