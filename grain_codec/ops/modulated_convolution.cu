// The separable modulated convolution in one pass over its input.
//
// A block computes OUTPUTS channels of a tile of ROWS x COLUMNS positions of one picture. It takes DEPTH input
// channels at a time, and in each step
//   1. copies the tile and a border of one position into shared memory,
//   2. filters it, with a lane for each input channel and a warp for each row of the tile; the style scales the taps,
//   3. multiplies it by the pointwise weights, on the tensor cores for 16-bit types; a warp computes 32 outputs at 32
//      positions.

#define ROWS 8
#define COLUMNS 16
#define POSITIONS (ROWS * COLUMNS)
#define BORDERED (COLUMNS + 2)
#define HALO ((ROWS + 2) * BORDERED)
#define DEPTH 32
#define OUTPUTS 64
#define THREADS 256

// Lengths of rows in shared memory, chosen so that the lanes of a warp access different banks.
#if SCALAR == 0
#define HALO_STRIDE 33
#define STRIDE 33
#else
#define HALO_STRIDE 34
#define STRIDE 40
#endif

// acc[i][j] is the 16 x 8 part of a warp's 32 x 32 results that starts at row 16 i and column 8 j. Its elements are
// distributed over the lanes as `multiply_accumulate` describes.
__device__ __forceinline__ void multiply(const scalar (*weights)[STRIDE], const scalar (*filtered)[STRIDE], int group,
                                         int pair, float (&acc)[2][4][4]) {
#if SCALAR == 0
    for (int k = 0; k < DEPTH; ++k)
#pragma unroll
        for (int i = 0; i < 2; ++i)
#pragma unroll
            for (int j = 0; j < 4; ++j)
#pragma unroll
                for (int part = 0; part < 4; ++part)
                    acc[i][j][part] +=
                        weights[16 * i + 8 * (part / 2) + group][k] * filtered[8 * j + pair + part % 2][k];
#else
#pragma unroll
    for (int k = 0; k < DEPTH; k += 16) {
        unsigned a[2][4], b[4][2];
#pragma unroll
        for (int i = 0; i < 2; ++i)
#pragma unroll
            for (int part = 0; part < 4; ++part)
                a[i][part] = *(const unsigned*)&weights[16 * i + 8 * (part % 2) + group][k + 8 * (part / 2) + pair];
#pragma unroll
        for (int j = 0; j < 4; ++j)
#pragma unroll
            for (int part = 0; part < 2; ++part)
                b[j][part] = *(const unsigned*)&filtered[8 * j + group][k + 8 * part + pair];
#pragma unroll
        for (int i = 0; i < 2; ++i)
#pragma unroll
            for (int j = 0; j < 4; ++j) multiply_accumulate(acc[i][j], a[i], b[j]);
    }
#endif
}

extern "C" __global__ void __launch_bounds__(THREADS)
    separable_modulated_convolution(const scalar* x, const scalar* style, const scalar* depthwise,
                                    const scalar* pointwise, const scalar* bias, const scalar* noise,
                                    long long noise_stride, scalar* y,
                                    int channels, int outputs, int height, int width, float slope) {
    __shared__ scalar halo[HALO][HALO_STRIDE];
    __shared__ __align__(16) scalar filtered[POSITIONS][STRIDE];
    __shared__ __align__(16) scalar weights[OUTPUTS][STRIDE];

    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    int tiles = (width + COLUMNS - 1) / COLUMNS;
    int top = blockIdx.x / tiles * ROWS, left = blockIdx.x % tiles * COLUMNS;
    int first_output = blockIdx.y * OUTPUTS;
    long long plane = (long long)height * width;
    const scalar* picture = x + (long long)blockIdx.z * channels * plane;

    int group = lane / 4, pair = lane % 4 * 2;
    int warp_outputs = warp / 4 * 32, warp_positions = warp % 4 * 32;
    float acc[2][4][4] = {};

    for (int first = 0; first < channels; first += DEPTH) {
        __syncthreads();
        for (int k = warp; k < DEPTH; k += THREADS / 32) {
            const scalar* source = picture + (first + k) * plane;
            for (int i = lane; i < HALO; i += 32) {
                int row = top + i / BORDERED - 1, column = left + i % BORDERED - 1;
                bool inside = first + k < channels && row >= 0 && row < height && column >= 0 && column < width;
                halo[i][k] = inside ? source[(long long)row * width + column] : from_float(0.0f);
            }
        }
        for (int i = threadIdx.x; i < OUTPUTS * DEPTH; i += THREADS) {
            int output = i / DEPTH, k = i % DEPTH;
            bool inside = first + k < channels && first_output + output < outputs;
            weights[output][k] =
                inside ? pointwise[(long long)(first_output + output) * channels + first + k] : from_float(0.0f);
        }
        __syncthreads();

        float taps[9] = {};
        if (first + lane < channels) {
            float scale = to_float(style[(long long)blockIdx.z * channels + first + lane]);
#pragma unroll
            for (int i = 0; i < 9; ++i) taps[i] = to_float(depthwise[(first + lane) * 9 + i]) * scale;
        }
        float seen[3][3];
#pragma unroll
        for (int i = 0; i < 3; ++i) {
            seen[i][1] = to_float(halo[(warp + i) * BORDERED][lane]);
            seen[i][2] = to_float(halo[(warp + i) * BORDERED + 1][lane]);
        }
#pragma unroll
        for (int column = 0; column < COLUMNS; ++column) {
            float sum = 0;
#pragma unroll
            for (int i = 0; i < 3; ++i) {
                seen[i][0] = seen[i][1];
                seen[i][1] = seen[i][2];
                seen[i][2] = to_float(halo[(warp + i) * BORDERED + column + 2][lane]);
#pragma unroll
                for (int j = 0; j < 3; ++j) sum += seen[i][j] * taps[3 * i + j];
            }
            filtered[warp * COLUMNS + column][lane] = from_float(sum);
        }
        __syncthreads();
        multiply(weights + warp_outputs, filtered + warp_positions, group, pair, acc);
    }

    // A lane stores two neighbouring values at once where every row of the map starts at an even index.
    bool in_pairs = width % 2 == 0;
    const scalar* picture_noise = noise ? noise + blockIdx.z * noise_stride : nullptr;
#pragma unroll
    for (int i = 0; i < 2; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j)
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                int output = first_output + warp_outputs + 16 * i + 8 * half + group;
                int position = warp_positions + 8 * j + pair;
                int row = top + position / COLUMNS, column = left + position % COLUMNS;
                if (output >= outputs || row >= height || column >= width) continue;
                long long here = (long long)row * width + column;
                bool has_second = column + 1 < width;
                float shift = to_float(bias[output]);
                float first_value = acc[i][j][2 * half] + shift, second_value = acc[i][j][2 * half + 1] + shift;
                if (picture_noise) {
                    first_value += to_float(picture_noise[here]);
                    if (has_second) second_value += to_float(picture_noise[here + 1]);
                }
                Pack<scalar, 2> values;
                values.at[0] = from_float(first_value < 0 ? first_value * slope : first_value);
                values.at[1] = from_float(second_value < 0 ? second_value * slope : second_value);
                scalar* target = y + ((long long)blockIdx.z * outputs + output) * plane + here;
                if (in_pairs) {
                    *(Pack<scalar, 2>*)target = values;
                } else {
                    target[0] = values.at[0];
                    if (has_second) target[1] = values.at[1];
                }
            }
}
