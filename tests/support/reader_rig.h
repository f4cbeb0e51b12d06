/* reader_rig.h: a row reader over a file of known rows, every way it can read, and a kernel that
 * can be told what to say to its reads (pri_read_outcome). */
#ifndef TESTS_READER_RIG_H
#define TESTS_READER_RIG_H

#include <stdatomic.h>

#include "support/row_file.h"

#include "cache/row_reader.h"

/* What is done to reads. Changed only while no reader is open. */
typedef enum reader_fault {
    FAULT_FINE,
    FAULT_FAIL,
    FAULT_SHORT,
    FAULT_TOO_LONG,
    FAULT_SLOW,
    FAULT_MEET /* a read waits, some seconds at most, until `amount` of them do */
} reader_fault;

typedef struct reader_faults {
    reader_fault     kind;
    uint64_t         every;       /* reads from one that is hit to the next; 0: none is */
    uint64_t         first;       /* the first that is hit */
    int64_t          amount;      /* FAIL: errno; SHORT: bytes left of it; TOO_LONG: more */
    uint64_t         from, to;    /* only reads that begin here */
    _Atomic uint64_t reads, hits; /* so far */
    _Atomic int64_t  met;         /* MEET: reads that were there at a time, at most */
    _Atomic uint64_t hit;         /* offset of the last one */
    uint64_t         log[256];    /* offsets of the first reads; of one engine thread */
} reader_faults;

extern reader_faults faults;

void faults_none(void);

/* A file, a reader of it, and slots. */
typedef struct reader_rig {
    pr_row_file     file;
    pr_io_options   io;
    pri_row_reader *reader;
    pr_vid          num_rows;
    uint32_t        num_cols;
    size_t          slot_bytes, num_slots;
    char           *slots;
    pri_write      *write;
    pr_fetch_cost   cost;
} reader_rig;

/* A way to read. */
typedef struct way {
    int      engine;
    bool     direct;
    uint32_t depth;
} way;

enum { NUM_WAYS = 4 };
extern const way ways[NUM_WAYS];

/* Find out what this host has; nothing may wait for ever: an alarm ends the program. */
void ways_find(void);
bool way_can(way w);

/* Make the file; no faults from now. */
reader_rig reader_make(pr_vid num_rows, uint32_t num_cols, uint64_t first_byte);
void       reader_open(reader_rig *r, way w);
void       reader_close(reader_rig *r);
void       reader_end(reader_rig *r);

/* Enter rows begin, begin + step, ..., shuffled a little; row v goes to slot v. */
uint64_t reader_enter(reader_rig *r, pr_vid begin, pr_vid end, pr_vid step, bool urgent);
void     reader_check(const reader_rig *r, pr_vid begin, pr_vid end, pr_vid step);

#endif
