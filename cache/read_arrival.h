/* read_arrival.h: one read, and what becomes of what the kernel says to it: rows go to their slots,
 * short reads go on, failed ones are tried again a while later, and what cannot be had is kept as a
 * failure that can be put into words. Touches nothing but the read and the slots. */
#ifndef CACHE_READ_ARRIVAL_H
#define CACHE_READ_ARRIVAL_H

#include "cache/read_file.h"
#include "cache/read_plan.h"

typedef enum pri_failure_kind {
    PRI_READ_FINE,
    PRI_READ_ERROR,     /* errno */
    PRI_READ_ENDS,      /* the file ends before the row does */
    PRI_READ_STUCK,     /* some bytes, but never more of them */
    PRI_READ_TOO_LONG,  /* more bytes than were asked for */
    PRI_READ_NOT_FINITE /* a value */
} pri_failure_kind;

/* Why a row cannot be had. */
typedef struct pri_failure {
    pri_failure_kind kind;
    int              error; /* errno */
    pr_vid           row;
    uint32_t         col;      /* of a value */
    _Alignas(4) char value[4]; /* as the file has it */
    uint32_t tries;            /* how often it was asked for */
    uint64_t offset, bytes;    /* what was asked for */
    int64_t  result;           /* what came; ENDS: where the file ends */
} pri_failure;

typedef enum pri_read_state {
    PRI_READ_DONE,  /* all rows are in their slots, or failure says why not */
    PRI_READ_AGAIN, /* ask for offset, bytes anew, not before due_ns */
} pri_read_state;

typedef struct pri_read {
    uint64_t        offset; /* what to ask the kernel for now */
    size_t          bytes;
    char           *to;
    pri_read_extent extent;              /* the whole of it */
    char           *buffer;              /* its own, 4096-byte aligned */
    pri_write      *rows;                /* [extent.num_rows] */
    size_t          got;                 /* bytes of the extent that are there */
    uint32_t        failed, interrupted; /* times */
    int64_t         due_ns;              /* AGAIN: when; 0: at once */

    pri_read_state   state;
    pri_failure      failure;
    uint32_t         group; /* of the reader's table */
    struct pri_read *next;
} pri_read;

/* Where rows go. */
typedef struct pri_read_target {
    const pri_read_file *file;
    uint32_t             num_cols;
    char                *slots; /* row `id` goes to slots + to * slot_bytes */
    size_t               slot_bytes;
    uint32_t             retries;
} pri_read_target;

/* Set a read to the beginning of read->extent. */
void pri_read_begin(pri_read *read);

/* Take what the kernel said to one: bytes, or minus errno. Leaves state, and failure. Cannot fail.
 * Any thread, different reads. */
void pri_read_arrived(const pri_read_target *target, pri_read *read, int64_t result);

/* Raise what a failure says: PR_E_IO or PR_E_INPUT; PR_OK for none. */
pr_status pri_failure_raise(const pri_failure *failure, const pr_row_file *file);

#endif
