/* sum += X^T X for X of tokens x columns, upper triangle only, float32 accumulation. Half the work of a matrix product.

   Tokens are taken in slices that fit the cache; each slice is packed into panels of WIDTH columns, and each pair of
   panels gives a tile of the sum. A tile is one thread's and slices come in order, so the result does not depend on the
   number of threads. Products of two bfloat16 are exact in float32: bfloat16 inputs lose nothing but the order of sums. */

#include <stdint.h>
#include <string.h>

#ifdef __AVX512F__
#define LANES 16
#define HIGH 8 /* rows of a tile that are summed up in registers at once */
#else
#define LANES 8
#define HIGH 4
#endif
#define WIDTH (2 * LANES)
#define SLICE 256 /* tokens */
#define BAND 96   /* columns of squares that one thread sums up at a time */

typedef float vector __attribute__((vector_size(LANES * 4), aligned(4)));

long gram_panel_bytes(long columns) { return (columns + WIDTH - 1) / WIDTH * WIDTH * SLICE * sizeof(float); }

static inline float widen(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void add_tile(const float *tile, float *sum, long columns, long top, long left)
{
    for (long r = 0; r < HIGH && top + r < columns; ++r)
        for (long c = 0; c < WIDTH && left + c < columns; ++c)
            sum[(top + r) * columns + left + c] += tile[r * WIDTH + c];
}

static void multiply(const float *a, const float *b, long depth, float *tile)
{
    vector total[HIGH][2];
    memset(total, 0, sizeof total);
    for (long t = 0; t < depth; ++t) {
        vector left = *(const vector *)(b + t * WIDTH), right = *(const vector *)(b + t * WIDTH + LANES);
        for (int r = 0; r < HIGH; ++r) {
            float factor = a[t * WIDTH + r];
            total[r][0] += factor * left;
            total[r][1] += factor * right;
        }
    }
    memcpy(tile, total, sizeof total);
}

/* Every tile on or above the diagonal, from packed panels. */
#define ADD_TILES(MULTIPLY, ELEMENT, depth)                                                     \
    for (long tile_row = 0; tile_row < panels * (WIDTH / HIGH); ++tile_row)                     \
        for (long right = tile_row / (WIDTH / HIGH); right < panels; ++right) {                 \
            long top = tile_row * HIGH;                                                         \
            const ELEMENT *a = (const ELEMENT *)panel + top / WIDTH * (depth) * WIDTH + top % WIDTH; \
            const ELEMENT *b = (const ELEMENT *)panel + right * (depth) * WIDTH;                \
            float tile[HIGH * WIDTH];                                                           \
            MULTIPLY(a, b, depth, tile);                                                        \
            add_tile(tile, sum, columns, top, right * WIDTH);                                   \
        }

#define PACK(VALUE)                                                              \
    for (long p = 0; p < panels; ++p)                                            \
        for (long t = 0; t < depth; ++t)                                         \
            for (long c = 0; c < WIDTH; ++c) {                                   \
                long column = p * WIDTH + c;                                     \
                panel[(p * depth + t) * WIDTH + c] = column < columns ? VALUE : 0.0f; \
            }

void gram_float32(const float *x, long tokens, long columns, float *sum, float *panel, int threads)
{
    long panels = (columns + WIDTH - 1) / WIDTH;
    for (long start = 0; start < tokens; start += SLICE) {
        long depth = tokens - start < SLICE ? tokens - start : SLICE;
#pragma omp parallel num_threads(threads)
        {
#pragma omp for schedule(static)
            PACK(x[(start + t) * columns + column])
#pragma omp for schedule(dynamic, 4)
            ADD_TILES(multiply, float, depth)
        }
    }
}

/* sum = the squares of each column of X, a column by one thread, token after token. */
#define SQUARES(VALUE)                                                              \
    _Pragma("omp parallel for num_threads(threads) schedule(static)")               \
    for (long start = 0; start < columns; start += BAND) {                          \
        long stop = start + BAND < columns ? start + BAND : columns;                \
        memset(sum + start, 0, (stop - start) * sizeof *sum);                       \
        for (long t = 0; t < tokens; ++t)                                           \
            for (long c = start; c < stop; ++c) {                                   \
                float value = VALUE(x[t * columns + c]);                            \
                sum[c] += value * value;                                            \
            }                                                                       \
    }

void squares_float32(const float *restrict x, long tokens, long columns, float *restrict sum, int threads) { SQUARES() }

void squares_bfloat16(const uint16_t *restrict x, long tokens, long columns, float *restrict sum, int threads)
{
    SQUARES(widen)
}

#ifdef __AVX512BF16__
#include <immintrin.h>

/* Two tokens at once: an element of a panel is a pair of halves. */
static void multiply_pairs(const uint32_t *a, const uint32_t *b, long depth, float *tile)
{
    __m512 total[HIGH][2];
    for (int r = 0; r < HIGH; ++r)
        total[r][0] = total[r][1] = _mm512_setzero_ps();
    for (long t = 0; t < depth; ++t) {
        __m512bh left = (__m512bh)_mm512_loadu_si512(b + t * WIDTH);
        __m512bh right = (__m512bh)_mm512_loadu_si512(b + t * WIDTH + LANES);
        for (int r = 0; r < HIGH; ++r) {
            __m512bh factor = (__m512bh)_mm512_set1_epi32((int)a[t * WIDTH + r]);
            total[r][0] = _mm512_dpbf16_ps(total[r][0], factor, left);
            total[r][1] = _mm512_dpbf16_ps(total[r][1], factor, right);
        }
    }
    memcpy(tile, total, sizeof total);
}

void gram_bfloat16(const uint16_t *x, long tokens, long columns, float *sum, float *space, int threads)
{
    long panels = (columns + WIDTH - 1) / WIDTH;
    uint32_t *panel = (uint32_t *)space;
    for (long start = 0; start < tokens; start += 2 * SLICE) {
        long here = tokens - start < 2 * SLICE ? tokens - start : 2 * SLICE, depth = (here + 1) / 2;
#pragma omp parallel num_threads(threads)
        {
#pragma omp for schedule(static)
            for (long p = 0; p < panels; ++p)
                for (long t = 0; t < depth; ++t) {
                    const uint16_t *one = x + (start + 2 * t) * columns, *two = 2 * t + 1 < here ? one + columns : 0;
                    for (long c = 0; c < WIDTH; ++c) {
                        long column = p * WIDTH + c;
                        uint32_t low = column < columns ? one[column] : 0, high = two && column < columns ? two[column] : 0;
                        panel[(p * depth + t) * WIDTH + c] = high << 16 | low;
                    }
                }
#pragma omp for schedule(dynamic, 4)
            ADD_TILES(multiply_pairs, uint32_t, depth)
        }
    }
}
#else
void gram_bfloat16(const uint16_t *x, long tokens, long columns, float *sum, float *panel, int threads)
{
    long panels = (columns + WIDTH - 1) / WIDTH;
    for (long start = 0; start < tokens; start += SLICE) {
        long depth = tokens - start < SLICE ? tokens - start : SLICE;
#pragma omp parallel num_threads(threads)
        {
#pragma omp for schedule(static)
            PACK(widen(x[(start + t) * columns + column]))
#pragma omp for schedule(dynamic, 4)
            ADD_TILES(multiply, float, depth)
        }
    }
}
#endif
