/* service_rig.h: the engine behind the server without HTTP: a planted dataset, a model of random
 * weights, a service over them, and clients that ask it. */
#ifndef TESTS_SERVICE_RIG_H
#define TESTS_SERVICE_RIG_H

#include <semaphore.h>

#include "support/support.h"

#include "pipeline/serve/service.h"

enum { SERVICE_NODES = 400, SERVICE_COLS = 9, SERVICE_CLASSES = 5, SERVICE_HIDDEN = 12 };

typedef struct service_rig {
    pr_serve_setup    options; /* to be changed before service_rig_open */
    const char       *path;    /* of the dataset */
    const pr_dataset *data;
    pr_topo          *topo;
    pr_plan           plan;
    pri_record       *record;
    pri_service      *service;
    uint32_t (*num_clients)(void *context); /* NULL: not known */
} service_rig;

/* Make dataset and checkpoint (weights by this seed), and options: the tables' defaults, one lane
 * of one thread, fanout 4,3 and batches that begin at once. */
void service_rig_make(service_rig *rig, uint64_t weights);

/* Write the checkpoint anew. */
void service_rig_write(const service_rig *rig, uint64_t weights, uint32_t layers);

/* Open the service with so many lanes and threads; and free all. */
void      service_rig_open(service_rig *rig, uint32_t lanes, uint32_t threads);
pr_status service_rig_try(service_rig *rig, uint32_t lanes, uint32_t threads);
void      service_rig_close(service_rig *rig);

/* What `packrat infer --mode sampled` answers with the checkpoint as it is: [SERVICE_NODES, *cols],
 * free().
 *
 *   output   1 logits, 3 embeddings */
float *service_rig_infer(const service_rig *rig, const char *fanout, uint64_t seed, int output,
                         uint32_t *cols);

/* A client that asks one thing at a time. */
typedef struct asker {
    pri_query query;
    sem_t     done;
    uint32_t  num_done;
} asker;

void asker_open(asker *a);
void asker_close(asker *a);

/* Hand in; wait until it is done. Nodes are borrowed until then. */
pr_status asker_submit(asker *a, const service_rig *rig, const pr_vid *nodes, uint32_t num);
void      asker_wait(asker *a);

/* Both; and expect an answer. */
void asker_ask(asker *a, const service_rig *rig, const pr_vid *nodes, uint32_t num);

/* Expect that the answer has the rows of `all` [SERVICE_NODES, cols], to 1e-5 of the largest
 * value: GEMMs of other sizes round otherwise. */
void asker_expect(const asker *a, const pri_rows_out *got, const float *all, uint32_t cols);
bool asker_matches(const asker *a, const pri_rows_out *got, const float *all, uint32_t cols);

#endif
