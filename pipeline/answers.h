/* answers.h: rows of outputs, as a model makes them, turned into what was asked for and into one
 * file, .npy or .csv by its name, whole or not at all. Where all vertices are asked for, rows go to
 * the file as they come, so that none is kept; else only the rows that were asked for are. */
#ifndef PIPELINE_ANSWERS_H
#define PIPELINE_ANSWERS_H

#include <packrat/nouns.h>

#include "base/check.h"

typedef enum pri_answer_kind {
    PRI_ANSWER_CLASS, /* the largest logit's; of labels, 0 or 1 each */
    PRI_ANSWER_LOGITS,
    PRI_ANSWER_PROBABILITIES, /* softmax; of labels, each by itself */
    PRI_ANSWER_EMBEDDINGS
} pri_answer_kind;

typedef struct pri_answers_setup {
    const char   *path;
    int           kind;    /* pri_answer_kind */
    bool          labels;  /* outputs are logits of labels, of which a vertex has any number */
    uint32_t      columns; /* of the rows that will be given */
    pr_vid        num_nodes;
    const pr_vid *ids; /* [n] asked for, in that order, as often as it is there; borrowed;
                          NULL: all in order */
    size_t              n;
    const volatile int *stop; /* NULL, or the caller's flag */
} pri_answers_setup;

typedef struct pri_answers pri_answers;

/* Create it, and make sure that the file can be written. */
pr_status pri_answers_create(const pri_answers_setup *setup, pri_answers **out);
void pri_answers_free(pri_answers *answers); /* NULL is fine; without a commit, no file is left */

/* Take `num` rows from vertex `first` on, `ld` floats apart. Where all vertices are asked for, they
 * come in order. A file that cannot be written is told by the commit, and nothing is done from then
 * on. One call at a time; uses the caller's OpenMP threads. Cannot fail. */
void pri_answers_take(pri_answers *answers, pr_vid first, uint32_t num, const float *rows,
                      size_t ld);

/* Borrow a flag that is set once no more rows are of use: the caller's stop flag was seen while
 * rows came, or the file cannot be written. */
const volatile int *pri_answers_stop(const pri_answers *answers);

/* Write what is not written yet, make it durable and give the file its name. The first failure,
 * with its own sentence. */
pr_status pri_answers_commit(pri_answers *answers);

/* Give the columns of an answer, and the bytes that are kept of all, not touched yet. */
uint32_t pri_answers_columns(const pri_answers *answers);
uint64_t pri_answers_kept_bytes(const pri_answers *answers);

/* Give the bytes of the file; of .csv at least, as it depends on the figures. */
uint64_t pri_answers_file_bytes(const pri_answers *answers);

/* Give the checksum of all rows as they are in the file, block by block (pri_answers_block); once
 * they are written. */
uint64_t pri_answers_checksum(const pri_answers *answers);

/* Give the rows of a block of answers of that many bytes. */
uint32_t pri_answers_block(size_t row_bytes);

#endif
