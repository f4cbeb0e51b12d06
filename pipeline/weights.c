/* weights.c: `packrat weights`, from a checkpoint to a .npz for PyTorch and back. */
#include <packrat/pipeline.h>

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "pipeline/nn/nn.h"

#define WEIGHTS(member) offsetof(pr_weights_options, member)

static const pr_option weights_options[] = {
    { "checkpoint", "file", "the checkpoint that is read; with --from, the one that is written", "",
      PR_OPT_TEXT, WEIGHTS(checkpoint), 0, 0, NULL },
    { "out", "file", "a .npz to write the weights of --checkpoint to", "", PR_OPT_TEXT,
      WEIGHTS(out), 0, 0, NULL },
    { "from", "file", "a .npz of weights to make --checkpoint of", "", PR_OPT_TEXT, WEIGHTS(from),
      0, 0, NULL },
    { "like", "file",
      "with --from: a checkpoint whose model and dataset the new one has, instead of --data and "
      "the options of a model",
      "", PR_OPT_TEXT, WEIGHTS(like), 0, 0, NULL },
    { "layers", "layers", "with --from: depth of the model", "2", PR_OPT_U32, WEIGHTS(layers), 1,
      PR_MAX_LAYERS, NULL },
    { "outputs", "columns",
      "with --from: width of the last layer; 0: the classes or labels of the dataset; else, where "
      "they differ, the columns of an embedding",
      "0", PR_OPT_U32, WEIGHTS(outputs), 0, INT32_MAX, NULL },
    { "split", "", "with --from: the split the model was trained on, which eval takes by itself",
      "main", PR_OPT_CHOICE, WEIGHTS(split), 0, 0, "main|alt" },
};
const pr_option_table pr_weights_option_table = {
    "Weights", weights_options, sizeof weights_options / sizeof *weights_options
};

/* Tell the outcome of a model. */
static void tell(const pr_model *model, pr_weights_result *result)
{
    pr_model_shape shape;

    pr_model_describe(model, &shape);
    result->kind           = shape.options.kind;
    result->num_layers     = shape.num_layers;
    result->num_parameters = shape.num_parameters;
}

/* Tell whether a model has NaN or infinite weights, as one has that diverged. */
static bool is_finite(pr_model *model, uint64_t num)
{
    const float *const at  = pri_nn_parameters(model);
    bool               all = true;

    for (uint64_t i = 0; i < num; i++) all = all && isfinite(at[i]);
    return all;
}

/* Refuse to write over what is read: it may be all that is left of a run. */
static pr_status check_apart(const char *from_option, const char *from, const char *to_option,
                             const char *to)
{
    pr_status   st = PR_OK;
    struct stat a, b;

    if (stat(from, &a) != 0 || stat(to, &b) != 0) return PR_OK;
    PR_CHECK(a.st_dev != b.st_dev || a.st_ino != b.st_ino, PR_E_ARG,
             "%s and %s are one file, %s; the one is read and the other written", from_option,
             to_option, from);
done:
    return st;
}

static pr_status write_npz(const pr_weights_options *options, pr_weights_result *result)
{
    pr_status          st    = PR_OK;
    pr_model          *model = NULL;
    pr_checkpoint_info info;

    PR_TRY(pr_checkpoint_load(options->checkpoint, &model, &info));
    PR_TRY(pr_weights_save(options->out, model));
    tell(model, result);
    if (!is_finite(model, result->num_parameters))
        pr_diag(PR_WARN, "%s: has weights that are not finite; packrat does not read them again",
                options->out);
done:
    pr_model_free(model);
    return st;
}

/* Read the weights for the model that another checkpoint has. */
static pr_status load_like(const pr_weights_options *options, pr_checkpoint_info *info,
                           pr_model **out)
{
    pr_status      st    = PR_OK;
    pr_model      *other = NULL;
    pr_model_shape shape;

    PR_TRY(pr_checkpoint_load(options->like, &other, info));
    pr_model_describe(other, &shape);
    info->step              = 0;
    info->epoch             = 0;
    info->best_val_accuracy = NAN;
    PR_TRY(pr_weights_load(options->from, &shape.options, shape.num_layers, shape.width[0],
                           shape.width[shape.num_layers], out));
done:
    pr_model_free(other);
    return st;
}

