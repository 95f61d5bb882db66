/* Matrix products of float32 on Intel's AMX: tiles of 16 x 16 sums over 32 products of bfloat16, added up in float32.

   A float32 x is written as high + low, both bfloat16: together they keep 16 of its 24 significant bits. A product is
   then high high + high low + low high, wrong by about 2^-16 of it: three instructions, still twice as fast as
   float32's own (Henry, Tang, Heinecke 2019, arXiv 1904.06376). Infinities and what bfloat16 would round to them become
   NaN; parts, products and sums under 1e-38 become zero. A Gram matrix takes low low too: without it, it need not be
   positive semi-definite.
   Matrices are kept in two parts, the high halves and then the low ones. A sum is one thread's, slice after slice of the
   depth: the result does not depend on the number of threads. */

#if defined(__AMX_BF16__) && defined(__AVX512BF16__) && defined(_OPENMP) && defined(__linux__)
#include "tiles.h"

/* Whether this process may use tiles: the system saves their registers only for those that asked. */
int tiles_ready(void) { return syscall(SYS_arch_prctl, 0x1023 /* ARCH_REQ_XCOMP_PERM */, 18 /* tile data */) == 0; }

/* Row r of x, and its remainders, into tiles of rows. `room` numbers lie between the two parts. */
static void pack_row(const float *x, long r, long rows, long depth, half *tiles, long steps, long room)
{
    half *to = tiles + (r / 16 * steps) * TILE + r % 16 * STEP;
    for (long s = 0; s < steps; ++s)
        for (int p = 0; p < 2; ++p)
            _mm512_storeu_si512(to + p * room + s * TILE,
                                r < rows ? row_of(x + r * depth + s * STEP, depth - s * STEP, p) : _mm512_setzero_si512());
}

/* 32 rows of w from row `left` on, and their remainders, from `start` on in their depth, into tiles of columns. */
static void pack_panel(const float *w, long left, long columns, long depth, long start, half *tiles, long steps, long room)
{
    for (int t = 0; t < 2; ++t)
        for (long s = 0; s < steps; ++s)
            for (int p = 0; p < 2; ++p) {
                __m512i words[16];
                long at = start + s * STEP;
                for (long c = 0; c < 16; ++c) {
                    long column = left + t * 16 + c;
                    words[c] = column < columns ? row_of(w + column * depth + at, depth - at, p) : _mm512_setzero_si512();
                }
                transpose(words);
                for (int i = 0; i < 16; ++i)
                    _mm512_storeu_si512(tiles + p * room + (t * steps + s) * TILE + i * STEP, words[i]);
            }
}

/* How much of a depth is taken at a time: equal slices of about SLICE. */
static long slice_of(long depth)
{
    long n = (depth + SLICE / 2) / SLICE;
    return up(n > 1 ? (depth + n - 1) / n : depth, STEP);
}

/* A thread's share of n, in whole steps: from *from up to, but not with, what it returns. */
static long share(long n, long step, long *from)
{
    long threads = omp_get_num_threads(), chunk = up((n + threads - 1) / threads, step);
    *from = chunk * omp_get_thread_num() < n ? chunk * omp_get_thread_num() : n;
    return *from + chunk < n ? *from + chunk : n;
}

/* Working memory that `product` wants, in floats. */
long product_floats(long rows, long depth, long threads)
{
    return up(rows, SIDE) * up(depth, STEP) + threads * SIDE * slice_of(depth);
}

