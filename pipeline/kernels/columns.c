/* The column loops of SparseGPT and GPTQ inside one block of columns, a row at a time (rows do not depend on each other).

   w       rows x count, `stride` floats from row to row; becomes the solved weights
   factor  count x count, upper triangle of the block of U, where inverse Hessian = U^T U
   errors  rows x count: (w - solved) / U_jj, for the update of the columns behind the block

   Compile with -ffp-contract=off: every operation is rounded by itself, as in the references, so the results are
   theirs bit for bit. A column without error changes nothing and is skipped. */

#include <math.h>
#include <stdint.h>
#include <string.h>

#define LONGEST 1024 /* columns in a block */
#define WIDEST 64    /* columns in a group of n:m */

static inline void spread(float *restrict row, const float *restrict factor, float error, long from, long count)
{
    for (long j = from; j < count; ++j) {
        float product = error * factor[j];
        row[j] = row[j] - product;
    }
}

static inline float remove_weight(float *row, const float *factor, long i, long count)
{
    float error = row[i] / factor[i];
    row[i] = 0.0f;
    if (error != 0.0f)
        spread(row, factor, error, i + 1, count);
    return error;
}

/* mask: rows x count, 1 = remove. */
void solve_masked(float *w, long stride, const float *factor, float *errors, long rows, long count,
                  const uint8_t *mask, long mask_stride, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long r = 0; r < rows; ++r)
        for (long i = 0; i < count; ++i)
            errors[r * count + i] =
                mask[r * mask_stride + i] ? remove_weight(w + r * stride, factor + i * count, i, count) : 0.0f;
}

/* The `removed` smallest of `size` scores, marked in mask; equal scores from the left. Returns 1 if equal scores lie on
   both sides of the choice. */
static int smallest(const float *scores, int removed, int size, uint8_t *mask)
{
    int tied = 0;
    for (int a = 0; a < size; ++a) {
        int before = 0, equal = 0;
        for (int b = 0; b < size; ++b) {
            before += scores[b] < scores[a] || (scores[b] == scores[a] && b < a);
            equal += scores[b] == scores[a];
        }
        mask[a] = before < removed;
        if (equal > 1) {
            int less = 0;
            for (int b = 0; b < size; ++b)
                less += scores[b] < scores[a];
            tied |= less < removed && less + equal > removed;
        }
    }
    return tied;
}

static int solve_groups(float *row, const float *factor, float *errors, long count, uint8_t *mask, int removed, int size)
{
    int tied = 0;
    float scores[WIDEST];
    for (long i = 0; i < count; ++i) {
        if (i % size == 0) {
            for (int k = 0; k < size; ++k) {
                float d = factor[(i + k) * count + i + k];
                scores[k] = (row[i + k] * row[i + k]) / (d * d);
            }
            tied |= smallest(scores, removed, size, mask + i);
        }
        errors[i] = mask[i] ? remove_weight(row, factor + i * count, i, count) : 0.0f;
    }
    return tied;
}

/* mask: rows x count, written. tied: one a row, set where a choice hung on the order of equal scores; with leave_tied,
   the weights of such a row are left as they were. */
void solve_grouped(float *w, long stride, const float *factor, float *errors, long rows, long count, uint8_t *mask,
                   int removed, int size, uint8_t *tied, int leave_tied, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long r = 0; r < rows; ++r) {
        float row[LONGEST];
        memcpy(row, w + r * stride, count * sizeof(float));
        tied[r] = solve_groups(row, factor, errors + r * count, count, mask + r * count, removed, size);
        if (!(tied[r] && leave_tied))
            memcpy(w + r * stride, row, count * sizeof(float));
    }
}

/* scale, zero: rows x groups. group: of each column. q = scale * (clamp(round(w / scale) + zero, 0, top) - zero). */
void solve_quantised(float *w, long stride, const float *factor, float *errors, long rows, long count,
                     const float *scale, const float *zero, long groups, const int64_t *group, float top, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long r = 0; r < rows; ++r) {
        float *row = w + r * stride;
        for (long i = 0; i < count; ++i) {
            float s = scale[r * groups + group[i]], z = zero[r * groups + group[i]];
            float level = rintf(row[i] / s) + z;
            level = level < 0.0f ? 0.0f : level > top ? top : level;
            float solved = s * (level - z);
            float error = (row[i] - solved) / factor[i * count + i];
            row[i] = solved;
            if (error != 0.0f)
                spread(row, factor + i * count, error, i + 1, count);
            errors[r * count + i] = error;
        }
    }
}
