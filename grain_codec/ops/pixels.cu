// Feature maps to the bytes of pictures, three to a pixel. A thread takes N neighbouring positions.

// Bytes of neighbouring pixels; in whole words where their number allows it, the target being aligned then.
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

// The last inverse Haar step too: planes 0 to 2 are the low bands, then lh, hl and hh of red, of green, of blue.
// `base`, unless null, is a picture that is added.
template <int N>
__device__ void haar_to_pixels(const scalar* x, const scalar* base, unsigned char* y, int height, int width) {
    int index = position_index();
    if (index >= height * (width / N)) return;
    int row = index / (width / N), column = index % (width / N) * N;

    long long plane = (long long)height * width;
    const scalar* here = x + map_index() * 12 * plane + (long long)row * width + column;
    unsigned char above[6 * N], below[6 * N];
#pragma unroll
    for (int channel = 0; channel < 3; ++channel) {
        const scalar* high = here + (3 + 3 * channel) * plane;
        Pack<scalar, N> lows = *(const Pack<scalar, N>*)(here + channel * plane);
        Pack<scalar, N> lhs = *(const Pack<scalar, N>*)high;
        Pack<scalar, N> hls = *(const Pack<scalar, N>*)(high + plane);
        Pack<scalar, N> hhs = *(const Pack<scalar, N>*)(high + 2 * plane);
        Pack<scalar, 2 * N> base_above = {}, base_below = {};
        if (base) {
            const scalar* under = base + (map_index() * 3 + channel) * 4 * plane;
            under += (long long)row * 4 * width + 2 * column;
            base_above = *(const Pack<scalar, 2 * N>*)under;
            base_below = *(const Pack<scalar, 2 * N>*)(under + 2 * width);
        }
#pragma unroll
        for (int i = 0; i < N; ++i) {
            float low = to_float(lows.at[i]), lh = to_float(lhs.at[i]);
            float hl = to_float(hls.at[i]), hh = to_float(hhs.at[i]);
            above[6 * i + channel] = to_byte((low + lh + hl + hh) / 2 + to_float(base_above.at[2 * i]));
            above[6 * i + 3 + channel] = to_byte((low + lh - hl - hh) / 2 + to_float(base_above.at[2 * i + 1]));
            below[6 * i + channel] = to_byte((low - lh + hl - hh) / 2 + to_float(base_below.at[2 * i]));
            below[6 * i + 3 + channel] = to_byte((low - lh - hl + hh) / 2 + to_float(base_below.at[2 * i + 1]));
        }
    }
    unsigned char* target = y + (map_index() * 4 * plane + (long long)row * 4 * width + 2 * column) * 3;
    store(target, above);
    store(target + 6 * width, below);
}

extern "C" __global__ void image_to_pixels_1(const scalar* x, unsigned char* y, int plane) {
    image_to_pixels<1>(x, y, plane);
}

extern "C" __global__ void image_to_pixels_4(const scalar* x, unsigned char* y, int plane) {
    image_to_pixels<4>(x, y, plane);
}

extern "C" __global__ void haar_to_pixels_1(const scalar* x, const scalar* base, unsigned char* y, int height,
                                            int width) {
    haar_to_pixels<1>(x, base, y, height, width);
}

extern "C" __global__ void haar_to_pixels_4(const scalar* x, const scalar* base, unsigned char* y, int height,
                                            int width) {
    haar_to_pixels<4>(x, base, y, height, width);
}