/* y = x w^T: x is rows x depth, w columns x depth, y rows x columns. `threads` is how many `space` was measured for. */
void product(const float *x, long rows, long depth, const float *w, long columns, float *y, half *space, int threads)
{
    long high = up(rows, SIDE), steps = up(depth, STEP) / STEP, room = high * steps * STEP;
    long panels = (columns + SIDE - 1) / SIDE, slice = slice_of(depth), own_room = SIDE * slice;
#pragma omp parallel num_threads(threads)
    {
        half *own = space + 2 * room + omp_get_thread_num() * 2 * own_room;
        struct config before;
#pragma omp for schedule(static)
        for (long r = 0; r < high; ++r)
            pack_row(x, r, rows, depth, space, steps, room);
        enter(&before);
        /* Threads share the rows, as in torch's element-wise functions that come next: what they read is then in their
           own cache. Where that would be few rows each, they share the columns. */
        long first_row = 0, end_row = high, first_panel = 0, end_panel = panels;
        if (high / omp_get_num_threads() >= 128)
            end_row = share(high, SIDE, &first_row);
        else
            end_panel = share(panels, 1, &first_panel);
        for (long top = first_row; top < end_row; top += BAND)
            for (long start = 0; start < depth; start += slice) {
                long bottom = top + BAND < end_row ? top + BAND : end_row;
                long here = (up(depth - start, STEP) < slice ? up(depth - start, STEP) : slice) / STEP;
                for (long panel = first_panel; panel < end_panel; ++panel) {
                    long left = panel * SIDE;
                    pack_panel(w, left, columns, depth, start, own, here, own_room);
                    for (long r = top; r < bottom; r += SIDE)
                        add_square(space + (r / 16 * steps + start / STEP) * TILE, steps * TILE, room, own, here * TILE,
                                   own_room, here, 3, y + r * columns + left, columns, rows - r, columns - left,
                                   start == 0);
                }
            }
        leave(&before);
    }
}

/* 32 tokens of 16 columns of x from (token, column) on as tiles: of columns, and turned, of rows. */
static void pack_tokens(const void *x, long tokens, long columns, long token, long column, int part, int parts,
                        half *tile, half *turned)
{
    __m512i words[16];
    long n = columns - column;
    for (long i = 0; i < 16; ++i) {
        __m256i two[2];
        for (int j = 0; j < 2; ++j) {
            long at = (token + 2 * i + j) * columns + column;
            if (token + 2 * i + j >= tokens)
                two[j] = _mm256_setzero_si256();
            else if (parts == 2)
                two[j] = halves((const float *)x + at, n, part);
            else
                two[j] = _mm256_maskz_loadu_epi16(first(n), (const half *)x + at);
        }
        words[i] = pairs(two[0], two[1]);
        _mm512_storeu_si512(tile + i * STEP, words[i]);
    }
    transpose(words);
    for (int i = 0; i < 16; ++i)
        _mm512_storeu_si512(turned + i * STEP, words[i]);
}

/* Working memory that `gram` wants, in floats: `parts` is 2 for float32 and 1 for bfloat16. */
long gram_floats(long columns, int parts) { return up(columns, SIDE) * TOKENS * parts; }

/* sums += X^T X of tokens x columns, at least the upper triangle; of floats, or of halves where parts is 1. */
void gram(const void *x, long tokens, long columns, float *sums, half *space, int parts, int threads)
{
    long panels = (columns + SIDE - 1) / SIDE, groups = (panels + GROUP - 1) / GROUP;
    long room = panels * SIDE * TOKENS, wide = SIDE * TOKENS;
    half *turned = space + parts * room;
#pragma omp parallel num_threads(threads)
    {
        struct config before;
        enter(&before);
        for (long start = 0; start < tokens; start += TOKENS) {
            long steps = up(tokens - start < TOKENS ? tokens - start : TOKENS, STEP) / STEP;
#pragma omp for schedule(static)
            for (long t = 0; t < 2 * panels; ++t)
                for (long s = 0; s < steps; ++s)
                    for (int p = 0; p < parts; ++p) {
                        long to = p * room + t * wide / 2 + s * TILE;
                        pack_tokens(x, tokens, columns, start + s * STEP, t * 16, p, parts, space + to, turned + to);
                    }
#pragma omp for schedule(dynamic, 8)
            for (long task = 0; task < groups * panels; ++task) {
                long left = task % panels, top = task / panels * GROUP;
                for (long r = top; r < top + GROUP && r <= left; ++r)
                    add_square(turned + r * wide, wide / 2, room, space + left * wide, wide / 2, room, steps,
                               parts == 2 ? 4 : 1, sums + (r * columns + left) * SIDE, columns, columns - r * SIDE,
                               columns - left * SIDE, 0);
            }
        }
        leave(&before);
    }
}
#else
int tiles_ready(void) { return 0; }
#endif
