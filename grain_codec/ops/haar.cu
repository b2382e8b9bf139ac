// Inverse Haar step. A thread computes the 2 x 2N samples that N neighbouring positions of one channel give.
template <int N>
__device__ void inverse_haar(const scalar* x, scalar* y, int height, int width) {
    int index = position_index();
    if (index >= height * (width / N)) return;
    int row = index / (width / N), column = index % (width / N) * N;
    int channel = blockIdx.y, channels = gridDim.y;

    long long plane = (long long)height * width;
    const scalar* here = x + (long long)blockIdx.z * 4 * channels * plane + (long long)row * width + column;
    const scalar* high = here + (channels + 3 * channel) * plane;
    Pack<scalar, N> lows = *(const Pack<scalar, N>*)(here + channel * plane);
    Pack<scalar, N> lhs = *(const Pack<scalar, N>*)high;
    Pack<scalar, N> hls = *(const Pack<scalar, N>*)(high + plane);
    Pack<scalar, N> hhs = *(const Pack<scalar, N>*)(high + 2 * plane);
    Pack<scalar, 2 * N> above, below;
#pragma unroll
    for (int i = 0; i < N; ++i) {
        float low = to_float(lows.at[i]), lh = to_float(lhs.at[i]), hl = to_float(hls.at[i]), hh = to_float(hhs.at[i]);
        above.at[2 * i] = from_float((low + lh + hl + hh) / 2);
        above.at[2 * i + 1] = from_float((low + lh - hl - hh) / 2);
        below.at[2 * i] = from_float((low - lh + hl - hh) / 2);
        below.at[2 * i + 1] = from_float((low - lh - hl + hh) / 2);
    }
    scalar* target = y + map_index() * 4 * plane + (long long)row * 4 * width + 2 * column;
    *(Pack<scalar, 2 * N>*)target = above;
    *(Pack<scalar, 2 * N>*)(target + 2 * width) = below;
}

extern "C" __global__ void inverse_haar_1(const scalar* x, scalar* y, int height, int width) {
    inverse_haar<1>(x, y, height, width);
}

extern "C" __global__ void inverse_haar_4(const scalar* x, scalar* y, int height, int width) {
    inverse_haar<4>(x, y, height, width);
}
