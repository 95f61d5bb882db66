/* softmax(scale Q K^T) V where each token sees itself and those before it (causal), in float32.

   K is packed into panels of WIDTH tokens, V padded to whole vectors; a thread takes ROWS queries of a head at a time
   and walks over KEYS keys at a time with a running maximum and sum (FlashAttention: Dao et al. 2022). Each query's order of operations is
   the same whatever the number of threads. */

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef __AVX512F__
#define LANES 16
#define HIGH 8 /* queries that are summed up in registers at once */
#else
#define LANES 8
#define HIGH 4
#endif
#define WIDTH (2 * LANES)
#define KEYS 512
#define ROWS 64
#define LOWEST -FLT_MAX /* of a score that does not count */

#ifdef _OPENMP
#include <omp.h>
#define THREAD omp_get_thread_num
int attention_is_parallel(void) { return 1; }
#else
static int only(void) { return 0; }
#define THREAD only
int attention_is_parallel(void) { return 0; }
#endif

typedef float vector __attribute__((vector_size(LANES * 4), aligned(4)));
typedef uint32_t whole __attribute__((vector_size(LANES * 4), aligned(4)));

static long padded(long n) { return (n + WIDTH - 1) / WIDTH * WIDTH; }

/* Floats of working space: K and V of every head that has some, then each thread's. */
long attention_floats(long batch, long groups, long length, long depth, int threads)
{
    return batch * groups * padded(length) * (depth + padded(depth)) + threads * ROWS * (depth + padded(depth));
}

/* e^x for x <= 0, 0 below -87. Cephes' polynomial: 1e-7. */
static inline vector exponential(vector x)
{
    const float shift = 12582912.0f; /* adding it rounds to a whole number, found in the low bits */
    vector shifted = x * 1.44269504f + shift, n = shifted - shift, zero = {0};
    vector r = x - n * 0.693359375f + n * 2.12194440e-4f, y = zero + 1.9875691500e-4f;
    y = y * r + 1.3981999507e-3f;
    y = y * r + 8.3334519073e-3f;
    y = y * r + 4.1665795894e-2f;
    y = y * r + 1.6666665459e-1f;
    y = y * r + 5.0000001201e-1f;
    y = y * r * r + r + 1.0f;
    whole power = ((whole)shifted - (whole)(zero + shift)) << 23;
    return (vector)(((whole)y + power) & (whole)(x > -87.0f));
}

static void score(const float *q, const float *k, long depth, float *scores)
{
    vector total[HIGH][2];
    memset(total, 0, sizeof total);
    for (long d = 0; d < depth; ++d) {
        vector left = *(const vector *)(k + d * WIDTH), right = *(const vector *)(k + d * WIDTH + LANES);
        for (int r = 0; r < HIGH; ++r) {
            float factor = q[d * HIGH + r];
            total[r][0] += factor * left;
            total[r][1] += factor * right;
        }
    }
    for (int r = 0; r < HIGH; ++r)
        memcpy(scores + r * KEYS, total[r], sizeof total[r]);
}

static void add_values(const float *weights, const float *v, long count, long stride, float *sum)
{
    vector total[HIGH][2];
    for (int r = 0; r < HIGH; ++r)
        memcpy(total[r], sum + r * stride, sizeof total[r]);
    for (long t = 0; t < count; ++t) {
        vector left = *(const vector *)(v + t * stride), right = *(const vector *)(v + t * stride + LANES);
        for (int r = 0; r < HIGH; ++r) {
            float factor = weights[r * KEYS + t];
            total[r][0] += factor * left;
            total[r][1] += factor * right;
        }
    }
    for (int r = 0; r < HIGH; ++r)
        memcpy(sum + r * stride, total[r], sizeof total[r]);
}

/* Scores of one query to weights: relative to the largest so far, which may rise. What was summed up shrinks by the
   factor returned. A score that is no finite number makes the sum none. */
static float soften(float *scores, long allowed, long count, float *largest, float *sum)
{
    for (long t = allowed; t < count; ++t)
        scores[t] = LOWEST;
    vector most = *(vector *)scores, total = most * 0.0f;
    for (long t = LANES; t < count; t += LANES) {
        vector here = *(vector *)(scores + t);
        whole more = (whole)(here > most);
        most = (vector)(((whole)here & more) | ((whole)most & ~more));
        total += here * 0.0f;
    }
    float top = *largest;
    for (int lane = 0; lane < LANES; ++lane)
        top = most[lane] > top ? most[lane] : top;
    for (long t = 0; t < count; t += LANES) {
        vector weight = exponential(*(vector *)(scores + t) - top);
        *(vector *)(scores + t) = weight;
        total += weight;
    }
    float factor = expf(*largest - top), added = 0;
    for (int lane = 0; lane < LANES; ++lane)
        added += total[lane];
    *sum = *sum * factor + added;
    *largest = top;
    return factor;
}

