/* disk_rows.c: see disk_rows.h. Values are made from their bits, and decoded here bit by bit. */
#include "support/disk_rows.h"

#include <fcntl.h>
#include <math.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support/policy_reference.h"

static size_t element_of(int format)
{
    return format == PR_ROWS_F32 ? 4 : format == PR_ROWS_INT8 ? 1 : 2;
}

/* Draw the bits of a finite value. */
static uint32_t draw_bits(int format, test_rng *rng)
{
    const uint32_t bits = test_random(rng);

    switch (format) {
    case PR_ROWS_F32: return (bits & 0x7f800000u) == 0x7f800000u ? bits & 0xbfffffffu : bits;
    case PR_ROWS_BF16: return (bits & 0x7f80u) == 0x7f80u ? bits & 0xbfffu : bits & 0xffffu;
    case PR_ROWS_F16: return (bits & 0x7c00u) == 0x7c00u ? bits & 0xbfffu : bits & 0xffffu;
    default: return bits & 0xffu;
    }
}

/* The value of some bits, by the definition of the format. */
static float value_of(int format, uint32_t bits, float scale)
{
    float    x;
    uint32_t word = format == PR_ROWS_BF16 ? bits << 16 : bits;

    if (format == PR_ROWS_INT8) return (float)(int8_t)(uint8_t)bits * scale;
    if (format == PR_ROWS_F16) {
        const int   exponent = (int)(bits >> 10 & 31u);
        const float fraction = (float)(bits & 1023u) / 1024.0f;
        x = exponent ? ldexpf(1.0f + fraction, exponent - 15) : ldexpf(fraction, -14);
        return bits & 0x8000u ? -x : x;
    }
    memcpy(&x, &word, sizeof x);
    return x;
}

void disk_rows_open(disk_rows *x, int format, uint32_t n, uint32_t cols, uint64_t first_byte,
                    test_rng *rng)
{
    static uint32_t num_files;
    char            name[32];
    const size_t    element = element_of(format), row_bytes = cols * element;
    const size_t    bytes = first_byte + n * row_bytes;
    unsigned char  *all   = test_room(bytes, 1);

    *x       = (disk_rows){ .n = n, .cols = cols };
    x->truth = test_room((size_t)n * cols, sizeof *x->truth);
    x->scale = test_room(n, sizeof *x->scale);
    for (uint32_t v = 0; v < n; v++) {
        x->scale[v] = (float)(1 + test_below(rng, 1000)) / 256.0f;
        for (uint32_t c = 0; c < cols; c++) {
            const size_t   at   = (size_t)v * cols + c;
            const uint32_t bits = draw_bits(format, rng);
            for (size_t k = 0; k < element; k++)
                all[first_byte + at * element + k] = (unsigned char)(bits >> 8 * k);
            x->truth[at] = value_of(format, bits, x->scale[v]);
        }
    }
    (void)snprintf(name, sizeof name, "rows-%u", num_files++);
    x->file = (pr_row_file){ .path       = test_file(test_directory(), name, all, bytes),
                             .format     = format,
                             .first_byte = first_byte,
                             .row_bytes  = row_bytes,
                             .file_bytes = bytes,
                             .scale      = format == PR_ROWS_INT8 ? x->scale : NULL,
                             .checked    = true };
    free(all);
    x->file.fd = open(x->file.path, O_RDONLY | O_CLOEXEC);
    assert_true(x->file.fd >= 0);
    x->mapping = mmap(NULL, bytes, PROT_READ, MAP_SHARED, x->file.fd, 0);
    assert_true(x->mapping != MAP_FAILED);
    x->file.mapped = (const char *)x->mapping + first_byte;
    x->features    = (pr_features){ .num_rows = n, .num_cols = cols, .file = &x->file };
    x->memory      = (pr_features){ .num_rows = n, .num_cols = cols, .rows = x->truth, .ld = cols };
    if (format != PR_ROWS_F32) return;
    x->features.rows = x->file.mapped;
    x->features.ld   = cols;
}

void disk_rows_close(disk_rows *x)
{
    (void)munmap(x->mapping, x->file.file_bytes);
    (void)close(x->file.fd);
    (void)unlink(x->file.path);
    free(x->truth), free(x->scale);
}

void disk_rows_spoil(disk_rows *x, uint32_t row, uint32_t col)
{
    static const unsigned char bad[][4] = { [PR_ROWS_F32]  = { 0, 0, 0x80, 0x7f },
                                            [PR_ROWS_BF16] = { 0xc0, 0x7f },
                                            [PR_ROWS_F16]  = { 0, 0x7c } };
    const size_t               element  = element_of(x->file.format);
    const int                  fd       = open(x->file.path, O_WRONLY | O_CLOEXEC);
    const uint64_t             at = x->file.first_byte + row * x->file.row_bytes + col * element;

    assert_true(fd >= 0 && x->file.format != PR_ROWS_INT8);
    assert_int_equal(pwrite(fd, bad[x->file.format], element, (off_t)at), element);
    (void)close(fd);
}