/* Read the weights for the model that the options describe, on a dataset. */
static pr_status load_described(const pr_weights_setup *setup, pr_checkpoint_info *info,
                                pr_model **out)
{
    pr_status                 st      = PR_OK;
    const pr_weights_options *options = &setup->weights;
    const pr_dataset         *dataset = NULL;

    PR_TRY(pr_dataset_open(&setup->dataset, &dataset));
    const uint32_t classes = dataset->num_classes;
    const uint32_t outputs = options->outputs > 0 ? options->outputs : classes;
    PR_CHECK(outputs > 0, PR_E_MISMATCH,
             "%s has no labels: --outputs must tell the width of the last layer", dataset->path);
    const int known = dataset->targets ? PR_OUTPUTS_LABELS : PR_OUTPUTS_CLASSES;

    *info = (pr_checkpoint_info){ .dataset_fingerprint = dataset->fingerprint,
                                  .split               = options->split,
                                  .feature_norm        = dataset->feature_norm,
                                  .outputs = outputs == classes ? known : PR_OUTPUTS_EMBEDDING,
                                  .best_val_accuracy = NAN,
                                  .options           = "{}" };
    snprintf(info->dataset_name, sizeof info->dataset_name, "%s", dataset->name);
    PR_TRY(pr_weights_load(options->from, &setup->model, options->layers,
                           dataset->features.num_cols, outputs, out));
done:
    pr_dataset_close(dataset);
    return st;
}

static pr_status make_checkpoint(const pr_weights_setup *setup, pr_weights_result *result)
{
    pr_status          st    = PR_OK;
    pr_model          *model = NULL;
    pr_checkpoint_info info;

    if (setup->weights.like[0])
        PR_TRY(load_like(&setup->weights, &info, &model));
    else
        PR_TRY(load_described(setup, &info, &model));
    PR_TRY(pr_checkpoint_save(setup->weights.checkpoint, model, &info));
    tell(model, result);
done:
    pr_model_free(model);
    return st;
}

pr_status pr_weights(const pr_weights_setup *setup, pr_weights_result *result)
{
    pr_status st = PR_OK;

    PR_CHECK(setup && result, PR_E_ARG, "setup or result is NULL");
    const pr_weights_options *o = &setup->weights;
    *result                     = (pr_weights_result){ 0 };
    PR_TRY(pr_options_check(&pr_weights_option_table, o));
    PR_CHECK(o->checkpoint[0], PR_E_ARG, "--checkpoint is missing");
    PR_CHECK(o->out[0] || o->from[0], PR_E_ARG,
             "--out or --from must say where weights go to or come from");
    PR_CHECK(!o->out[0] || !o->from[0], PR_E_ARG, "--out and --from exclude each other");
    PR_CHECK(o->from[0] || !o->like[0], PR_E_ARG, "--like goes with --from");
    PR_CHECK(o->from[0] || !setup->dataset.data[0], PR_E_ARG, "--data goes with --from");
    PR_CHECK(!o->like[0] || !setup->dataset.data[0], PR_E_ARG,
             "--like and --data exclude each other: both tell what the model fits");
    PR_CHECK(!o->from[0] || o->like[0] || setup->dataset.data[0], PR_E_ARG,
             "--from needs --data, the dataset that the model fits, or --like, a checkpoint");
    if (o->out[0])
        PR_TRY(check_apart("--checkpoint", o->checkpoint, "--out", o->out));
    else
        PR_TRY(check_apart("--from", o->from, "--checkpoint", o->checkpoint));
    PR_TRY(o->out[0] ? write_npz(o, result) : make_checkpoint(setup, result));
done:
    return st;
}
