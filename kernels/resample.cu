// resample.cu — a picture with another number of pixels: every mode, both directions.
//
//     y[p, i, j] = Σ_a Σ_b  u[a] · v[b] · x[p, row[a], column[b]]
//
// where a runs over the entries of row i of one sparse matrix (for the height), b over those of row
// j of another (for the width). Nearest has one entry in each row, linear two, cubic four, area
// what a pixel covers. The gradient is the same sum with both matrices transposed: the same kernel.
//
// A matrix is three arrays: the entries of row i are those from start[i] to start[i + 1], each with
// the column that it reads and its weight. x and y (planes, height, width); a plane is one channel
// of one sample. One thread per element of y, neighbours in a row side by side: their reads
// overlap, and come from the caches. Considered: one pass for each dimension, which moves the data
// once more. Reference: resample.py.   Read next: blend.cu (places that a grid names).
#include "mg_common.cuh"

template <typename T>
__global__ void resample_plane(const T* __restrict__ x, const int* __restrict__ row_start,
                               const int* __restrict__ row,
                               const mg_acc<T>* __restrict__ row_weight,
                               const int* __restrict__ column_start,
                               const int* __restrict__ column,
                               const mg_acc<T>* __restrict__ column_weight, T* __restrict__ y,
                               int height, int width, int out_height, int out_width,
                               long long count) {
    using A = mg_acc<T>;
    const long long index = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= count) return;
    const int j = int(index % out_width);
    const int i = int(index / out_width % out_height);
    const T* plane = x + index / out_width / out_height * height * width;

    A sum = 0;
    for (int a = row_start[i]; a < row_start[i + 1]; a++) {
        const T* line = plane + (long long)row[a] * width;
        A along = 0;
        for (int b = column_start[j]; b < column_start[j + 1]; b++)
            along += column_weight[b] * mg_load(line, column[b]);
        sum += row_weight[a] * along;
    }
    mg_store(y, index, sum);
}
