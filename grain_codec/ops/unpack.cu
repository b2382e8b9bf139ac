// From the whole numbers of a file to the inputs of the networks. A thread converts one value.

// Splits records, each a fine quality, levels of the thumbnail and levels of the details, into float32 arrays, and
// looks up the quantiser step. They are float32 even where the networks compute in less: levels beyond 256 need it.
extern "C" __global__ void unpack_symbols(const int* records, const float* steps, float* thumbnail, float* details,
                                          float* step, int thumbnails, int length) {
    int place = position_index();
    if (place >= length) return;
    long long batch = blockIdx.z;
    int value = records[batch * length + place];
    if (place == 0)
        step[batch] = steps[value];
    else if (place <= thumbnails)
        thumbnail[batch * thumbnails + place - 1] = (float)value;
    else
        details[batch * (length - 1 - thumbnails) + place - 1 - thumbnails] = (float)value;
}

// Converts LR images, bytes of [B, 16, 16, 3], to samples [B, 3, 16, 16].
extern "C" __global__ void unpack_low_resolution(const unsigned char* pixels, float* y, int plane) {
    int here = position_index();
    if (here >= plane) return;
    y[map_index() * plane + here] = pixels[((long long)blockIdx.z * plane + here) * 3 + blockIdx.y];
}
