/* drawer.c: a queue of batches to be drawn, and the thread that empties it. */
#include "pipeline/drawer.h"

#include <pthread.h>

#include "pipeline/worker.h"

struct pri_drawer {
    pr_sampler     *sampler;
    const pri_team *team;
    uint32_t        threads;
    pri_worker     *worker; /* NULL: in line, and nothing below is shared */
    pthread_mutex_t lock;
    pthread_cond_t  changed;
    bool            ending;
    uint64_t        num_posted, num_drawn;
    uint32_t        max_posted;
    pri_drawing   **queue;  /* [max_posted] a ring: num_drawn is the next, num_posted the end */
    pri_drawing    *urgent; /* before all of them; NULL: none */
};

static void draw(pr_sampler *sampler, pri_drawing *d)
{
    d->status = pr_sampler_draw(sampler, d->room, d->seeds, d->draw, &d->batch);
    if (d->status != PR_OK) pri_error_save(&d->error, d->status);
}

/* The one job of the thread: draw what is posted until the end. */
static pr_status serve(void *argument)
{
    pri_drawer *own = argument;

    if (own->team) pri_team_attend(own->team, own->threads);
    pthread_mutex_lock(&own->lock);
    for (;;) {
        while (!own->ending && !own->urgent && own->num_drawn == own->num_posted)
            pthread_cond_wait(&own->changed, &own->lock);
        if (own->ending) break;
        pri_drawing *next = own->urgent;
        if (!next) next = own->queue[own->num_drawn % own->max_posted];
        pthread_mutex_unlock(&own->lock);
        draw(own->sampler, next);
        pthread_mutex_lock(&own->lock);
        next->done = true;
        if (next == own->urgent)
            own->urgent = NULL;
        else
            own->num_drawn++;
        pthread_cond_broadcast(&own->changed);
    }
    pthread_mutex_unlock(&own->lock);
    return PR_OK;
}

pr_status pri_drawer_create(pr_sampler *sampler, uint32_t max_posted, uint32_t threads,
                            const pri_team *team, pri_drawer **out)
{
    pr_status   st     = PR_OK;
    pri_drawer *drawer = NULL;

    *out = NULL;
    PR_ASSERT(max_posted > 0);
    PR_NEW(drawer, 1);
    drawer->sampler    = sampler;
    drawer->team       = team;
    drawer->threads    = threads;
    drawer->max_posted = max_posted;
    pthread_mutex_init(&drawer->lock, NULL);
    pthread_cond_init(&drawer->changed, NULL);
    PR_NEW(drawer->queue, max_posted);
    if (threads) {
        PR_TRY(pri_worker_start("a sampler", &drawer->worker));
        pri_worker_post(drawer->worker, serve, drawer);
    }
    *out   = drawer;
    drawer = NULL;
done:
    pri_drawer_free(drawer);
    return st;
}

void pri_drawer_free(pri_drawer *drawer)
{
    if (!drawer) return;
    pthread_mutex_lock(&drawer->lock);
    drawer->ending = true;
    pthread_cond_broadcast(&drawer->changed);
    pthread_mutex_unlock(&drawer->lock);
    pri_worker_free(drawer->worker);
    pthread_cond_destroy(&drawer->changed);
    pthread_mutex_destroy(&drawer->lock);
    pri_free(drawer->queue);
    pri_free(drawer);
}

void pri_drawer_post(pri_drawer *drawer, pri_drawing *drawing)
{
    pthread_mutex_lock(&drawer->lock);
    PR_ASSERT(drawer->num_posted - drawer->num_drawn < drawer->max_posted);
    drawing->done                                          = false;
    drawer->queue[drawer->num_posted % drawer->max_posted] = drawing;
    drawer->num_posted++;
    pthread_cond_broadcast(&drawer->changed);
    pthread_mutex_unlock(&drawer->lock);
}

pr_status pri_drawer_wait(pri_drawer *drawer, pri_drawing *drawing)
{
    if (drawer->worker) {
        pthread_mutex_lock(&drawer->lock);
        while (!drawing->done) pthread_cond_wait(&drawer->changed, &drawer->lock);
        pthread_mutex_unlock(&drawer->lock);
    } else if (!drawing->done) {
        PR_ASSERT(drawing == drawer->queue[drawer->num_drawn % drawer->max_posted]);
        draw(drawer->sampler, drawing);
        drawing->done = true;
        drawer->num_drawn++;
    }
    return drawing->status == PR_OK ? PR_OK : pri_error_restore(&drawing->error);
}

pr_status pri_drawer_now(pri_drawer *drawer, pri_drawing *drawing)
{
    if (!drawer->worker) {
        draw(drawer->sampler, drawing);
        drawing->done = true;
    } else {
        pthread_mutex_lock(&drawer->lock);
        drawing->done  = false;
        drawer->urgent = drawing;
        pthread_cond_broadcast(&drawer->changed);
        pthread_mutex_unlock(&drawer->lock);
    }
    return pri_drawer_wait(drawer, drawing);
}

uint64_t pri_drawer_num_drawn(pri_drawer *drawer)
{
    pthread_mutex_lock(&drawer->lock);
    const uint64_t num_drawn = drawer->num_drawn;
    pthread_mutex_unlock(&drawer->lock);
    return num_drawn;
}
