/* gen.h: what the kinds of synthetic graphs share. Every draw is a function of (seed, purpose,
 * index), so results do not depend on the threads. */
#ifndef LOADERS_GEN_H
#define LOADERS_GEN_H

#include "loaders/csc.h"

/* What a draw is for; part of the counter, so that draws never meet. */
typedef enum pri_gen_purpose {
    PRI_GEN_WEIGHT = 1,
    PRI_GEN_PAIR,
    PRI_GEN_LABEL,
    PRI_GEN_HIDDEN,
    PRI_GEN_NOISE,
    PRI_GEN_CLASS_CENTRE,
    PRI_GEN_SUB_CENTRE,
    PRI_GEN_EDGE_WEIGHT,
    PRI_GEN_LABEL_SET
} pri_gen_purpose;

/* A keyed bijection of 0 .. n-1: rounds of multiply, add and fold on the next power of two, until
 * the result falls below n. */
enum { PRI_PERMUTE_ROUNDS = 4 };
typedef struct pri_permutation {
    uint64_t n, mask;
    unsigned shift;
    uint64_t multiply[PRI_PERMUTE_ROUNDS], divide[PRI_PERMUTE_ROUNDS], add[PRI_PERMUTE_ROUNDS];
} pri_permutation;

void     pri_permutation_init(pri_permutation *p, uint64_t n, uint64_t key); /* n >= 1 */
uint64_t pri_permute(const pri_permutation *p, uint64_t x);
uint64_t pri_unpermute(const pri_permutation *p, uint64_t y);

/* A graph in the making. */
typedef struct pri_gen {
    const pr_gen_options *options;
    uint64_t              key;
    pr_vid                num_nodes;
    uint64_t              num_pairs;
    uint32_t              num_classes, num_feats;
    int                   threads;
    const volatile int   *stop;
    pri_permutation       order; /* place in the structure -> node id */

    uint64_t communities, subcommunities; /* planted: as many as there is room for */

    pr_vid  *pair; /* [2 num_pairs] until the arcs are built */
    pri_csc  csc;
    int32_t *labels;  /* [num_nodes]; NULL with targets */
    uint8_t *targets; /* [num_nodes, num_classes] with --multi-label */
} pri_gen;

/* Give four normal deviates (Box and Muller) of (purpose, index, quad). */
void pri_gen_normal(const pri_gen *gen, pri_gen_purpose purpose, uint64_t index, uint32_t quad,
                    float out[4]);

/* Give where the label set of node v is drawn from: `community`, or with probability label_noise
 * any of them. */
uint64_t pri_gen_community(const pri_gen *gen, pr_vid v, uint64_t community);

/* Give the label of node v: `clean`, or with probability label_noise any class. */
int32_t pri_gen_label(const pri_gen *gen, pr_vid v, uint32_t clean);

/* Give every arc a weight as --edge-weights says; takes 4 bytes an arc. */
pr_status pri_gen_edge_weights(pri_gen *gen);

bool pri_gen_stopped(const pri_gen *gen);

/* A kind of graph. `rows` writes feature rows first .. first+count-1, packed. */
typedef struct pri_gen_kind {
    const char *name;
    pr_status (*pairs)(pri_gen *gen);  /* fills gen->pair */
    pr_status (*labels)(pri_gen *gen); /* fills labels or targets; the arcs are built */
    pr_status (*rows)(void *gen, pr_vid first, pr_vid count, float *rows);
    uint64_t (*pairs_bytes)(const pri_gen *gen);  /* memory besides the pairs meanwhile */
    uint64_t (*labels_bytes)(const pri_gen *gen); /* memory besides arcs and labels meanwhile */
} pri_gen_kind;

extern const pri_gen_kind pri_gen_planted, pri_gen_rmat;

/* Choose gen->communities and gen->subcommunities of a planted graph for its size. */
void pri_planted_size(pri_gen *gen);

#endif
