/* course.c: a run's state to JSON and back: a table of members, so that a new figure is a line. */
#include "pipeline/course.h"

#include <inttypes.h>
#include <math.h>

#include "base/members.h"
#include "pipeline/recall.h"
#include "pipeline/resume.h"
#include "pipeline/rounding.h"

typedef enum kind { U32, U64, I64, REAL } kind;

typedef struct figure {
    const char *name;
    kind        kind;
    size_t      offset;
} figure;

#define COURSE(name, member, kind)                                                                 \
    {                                                                                              \
        name, kind, offsetof(pri_course, member)                                                   \
    }
#define RESULT(member, kind)                                                                       \
    {                                                                                              \
#        member, kind, offsetof(pr_train_result, member)                                           \
    }
#define COUNT(array) (sizeof(array) / sizeof *(array))

static const figure course_figures[] = {
    COURSE("step", step, U64),
    COURSE("eval_step", eval_step, U64),
    COURSE("ended_step", ended_step, U64),
    COURSE("rows_moved", rows_moved, U64),
    COURSE("rows_wanted", rows_wanted, U64),
    COURSE("rows_hit", rows_hit, U64),
    COURSE("rows_direct", rows_direct, U64),
    COURSE("inputs_repeated", inputs_repeated, U64),
    COURSE("steps_counted", steps_counted, U64),
    COURSE("epoch_nodes", epoch.num_nodes, U64),
    COURSE("epoch_divisor", epoch.divisor, REAL),
    COURSE("epoch_loss", epoch.loss.sum, REAL),
    COURSE("epoch_correct", epoch.loss.num_correct, U64),
    COURSE("epoch_true_positives", epoch.loss.true_positives, U64),
    COURSE("epoch_false_positives", epoch.loss.false_positives, U64),
    COURSE("epoch_false_negatives", epoch.loss.false_negatives, U64),
    COURSE("bad_evals", bad_evals, U32),
    COURSE("last_val", last_val, REAL),
    COURSE("last_mrr", last_mrr, REAL),
};

static const figure result_figures[] = {
    RESULT(epochs, U32),
    RESULT(train_loss, REAL),
    RESULT(best_val_accuracy, REAL),
    RESULT(best_val_micro_f1, REAL),
    RESULT(test_accuracy, REAL),
    RESULT(test_micro_f1, REAL),
    RESULT(val_mrr, REAL),
    RESULT(test_mrr, REAL),
    RESULT(test_hits_at_10, REAL),
    RESULT(test_auc, REAL),
    RESULT(best_epoch, U32),
    RESULT(batch_hash, U64),
    RESULT(bytes_moved, U64),
    RESULT(bytes_local, I64),
    RESULT(bytes_remote, I64),
    RESULT(bytes_disk, U64),
    RESULT(reads_disk, U64),
    RESULT(reads_again, U64),
};

/* ---- write ---- */

static pr_status write_figures(const figure *figures, size_t num, const void *from, pr_json *json)
{
    pr_status st = PR_OK;

    for (size_t i = 0; i < num && st == PR_OK; i++) {
        const char *key = figures[i].name;
        const void *at  = (const char *)from + figures[i].offset;
        switch (figures[i].kind) {
        case U32: st = pr_json_set_int(json, key, *(const uint32_t *)at); break;
        case U64: st = pri_member_set_u64(json, key, *(const uint64_t *)at); break;
        case I64: st = pr_json_set_int(json, key, *(const int64_t *)at); break;
        case REAL: st = pri_member_set_real(json, key, *(const double *)at); break;
        }
    }
    return st;
}

