/* The column loops of SparseGPT and GPTQ inside one block of columns, sixteen rows at a time: rows do not depend on each
   other.

   w       rows x count, `stride` floats from row to row; becomes the solved weights
   factor  count x count, upper triangle of the block of U, where inverse Hessian = U^T U
   errors  rows x count: (w - solved) / U_jj, for the update of the columns behind the block

   Compile with -ffp-contract=off: every operation is rounded by itself, and each weight takes the errors of the columns
   before it in their order, as in the references; so the results are theirs bit for bit. */

#include <math.h>
#include <stdint.h>

#define LANES 16
#define LONGEST 1024 /* columns in a block */
#define WIDEST 64    /* columns in a group of n:m */
#define STEP 8       /* columns whose errors are spread together: the weights behind them are touched once */

typedef float vector __attribute__((vector_size(LANES * 4)));
typedef int32_t truths __attribute__((vector_size(LANES * 4))); /* -1 true, 0 false */

static inline vector chosen(truths which, vector values) { return (vector)(which & (truths)values); }

static void load(vector *tile, const float *from, long stride, long rows, long count)
{
    for (long r = 0; r < LANES; ++r)
        for (long i = 0; i < count; ++i)
            tile[i][r] = r < rows ? from[r * stride + i] : 0.0f;
}

static void store(const vector *tile, float *to, long stride, long rows, long count)
{
    for (long r = 0; r < rows; ++r)
        for (long i = 0; i < count; ++i)
            to[r * stride + i] = tile[i][r];
}

/* The columns first..stop take the errors of the columns from..to. */
static inline void spread(vector *tile, const vector *error, const float *factor, long from, long to, long first,
                          long stop, long count)
{
    long j = first;
    for (; j + 4 <= stop; j += 4) { /* four at once: each subtraction waits for the one before it */
        vector a = tile[j], b = tile[j + 1], c = tile[j + 2], d = tile[j + 3];
        for (long k = from; k < to; ++k) {
            const float *u = factor + k * count + j;
            a = a - error[k] * u[0];
            b = b - error[k] * u[1];
            c = c - error[k] * u[2];
            d = d - error[k] * u[3];
        }
        tile[j] = a, tile[j + 1] = b, tile[j + 2] = c, tile[j + 3] = d;
    }
    for (; j < stop; ++j)
        for (long k = from; k < to; ++k)
            tile[j] = tile[j] - error[k] * factor[k * count + j];
}

/* Column i becomes `solved`; the columns up to `stop` take its error at once. */
static inline void settle(vector *tile, vector *error, const float *factor, long i, vector solved, long stop, long count)
{
    error[i] = (tile[i] - solved) / factor[i * count + i];
    tile[i] = solved;
    spread(tile, error, factor, i, i + 1, i + 1, stop, count);
}

/* mask: rows x count, 1 = remove. */
void solve_masked(float *w, long stride, const float *factor, float *errors, long rows, long count,
                  const uint8_t *mask, long mask_stride, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long top = 0; top < rows; top += LANES) {
        long high = rows - top < LANES ? rows - top : LANES;
        vector tile[LONGEST], error[LONGEST];
        truths kept[LONGEST];
        load(tile, w + top * stride, stride, high, count);
        for (long r = 0; r < LANES; ++r)
            for (long i = 0; i < count; ++i)
                kept[i][r] = r < high ? mask[(top + r) * mask_stride + i] - 1 : 0;
        for (long start = 0; start < count; start += STEP) {
            long stop = start + STEP < count ? start + STEP : count;
            for (long i = start; i < stop; ++i) {
                settle(tile, error, factor, i, chosen(kept[i], tile[i]), stop, count);
            }
            spread(tile, error, factor, start, stop, stop, count, count);
        }
        store(tile, w + top * stride, stride, high, count);
        store(error, errors + top * count, count, high, count);
    }
}

/* Which of `size` scores are among the `removed` smallest; equal scores from the left. Returns where equal scores lie on
   both sides of the choice. */
