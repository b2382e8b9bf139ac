// leaky_relu(x + bias) * gain, with one bias for each channel. A thread computes N neighbouring values of one channel.
template <int N>
__device__ void biased_activation(const scalar* x, const scalar* bias, scalar* y, int plane, float slope, float gain) {
    int here = position_index() * N;
    if (here >= plane) return;
    float shift = to_float(bias[blockIdx.y]);
    long long place = map_index() * plane + here;
    Pack<scalar, N> values = *(const Pack<scalar, N>*)(x + place);
#pragma unroll
    for (int i = 0; i < N; ++i) {
        float moved = to_float(values.at[i]) + shift;
        values.at[i] = from_float((moved < 0 ? moved * slope : moved) * gain);
    }
    *(Pack<scalar, N>*)(y + place) = values;
}

extern "C" __global__ void biased_activation_1(const scalar* x, const scalar* bias, scalar* y, int plane, float slope,
                                               float gain) {
    biased_activation<1>(x, bias, y, plane, slope, gain);
}

extern "C" __global__ void biased_activation_4(const scalar* x, const scalar* bias, scalar* y, int plane, float slope,
                                               float gain) {
    biased_activation<4>(x, bias, y, plane, slope, gain);
}