/* Describe how far the run is, and what it was told. */
static pr_status describe(const pri_course *c, pr_json **out)
{
    pr_status st   = PR_OK;
    pr_json  *json = pr_json_object(), *options = NULL;

    *out = NULL;
    PR_CHECK(json, PR_E_NOMEM, "cannot describe a run");
    PR_TRY(write_figures(course_figures, COUNT(course_figures), c, json));
    PR_TRY(write_figures(result_figures, COUNT(result_figures), c->result, json));
    PR_TRY(pri_member_set_u64(json, "planned_steps", c->trainer->max_steps));
    PR_TRY(pri_member_set_u64(json, "seed_order", c->trainer->order_sum));
    PR_TRY(pr_json_set_int(json, "elapsed_ns", pr_now_ns() - c->start_ns));
    PR_TRY(pri_resume_options(c->trainer, &options));
    PR_TRY(pr_json_set(json, "options", options));
    *out = json;
    json = NULL;
done:
    pr_json_free(json);
    return st;
}

pr_status pri_course_save(const pri_course *c)
{
    pr_status          st         = PR_OK;
    const pri_trainer *t          = c->trainer;
    const bool         evaluated  = isfinite(t->info.best_val_accuracy);
    pri_checkpoint     checkpoint = { .info   = t->info,
                                      .model  = evaluated ? t->best : t->model,
                                      .latest = t->model };

    if (!t->setup->train.checkpoint[0]) return PR_OK;
    PR_TRY(describe(c, &checkpoint.training));
    PR_TRY(pri_rounding_describe(t, &checkpoint.rounding));
    if (t->recall) PR_TRY(pri_recall_write(t->recall, &checkpoint.recent, &checkpoint.num_recent));
    PR_TRY(pri_checkpoint_save(t->setup->train.checkpoint, &checkpoint));
done:
    checkpoint.model = checkpoint.latest = NULL;
    pri_checkpoint_clear(&checkpoint);
    return st;
}

/* ---- read ---- */

static pr_status read_figures(const figure *figures, size_t num, const pri_members *m, void *to)
{
    pr_status st = PR_OK;

    for (size_t i = 0; i < num && st == PR_OK; i++) {
        const char *key = figures[i].name;
        void       *at  = (char *)to + figures[i].offset;
        switch (figures[i].kind) {
        case U32: st = pri_member_u32(m, key, at); break;
        case U64: st = pri_member_u64(m, key, at); break;
        case I64: st = pri_member_int(m, key, INT64_MIN, INT64_MAX, at); break;
        case REAL: st = pri_member_real_or_null(m, key, at); break;
        }
    }
    return st;
}

/* Tell what a longer or shorter run than was planned does to rates. */
static void say_length(const pri_trainer *t, uint64_t planned)
{
    const pr_optimizer_options *o = &t->setup->optimizer;

    if (planned == t->max_steps || o->lr_schedule == PR_LR_CONSTANT) return;
    if (o->lr_schedule == PR_LR_STEP && o->lr_every) return;
    pr_diag(PR_WARN,
            "the learning rate follows the length of the run: it was planned for %" PRIu64
            " steps, now %" PRIu64 "; from step %" PRIu64
            " on rates are those of the new length, those before were not",
            planned, t->max_steps, t->first_step);
}

pr_status pri_course_restore(pri_course *c)
{
    pr_status         st = PR_OK;
    pri_trainer      *t  = c->trainer;
    const pri_members m  = { .path = t->setup->train.checkpoint, .object = t->from.training };
    int64_t           elapsed;
    uint64_t          planned;

    if (!t->resumes) return PR_OK;
    PR_TRY(read_figures(course_figures, COUNT(course_figures), &m, c));
    PR_TRY(read_figures(result_figures, COUNT(result_figures), &m, c->result));
    PR_TRY(pri_member_u64(&m, "planned_steps", &planned));
    PR_TRY(pri_member_int(&m, "elapsed_ns", 0, INT64_MAX / 2, &elapsed));
    PR_CHECK(c->ended_step <= c->step, PR_E_INPUT,
             "%s: ended_step is %" PRIu64 ", must be at most step, %" PRIu64, m.path, c->ended_step,
             c->step);
    c->start_ns -= elapsed;
    t->info.step              = t->from.info.step;
    t->info.epoch             = t->from.info.epoch;
    t->info.best_val_accuracy = t->from.info.best_val_accuracy;
    c->result->first_step     = t->first_step;
    say_length(t, planned);
done:
    return st;
}