static truths smallest(const vector *scores, int removed, int size, truths *out)
{
    truths tied = {0};
    for (int a = 0; a < size; ++a) {
        truths less = {0}, equal = {0}, before = {0};
        for (int b = 0; b < size; ++b) {
            truths same = scores[b] == scores[a];
            less -= scores[b] < scores[a];
            equal -= same;
            if (b < a)
                before -= same;
        }
        out[a] = less + before < removed;
        tied |= (less < removed) & (less + equal > removed);
    }
    return tied;
}

/* mask: rows x count, written. tied: one a row, set where a choice hung on the order of equal scores; with leave_tied,
   the weights of such a row are left as they were. */
void solve_grouped(float *w, long stride, const float *factor, float *errors, long rows, long count, uint8_t *mask,
                   int removed, int size, uint8_t *tied, int leave_tied, int threads)
{
    long step = size > STEP ? size : STEP / size * size;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long top = 0; top < rows; top += LANES) {
        long high = rows - top < LANES ? rows - top : LANES;
        vector tile[LONGEST], error[LONGEST], scores[WIDEST];
        truths out[WIDEST], undecided = {0};
        load(tile, w + top * stride, stride, high, count);
        for (long start = 0; start < count; start += step) {
            long stop = start + step < count ? start + step : count;
            for (long i = start; i < stop; ++i) {
                if (i % size == 0) {
                    for (int k = 0; k < size; ++k) {
                        float d = factor[(i + k) * count + i + k];
                        scores[k] = (tile[i + k] * tile[i + k]) / (d * d);
                    }
                    undecided |= smallest(scores, removed, size, out);
                }
                for (long r = 0; r < high; ++r)
                    mask[(top + r) * count + i] = out[i % size][r] & 1;
                settle(tile, error, factor, i, chosen(~out[i % size], tile[i]), stop, count);
            }
            spread(tile, error, factor, start, stop, stop, count, count);
        }
        for (long r = 0; r < high; ++r) {
            tied[top + r] = undecided[r] & 1;
            if (leave_tied && undecided[r])
                for (long i = 0; i < count; ++i)
                    tile[i][r] = w[(top + r) * stride + i];
        }
        store(tile, w + top * stride, stride, high, count);
        store(error, errors + top * count, count, high, count);
    }
}

/* scale, zero: rows x groups. group: of each column. q = scale * (clamp(round(w / scale) + zero, 0, top) - zero). */
void solve_quantised(float *w, long stride, const float *factor, float *errors, long rows, long count,
                     const float *scale, const float *zero, long groups, const int64_t *group, float highest, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long top = 0; top < rows; top += LANES) {
        long high = rows - top < LANES ? rows - top : LANES;
        vector tile[LONGEST], error[LONGEST], s = {0}, z = {0};
        load(tile, w + top * stride, stride, high, count);
        for (long start = 0; start < count; start += STEP) {
            long stop = start + STEP < count ? start + STEP : count;
            for (long i = start; i < stop; ++i) {
                if (i == 0 || group[i] != group[i - 1])
                    for (long r = 0; r < LANES; ++r) {
                        s[r] = r < high ? scale[(top + r) * groups + group[i]] : 1.0f;
                        z[r] = r < high ? zero[(top + r) * groups + group[i]] : 0.0f;
                    }
                vector ratio = tile[i] / s, level;
                for (long r = 0; r < LANES; ++r)
                    level[r] = rintf(ratio[r]);
                level = level + z;
                level = chosen(~(level <= 0.0f), level); /* NaN stays NaN */
                level = chosen(~(level >= highest), level) + chosen(level >= highest, (vector){0} + highest);
                settle(tile, error, factor, i, s * (level - z), stop, count);
            }
            spread(tile, error, factor, start, stop, stop, count, count);
        }
        store(tile, w + top * stride, stride, high, count);
        store(error, errors + top * count, count, high, count);
    }
}
