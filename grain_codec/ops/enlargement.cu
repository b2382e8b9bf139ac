// Bicubic enlargement of pictures, converted to bytes. A thread computes one pixel.

#define SHARPNESS -0.75f

// Weights of four neighbouring samples for the point that lies `part` of a sample after the second one (Keys 1981).
__device__ __forceinline__ void cubic_weights(float part, float (&weights)[4]) {
    float distances[4] = {part + 1, part, 1 - part, 2 - part};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        float d = distances[i];
        weights[i] = i == 1 || i == 2 ? ((SHARPNESS + 2) * d - (SHARPNESS + 3)) * d * d + 1
                                      : ((SHARPNESS * d - 5 * SHARPNESS) * d + 8 * SHARPNESS) * d - 4 * SHARPNESS;
    }
}

extern "C" __global__ void enlarged_pixels(const scalar* x, unsigned char* y, int height, int width, int out_height,
                                           int out_width) {
    int index = position_index();
    if (index >= out_height * out_width) return;
    float row = (index / out_width + 0.5f) * height / out_height - 0.5f;
    float column = (index % out_width + 0.5f) * width / out_width - 0.5f;
    int top = (int)floorf(row), left = (int)floorf(column);
    float down[4], across[4];
    cubic_weights(row - top, down);
    cubic_weights(column - left, across);
    const scalar* source = x + map_index() * 3 * height * width;
    float sums[3] = {};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        int line = min(max(top - 1 + i, 0), height - 1) * width;
#pragma unroll
        for (int j = 0; j < 4; ++j) {
            const scalar* sample = source + line + min(max(left - 1 + j, 0), width - 1);
#pragma unroll
            for (int channel = 0; channel < 3; ++channel)
                sums[channel] += down[i] * across[j] * to_float(sample[channel * height * width]);
        }
    }
    unsigned char* target = y + (map_index() * out_height * out_width + index) * 3;
#pragma unroll
    for (int channel = 0; channel < 3; ++channel) target[channel] = to_byte(sums[channel]);
}
