/* import_memory.h: what the import of an edge list takes, stated before it is taken. */
#ifndef LOADERS_IMPORT_MEMORY_H
#define LOADERS_IMPORT_MEMORY_H

#include <packrat/loaders.h>

#include "base/check.h"

/* Everything that the figures are made of; what is not known yet is 0. */
typedef struct pri_import_shape {
    uint64_t base; /* the process as it is (pri_import_base) */
    uint64_t nodes;
    uint32_t columns;
    bool     remap, weighted;
    uint64_t label_bytes; /* a node's labels; 0: there are none */
    uint64_t rows;        /* feature rows held in memory, or the buffer they are read through */
    uint64_t rows_read;   /* memory besides, while features were read */
    uint64_t edges_read;  /* while edges are read */
    uint64_t labels_read; /* while labels were read */
    uint64_t longest;     /* arcs of the longest list */
    uint64_t num_arcs;
} pri_import_shape;

/* Give what a process takes that does nothing but run: its resident set now and what code and
 * threads will add, rounded up to PRI_IMPORT_BASE_UNIT. */
enum { PRI_IMPORT_BASE_UNIT = 16 << 20 };
uint64_t pri_import_base(void);

/* Give the most that is taken before lists are filled, of what the shape knows. */
uint64_t pri_import_before(const pri_import_shape *s);

/* Give what is taken while lists are filled, besides the lists; and while files are written. */
uint64_t pri_import_filling(const pri_import_shape *s);
uint64_t pri_import_writing(const pri_import_shape *s);

/* Give the least that is enough: lists are filled one by one, at worst. Where the longest is not
 * known yet, errors speak of one of PRI_IMPORT_ROOM_BYTES. */
enum { PRI_IMPORT_ROOM_BYTES = 1 << 20 };
uint64_t pri_import_least(const pri_import_shape *s);

/* Give how many arcs fit beside the rest: all of them at most, the longest list at least. */
uint64_t pri_import_room_arcs(const pri_import_shape *s, uint64_t memory);

/* Give the peak when lists have room for so many arcs. */
uint64_t pri_import_peak(const pri_import_shape *s, uint64_t room_arcs);

#endif
