/* Tiles of Intel's AMX for tiles.c: numbers as pairs of halves, and adding up squares of 32 x 32 sums.

   Of the tile registers 0 to 3 hold the sums, 4 and 5 are rows of one matrix, 6 and 7 columns of the other. In memory a
   tile of rows is 16 rows of 32 numbers; one of columns is 16 pairs of numbers times 16 columns. */

#include <immintrin.h>
#include <omp.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIDE 32     /* of a square of sums: two tiles */
#define STEP 32     /* numbers of the depth that one instruction takes */
#define TILE 512    /* numbers in a tile */
#define SLICE 512   /* of the depth, up to half more: 2 x 32 of them stay near */
#define TOKENS 256  /* a slice of a Gram matrix's depth */
#define BAND 512    /* rows that one thread takes at a time */
#define GROUP 4     /* panels of rows of a Gram matrix that stay in the second cache */

typedef uint16_t half;

struct config {
    uint8_t palette, start_row, reserved[14];
    uint16_t width[16];
    uint8_t rows[16];
};

static long up(long size, long step) { return (size + step - 1) / step * step; }

static const struct config OURS = {
    1, 0, {0}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16},
};

/* Configures this thread's tiles; `before` is to be loaded again afterwards: other libraries rely on theirs. */
static void enter(struct config *before)
{
    _tile_storeconfig(before);
    __asm__ volatile("" ::"r"(before) : "memory"); /* older compilers believe that 8 bytes of it are written */
    _tile_loadconfig(&OURS);
}

static void leave(const struct config *before)
{
    __asm__ volatile("" ::"r"(before) : "memory");
    _tile_loadconfig(before);
}

static inline __m512 widen(__m256i halves)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

/* The mask of the first n of 16. */
static inline __mmask16 first(long n) { return n >= 16 ? 0xffff : n > 0 ? (1u << n) - 1 : 0; }

/* n numbers of 16, the rest zero, as halves; those of part 1 are what the high ones leave over. */
static inline __m256i halves(const float *from, long n, int part)
{
    __m512 wide = _mm512_maskz_loadu_ps(first(n), from);
    __m256i high = (__m256i)_mm512_cvtneps_pbh(wide);
    return part ? (__m256i)_mm512_cvtneps_pbh(_mm512_sub_ps(wide, widen(high))) : high;
}

/* 32 numbers of one row, side by side. */
static inline __m512i row_of(const float *from, long n, int part)
{
    return _mm512_inserti64x4(_mm512_castsi256_si512(halves(from, n, part)), halves(from + 16, n - 16, part), 1);
}

/* 16 columns of two rows, a pair beside a pair. */
static inline __m512i pairs(__m256i first, __m256i second)
{
    return _mm512_or_si512(_mm512_cvtepu16_epi32(first), _mm512_slli_epi32(_mm512_cvtepu16_epi32(second), 16));
}

/* 16 x 16 words. */
static inline void transpose(__m512i *words)
{
    __m512i other[16];
    for (int i = 0; i < 16; i += 2) {
        other[i] = _mm512_unpacklo_epi32(words[i], words[i + 1]);
        other[i + 1] = _mm512_unpackhi_epi32(words[i], words[i + 1]);
    }
    for (int i = 0; i < 16; i += 4)
        for (int j = 0; j < 2; ++j) {
            words[i + 2 * j] = _mm512_unpacklo_epi64(other[i + j], other[i + 2 + j]);
            words[i + 2 * j + 1] = _mm512_unpackhi_epi64(other[i + j], other[i + 2 + j]);
        }
    for (int i = 0; i < 16; i += 8)
        for (int j = 0; j < 4; ++j) {
            other[i + j] = _mm512_shuffle_i32x4(words[i + j], words[i + 4 + j], 0x88);
            other[i + 4 + j] = _mm512_shuffle_i32x4(words[i + j], words[i + 4 + j], 0xdd);
        }
    for (int j = 0; j < 8; ++j) {
        words[j] = _mm512_shuffle_i32x4(other[j], other[8 + j], 0x88);
        words[8 + j] = _mm512_shuffle_i32x4(other[j], other[8 + j], 0xdd);
    }
}

static inline void multiply(void)
{
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
}

/* The sums of a square: rows of `a` times columns of `b`, two tiles high and two wide, `steps` deep. `next` numbers lie
   between the parts of a matrix, `tiles` between its two halves of the square. Of high and low parts 1 product is taken
   (both high), 3 (not both low) or 4. */
static inline void add_up(const half *a, long a_tiles, long a_next, const half *b, long b_tiles, long b_next, long steps,
                          int products)
{
    for (long s = 0; s < steps; ++s, a += TILE, b += TILE) {
        _tile_loadd(4, a, 64);
        _tile_loadd(5, a + a_tiles, 64);
        if (products > 1) {
            _tile_loadd(6, b + b_next, 64);
            _tile_loadd(7, b + b_next + b_tiles, 64);
            multiply();
        }
        _tile_loadd(6, b, 64);
        _tile_loadd(7, b + b_tiles, 64);
        multiply();
        if (products > 1) {
            _tile_loadd(4, a + a_next, 64);
            _tile_loadd(5, a + a_next + a_tiles, 64);
            multiply();
        }
        if (products > 3) {
            _tile_loadd(6, b + b_next, 64);
            _tile_loadd(7, b + b_next + b_tiles, 64);
            multiply();
        }
    }
}

/* A square of sums from memory, or zeros, and back. */
static inline void fetch(const float *sums, long stride, int zero)
{
    if (zero) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    } else {
        _tile_loadd(0, sums, stride * 4);
        _tile_loadd(1, sums + 16, stride * 4);
        _tile_loadd(2, sums + 16 * stride, stride * 4);
        _tile_loadd(3, sums + 16 * stride + 16, stride * 4);
    }
}

static inline void store(float *sums, long stride)
{
    _tile_stored(0, sums, stride * 4);
    _tile_stored(1, sums + 16, stride * 4);
    _tile_stored(2, sums + 16 * stride, stride * 4);
    _tile_stored(3, sums + 16 * stride + 16, stride * 4);
}

/* The same for a square that reaches over the edge of its matrix. */
static void copy(float *to, long to_stride, const float *from, long from_stride, long high, long wide)
{
    for (long r = 0; r < high; ++r)
        memcpy(to + r * to_stride, from + r * from_stride, wide * sizeof(float));
}

static void add_square(const half *a, long a_tiles, long a_next, const half *b, long b_tiles, long b_next, long steps,
                       int products, float *sums, long stride, long high, long wide, int zero)
{
    float edge[SIDE * SIDE];
    int inside = high >= SIDE && wide >= SIDE;
    if (!inside && !zero)
        copy(edge, SIDE, sums, stride, high < SIDE ? high : SIDE, wide < SIDE ? wide : SIDE);
    __asm__ volatile("" ::: "memory"); /* nor does loading a tile say what it reads */
    fetch(inside ? sums : edge, inside ? stride : SIDE, zero);
    add_up(a, a_tiles, a_next, b, b_tiles, b_next, steps, products);
    store(inside ? sums : edge, inside ? stride : SIDE);
    if (!inside)
        copy(sums, stride, edge, SIDE, high < SIDE ? high : SIDE, wide < SIDE ? wide : SIDE);
}

