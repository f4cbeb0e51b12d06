/* parts.c: see parts.h. */
#include "pipeline/parts.h"

#include <inttypes.h>

#include "base/rng.h"
#include "pipeline/nodefile.h"

static pr_status check_together(const pr_placement_options *o)
{
    pr_status st = PR_OK;

    PR_CHECK(o->shards != PR_SHARDS_PART || o->shards_file[0], PR_E_ARG,
             "--shards part needs --shards.file FILE, a part for every node: packrat partition "
             "writes one");
    PR_CHECK(o->shards == PR_SHARDS_PART || o->shards == PR_SHARDS_AUTO || !o->shards_file[0],
             PR_E_ARG, "--shards.file %s goes with --shards part, and --shards is %s",
             o->shards_file, o->shards == PR_SHARDS_RANGE ? "range" : "hash");
done:
    return st;
}

/* Read a part for every row; gives one more than the largest.
 *
 *   rows_of   [PR_MAX_SHARDS] out: rows of each */
static pr_status read_parts(const char *path, pr_vid num_rows, uint8_t *of_row, uint64_t *rows_of,
                            uint32_t *num_parts)
{
    pr_status st  = PR_OK;
    pr_npy    npy = { 0 };

    PR_TRY(pri_wholes_open(path, &npy));
    PR_CHECK(npy.shape[0] == num_rows, PR_E_MISMATCH,
             "%s: has %" PRIu64 " parts, and the dataset %u nodes: must hold one for each", path,
             npy.shape[0], num_rows);
    for (size_t v = 0; v < num_rows; v++) {
        uint64_t      wide;
        const int64_t part = pri_wholes_at(&npy, v, &wide);
        PR_CHECK(wide <= INT64_MAX, PR_E_INPUT,
                 "%s: entry %zu is %" PRIu64 ", must be a part in 0 .. %u", path, v, wide,
                 PR_MAX_SHARDS - 1);
        PR_CHECK(part >= 0 && part < (int64_t)PR_MAX_SHARDS, PR_E_INPUT,
                 "%s: entry %zu is %" PRId64 ", must be a part in 0 .. %u", path, v, part,
                 PR_MAX_SHARDS - 1);
        of_row[v] = (uint8_t)part;
        rows_of[part]++;
        if ((uint32_t)part >= *num_parts) *num_parts = (uint32_t)part + 1;
    }
done:
    pr_npy_close(&npy);
    return st;
}

/* Turn parts into lanes. */
static pr_status deal(const char *path, uint32_t num_parts, uint32_t num_lanes,
                      const uint64_t *rows_of, pr_vid num_rows, uint8_t *of_row)
{
    pr_status st                    = PR_OK;
    uint64_t  in_lane[PR_MAX_LANES] = { 0 };
    uint32_t  num_idle              = 0;

    PR_CHECK(num_parts >= num_lanes, PR_E_MISMATCH,
             "%s: has %u part%s, and there are %u lanes: packrat partition --parts %u makes as "
             "many, --lanes %u uses these",
             path, num_parts, num_parts == 1 ? "" : "s", num_lanes, num_lanes, num_parts);
    for (uint32_t p = 0; p < num_parts; p++) in_lane[p * num_lanes / num_parts] += rows_of[p];
    for (uint32_t lane = 0; lane < num_lanes; lane++) num_idle += in_lane[lane] == 0;
    if (num_idle > 0)
        pr_diag(PR_WARN, "%s: %u of %u lanes have no node, %u parts are dealt to them in order",
                path, num_idle, num_lanes, num_parts);
    for (size_t v = 0; v < num_rows; v++) of_row[v] = (uint8_t)(of_row[v] * num_lanes / num_parts);
done:
    return st;
}

static pr_status by_file(const char *path, pr_vid num_rows, uint32_t num_lanes, uint8_t *of_row,
                         char why[PRI_PARTS_WHY_BYTES])
{
    pr_status st                     = PR_OK;
    uint64_t  rows_of[PR_MAX_SHARDS] = { 0 };
    uint32_t  num_parts              = 0;

    PR_TRY(read_parts(path, num_rows, of_row, rows_of, &num_parts));
    PR_TRY(deal(path, num_parts, num_lanes, rows_of, num_rows, of_row));
    const uint32_t least = num_parts / num_lanes, most = least + (num_parts % num_lanes > 0);
    if (least == most)
        snprintf(why, PRI_PARTS_WHY_BYTES, "%u parts of %.150s, %u a lane", num_parts, path, least);
    else
        snprintf(why, PRI_PARTS_WHY_BYTES, "%u parts of %.150s, %u or %u a lane", num_parts, path,
                 least, most);
done:
    return st;
}

pr_status pri_parts_open(const pr_placement_options *options, pr_vid num_rows, uint32_t num_lanes,
                         uint64_t seed, uint8_t **of_row, char why[PRI_PARTS_WHY_BYTES])
{
    pr_status      st   = PR_OK;
    uint8_t       *lane = NULL;
    const uint64_t key  = pri_mix64(seed);

    PR_ASSERT(num_rows > 0 && num_lanes > 0 && num_lanes <= PR_MAX_LANES);
    *of_row = NULL;
    PR_TRY(check_together(options));
    if (options->shards_file[0]) {
        PR_NEW(lane, num_rows);
        PR_TRY(by_file(options->shards_file, num_rows, num_lanes, lane, why));
    } else if (options->shards == PR_SHARDS_HASH) {
        PR_NEW(lane, num_rows);
        for (uint64_t v = 0; v < num_rows; v++) lane[v] = (uint8_t)(pri_mix64(key ^ v) % num_lanes);
        snprintf(why, PRI_PARTS_WHY_BYTES, "hashes of the ids");
    } else {
        snprintf(why, PRI_PARTS_WHY_BYTES, "runs of ids");
    }
    if (num_lanes > 1) {
        *of_row = lane;
        lane    = NULL;
    }
done:
    pri_free(lane);
    return st;
}