/* Queries first to first + ROWS of one head: their weighted values in `sum`, to be divided by `sums`. */
static void attend(const float *q, const float *k, const float *v, long first, long rows, long length, long depth,
                   float *sum, float *sums)
{
    float scores[HIGH * KEYS], largest[ROWS];
    long wide = padded(depth);
    memset(sum, 0, ROWS * wide * sizeof *sum);
    for (int r = 0; r < ROWS; ++r)
        largest[r] = -INFINITY, sums[r] = 0;
    for (long key = 0; key < first + rows; key += KEYS)
        for (long r = 0; r < rows; r += HIGH) {
            long end = first + r + HIGH < length ? first + r + HIGH : length;
            long count = (end < key + KEYS ? end : key + KEYS) - key;
            if (count <= 0)
                continue;
            for (long t = 0; t < count; t += WIDTH)
                score(q + r * depth, k + (key + t) * depth, depth, scores + t);
            for (int high = 0; high < HIGH; ++high) {
                long allowed = first + r + high + 1 - key;
                float factor = soften(scores + high * KEYS, allowed < count ? allowed : count, padded(count),
                                      largest + r + high, sums + r + high);
                if (factor != 1.0f)
                    for (long d = 0; d < wide; ++d)
                        sum[(r + high) * wide + d] *= factor;
            }
            for (long d = 0; d < wide; d += WIDTH)
                add_values(scores, v + key * wide + d, count, wide, sum + r * wide + d);
        }
}

/* K and V of WIDTH tokens of one head: tokens x depth to depth x WIDTH, and with zeros to whole vectors. */
static void pack(const float *k, long k_stride, const float *v, long v_stride, long tokens, long depth, float *keys,
                 float *values)
{
    long wide = padded(depth);
    for (long t = 0; t < WIDTH; ++t) {
        for (long d = 0; d < depth; ++d)
            keys[d * WIDTH + t] = t < tokens ? k[t * k_stride + d] : 0.0f;
        for (long d = 0; d < wide; ++d)
            values[t * wide + d] = t < tokens && d < depth ? v[t * v_stride + d] : 0.0f;
    }
}

/* strides: of q, k and v in elements, each by batch, head, token; their last dimension is dense.
   heads: of q, a multiple of groups, the heads of k and v. out: batch x token x head x depth. */
void attention(const float *q, const float *k, const float *v, float *out, const long *strides, long batch, long heads,
               long groups, long length, long depth, float scale, float *space, int threads)
{
    long wide = padded(depth), tall = padded(length), tiles = (length + ROWS - 1) / ROWS, panels = tall / WIDTH;
    float *keys = space, *values = keys + batch * groups * tall * depth;
    float *own = values + batch * groups * tall * wide;
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
        for (long part = 0; part < batch * groups * panels; ++part) {
            long head = part / panels, start = part % panels * WIDTH, b = head / groups, g = head % groups;
            pack(k + b * strides[3] + g * strides[4] + start * strides[5], strides[5],
                 v + b * strides[6] + g * strides[7] + start * strides[8], strides[8], length - start, depth,
                 keys + (head * tall + start) * depth, values + (head * tall + start) * wide);
        }
/* The last queries see most: they come first, so that threads end together. */
#pragma omp for schedule(dynamic, 1)
        for (long unit = 0; unit < batch * heads * tiles; ++unit) {
            long first = (tiles - 1 - unit / (batch * heads)) * ROWS, head = unit % (batch * heads);
            long b = head / heads, h = head % heads, g = b * groups + h / (heads / groups);
            long rows = length - first < ROWS ? length - first : ROWS;
            float *queries = own + THREAD() * ROWS * (depth + wide), *sum = queries + ROWS * depth, sums[ROWS];
            const float *from = q + b * strides[0] + h * strides[1] + first * strides[2];
            for (long r = 0; r < ROWS; ++r)
                for (long d = 0; d < depth; ++d)
                    queries[r / HIGH * HIGH * depth + d * HIGH + r % HIGH] =
                        r < rows ? scale * from[r * strides[2] + d] : 0.0f;
            attend(queries, keys + g * tall * depth, values + g * tall * wide, first, rows, length, depth, sum, sums);
            for (long r = 0; r < rows; ++r)
                for (long d = 0; d < depth; ++d)
                    out[((b * length + first + r) * heads + h) * depth + d] = sum[r * wide + d] / sums[r];
        }
    }
}
