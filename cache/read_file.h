/* read_file.h: a row file opened anew, so that its reads pass by the page cache, or do no
 * read-ahead, without an effect on whoever else reads it. */
#ifndef CACHE_READ_FILE_H
#define CACHE_READ_FILE_H

#include <packrat/nouns.h>

#include "base/check.h"

typedef struct pri_read_file {
    const pr_row_file *rows;   /* borrowed */
    int                fd;     /* of its own; -1: closed */
    bool               direct; /* O_DIRECT */
    size_t             block;  /* reads begin and end at a multiple: of the device, or of pages */
    size_t             step;   /* what is left of a short read begins at a multiple: block, or 1 */
    const char        *why;    /* a literal: why it is not direct; "" when it is */
} pri_read_file;

/* Open the file that rows->fd is, even where another has taken its name. Without `direct`, and
 * where the file system refuses direct reads, it is read through the page cache. PR_E_IO when it
 * cannot be opened at all. */
pr_status pri_read_file_open(const pr_row_file *rows, bool direct, pri_read_file *out);
void      pri_read_file_close(pri_read_file *file);

#endif
