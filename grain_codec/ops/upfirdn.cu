// Upsampling with zeros, padding, convolution with a filter and downsampling. A thread computes one sample of the
// result. It visits only the taps that fall on a sample, and skips those that fall on an inserted zero.
extern "C" __global__ void upfirdn(const scalar* x, const scalar* taps, scalar* y, int height, int width,
                                   int out_height, int out_width, int filter_height, int filter_width, int up,
                                   int down, int pad) {
    int index = position_index();
    if (index >= out_height * out_width) return;
    const scalar* source = x + map_index() * height * width;

    // The position of the filter's first tap on the upsampled map, and the first tap that falls on a sample.
    int top = index / out_width * down - pad, left = index % out_width * down - pad;
    int first_row = top < 0 ? -top : (up - top % up) % up;
    int first_column = left < 0 ? -left : (up - left % up) % up;
    float sum = 0;
    for (int i = first_row; i < filter_height && (top + i) / up < height; i += up) {
        const scalar* line = source + (top + i) / up * width;
        const scalar* row_taps = taps + (filter_height - 1 - i) * filter_width + filter_width - 1;
        for (int j = first_column; j < filter_width && (left + j) / up < width; j += up)
            sum += to_float(line[(left + j) / up]) * to_float(row_taps[-j]);
    }
    y[map_index() * out_height * out_width + index] = from_float(sum);
}
