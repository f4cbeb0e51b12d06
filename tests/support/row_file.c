/* row_file.c: see row_file.h. */
#include "support/row_file.h"

#include <fcntl.h>
#include <unistd.h>

float row_file_value(pr_vid row, uint32_t col)
{
    return (float)(row % 65536) * 128.0f + (float)(col % 128);
}

bool row_file_is_right(const void *row, pr_vid id, uint32_t num_cols)
{
    for (uint32_t c = 0; c < num_cols; c++) {
        float value;
        memcpy(&value, (const char *)row + c * sizeof value, sizeof value);
        if (value != row_file_value(id, c)) return false;
    }
    return true;
}

pr_row_file row_file_make(const char *directory, const char *name, pr_vid num_rows,
                          uint32_t num_cols, uint64_t first_byte)
{
    const size_t row_bytes = num_cols * sizeof(float);
    const size_t bytes     = (size_t)first_byte + num_rows * row_bytes;
    char        *all       = malloc(bytes);

    assert_non_null(all);
    memset(all, 0xff, (size_t)first_byte);
    for (pr_vid v = 0; v < num_rows; v++)
        for (uint32_t c = 0; c < num_cols; c++) {
            const float value = row_file_value(v, c);
            memcpy(all + first_byte + v * row_bytes + c * sizeof value, &value, sizeof value);
        }
    const char *path = test_file(directory, name, all, bytes);
    const int   fd   = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    free(all);
    return (pr_row_file){ .path       = path,
                          .fd         = fd,
                          .format     = PR_ROWS_F32,
                          .first_byte = first_byte,
                          .row_bytes  = row_bytes,
                          .file_bytes = bytes };
}

void row_file_close(pr_row_file *file)
{
    (void)close(file->fd);
    file->fd = -1;
}

void row_file_set(const pr_row_file *file, pr_vid row, uint32_t col, float value)
{
    const int   fd = open(file->path, O_WRONLY | O_CLOEXEC);
    const off_t at = (off_t)(file->first_byte + row * file->row_bytes + col * sizeof value);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, &value, sizeof value, at), sizeof value);
    (void)close(fd);
}
