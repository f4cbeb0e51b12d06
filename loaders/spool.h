/* spool.h: edges in binary in an unnamed temporary file: written once, read as often as it takes.
 */
#ifndef LOADERS_SPOOL_H
#define LOADERS_SPOOL_H

#include <packrat/loaders.h>

#include "loaders/edges.h"

/* Edges of a block: several of edges.h, so that threads have enough to do between two waits for
 * each other. */
enum { PRI_SPOOL_EDGES = 8 * PRI_BLOCK_EDGES };

/* Blocks of PRI_SPOOL_EDGES, the last one shorter: n pairs, then n weights where there are some. */
typedef struct pri_spool {
    const char *dir; /* borrowed, named in errors */
    int         fd;  /* -1: closed */
    bool        weighted;
    uint64_t    num_edges;
    uint64_t    bytes;    /* written */
    uint64_t    next, at; /* the next edge to be read, and its place in the file */
    pr_vid     *pair;     /* [2 PRI_SPOOL_EDGES] the block: whoever adds fills it */
    float      *weight;   /* [PRI_SPOOL_EDGES]; NULL without weights */
    uint64_t    n;        /* edges of the block: to be written, or that were read */
} pri_spool;

/* Make the file in a directory: it has no name there, and is gone with the process. PR_E_IO names
 * the directory. Takes pri_spool_block_bytes of memory. */
pr_status pri_spool_open(pri_spool *spool, const char *dir, bool weighted);

/* Give where a spool may lie when nothing is to be written anywhere: $TMPDIR, else /var/tmp. */
const char *pri_spool_usual_dir(void);

/* Write the block's n edges, which is empty then. Only the last may be shorter than
 * PRI_SPOOL_EDGES. */
pr_status pri_spool_write(pri_spool *spool);

/* Read it anew from the beginning; then block after block: n is 0 behind the last. */
void      pri_spool_rewind(pri_spool *spool);
pr_status pri_spool_next(pri_spool *spool);

uint64_t pri_spool_block_bytes(bool weighted);

void pri_spool_close(pri_spool *spool); /* zeroed and closed ones are fine */

#endif
