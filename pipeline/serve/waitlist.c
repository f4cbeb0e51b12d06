/* waitlist.c: two lists through every query, and a heap.
 *
 *     by age     a <-> b <-> c <-> d <-> e          the oldest decides which batch is next
 *     equals     a <------> c <-------> e           those that share it
 *                      b <------> d
 *
 * Lists of equals are found by a hash of what they have in common; a list ends with its last query.
 * The heap holds those that have a deadline, the earliest on top. All memory is taken at the
 * start. */
#include "pipeline/serve/waitlist.h"

#include "base/rng.h"

/* A list of equals. */
typedef struct equals {
    pri_waiting_key key;
    uint64_t        hash;
    pri_query      *oldest, *youngest;
    uint64_t        num_nodes;
    struct equals  *next; /* of the same bucket, or unused */
} equals;

struct pri_waitlist {
    uint32_t    most, num, num_dated;
    pri_query  *oldest, *youngest;
    equals     *pool, *unused;
    equals    **bucket; /* [num_buckets] */
    uint64_t    num_buckets;
    pri_query **dated; /* [most] heap */
};

/* ---- keys ---- */

pri_waiting_key pri_waiting_key_of(const pri_query *query)
{
    pri_waiting_key key = { .kind = query->kind };

    if (query->kind != PRI_QUERY_INFER) return key;
    key.seed       = query->seed;
    key.own_fanout = query->own_fanout;
    if (!query->own_fanout) return key;
    key.fanout.num_layers = query->fanout.num_layers;
    for (uint32_t h = 0; h < query->fanout.num_layers; h++)
        key.fanout.hop[h] = query->fanout.hop[h];
    return key;
}

static uint64_t hash_of(const pri_waiting_key *key)
{
    uint64_t hash = pri_mix64(key->seed ^ ((uint64_t)key->kind << 1 | key->own_fanout));

    for (uint32_t h = 0; h < key->fanout.num_layers; h++)
        hash = pri_mix64(hash ^ key->fanout.hop[h]);
    return hash;
}

static bool is_equal(const pri_waiting_key *a, const pri_waiting_key *b)
{
    if (a->kind != b->kind || a->own_fanout != b->own_fanout || a->seed != b->seed) return false;
    if (a->fanout.num_layers != b->fanout.num_layers) return false;
    for (uint32_t h = 0; h < a->fanout.num_layers; h++)
        if (a->fanout.hop[h] != b->fanout.hop[h]) return false;
    return true;
}

/* ---- the heap of deadlines ---- */

static void set_dated(pri_waitlist *list, uint32_t at, pri_query *query)
{
    list->dated[at]      = query;
    query->deadline_slot = at;
}

static void sift_up(pri_waitlist *list, uint32_t at, pri_query *query)
{
    while (at > 0) {
        const uint32_t above = (at - 1) / 2;
        if (list->dated[above]->deadline_ns <= query->deadline_ns) break;
        set_dated(list, at, list->dated[above]);
        at = above;
    }
    set_dated(list, at, query);
}

static void sift_down(pri_waitlist *list, uint32_t at, pri_query *query)
{
    for (;;) {
        uint32_t below = 2 * at + 1;
        if (below >= list->num_dated) break;
        if (below + 1 < list->num_dated &&
            list->dated[below + 1]->deadline_ns < list->dated[below]->deadline_ns)
            below++;
        if (list->dated[below]->deadline_ns >= query->deadline_ns) break;
        set_dated(list, at, list->dated[below]);
        at = below;
    }
    set_dated(list, at, query);
}

static void remove_dated(pri_waitlist *list, const pri_query *query)
{
    if (query->deadline_ns == INT64_MAX) return;
    const uint32_t at   = query->deadline_slot;
    pri_query     *last = list->dated[--list->num_dated];
    PR_ASSERT(at <= list->num_dated);
    if (last == query) return;
    if (at > 0 && list->dated[(at - 1) / 2]->deadline_ns > last->deadline_ns)
        sift_up(list, at, last);
    else
        sift_down(list, at, last);
}

/* ---- lists of equals ---- */

static equals **bucket_of(const pri_waitlist *list, uint64_t hash)
{
    return &list->bucket[hash & (list->num_buckets - 1)];
}

static equals *find(const pri_waitlist *list, const pri_waiting_key *key, uint64_t hash)
{
    equals *e = *bucket_of(list, hash);

    while (e && (e->hash != hash || !is_equal(&e->key, key))) e = e->next;
    return e;
}

static equals *find_or_make(pri_waitlist *list, const pri_query *query)
{
    const pri_waiting_key key  = pri_waiting_key_of(query);
    const uint64_t        hash = hash_of(&key);
    equals               *e    = find(list, &key, hash);

    if (e) return e;
    e            = list->unused; /* there are as many as queries */
    list->unused = e->next;
    *e           = (equals){ .key = key, .hash = hash, .next = *bucket_of(list, hash) };

    *bucket_of(list, hash) = e;
    return e;
}

static void drop(pri_waitlist *list, equals *e)
{
    equals **link = bucket_of(list, e->hash);

    while (*link != e) link = &(*link)->next;
    *link        = e->next;
    e->next      = list->unused;
    list->unused = e;
}

/* ---- in and out ---- */

pr_status pri_waitlist_create(uint32_t most, pri_waitlist **out)
{
    pr_status     st   = PR_OK;
    pri_waitlist *list = NULL;

    *out = NULL;
    PR_NEW(list, 1);
    list->most        = most;
    list->num_buckets = 16;
    while (list->num_buckets < most) list->num_buckets *= 2;
    PR_NEW(list->pool, most);
    PR_NEW(list->bucket, list->num_buckets);
    PR_NEW(list->dated, most);
    for (uint32_t i = most; i-- > 0;) {
        list->pool[i].next = list->unused;
        list->unused       = &list->pool[i];
    }
    *out = list;
    list = NULL;
done:
    pri_waitlist_free(list);
    return st;
}

void pri_waitlist_free(pri_waitlist *list)
{
    if (!list) return;
    pri_free(list->pool);
    pri_free(list->bucket);
    pri_free(list->dated);
    pri_free(list);
}

bool pri_waitlist_put(pri_waitlist *list, pri_query *query)
{
    if (list->num == list->most) return false;
    PR_ASSERT(query->num_nodes > 0);
    equals *e = find_or_make(list, query);

    query->equals      = e;
    query->older       = list->youngest;
    query->equal_older = e->youngest;
    query->younger = query->equal_younger = query->next = NULL;

    *(list->youngest ? &list->youngest->younger : &list->oldest) = query;
    *(e->youngest ? &e->youngest->equal_younger : &e->oldest)    = query;
    list->youngest = e->youngest = query;
    e->num_nodes += query->num_nodes;
    list->num++;
    if (query->deadline_ns != INT64_MAX) sift_up(list, list->num_dated++, query);
    return true;
}

static void remove_query(pri_waitlist *list, pri_query *query)
{
    equals *e = query->equals;

    *(query->older ? &query->older->younger : &list->oldest)                = query->younger;
    *(query->younger ? &query->younger->older : &list->youngest)            = query->older;
    *(query->equal_older ? &query->equal_older->equal_younger : &e->oldest) = query->equal_younger;
    *(query->equal_younger ? &query->equal_younger->equal_older : &e->youngest) =
        query->equal_older;
    e->num_nodes -= query->num_nodes;
    if (!e->oldest) drop(list, e);
    remove_dated(list, query);
    list->num--;
    query->next = NULL;
}

uint32_t pri_waitlist_num(const pri_waitlist *list)
{
    return list->num;
}

pri_query *pri_waitlist_oldest(const pri_waitlist *list)
{
    return list->oldest;
}

uint64_t pri_waitlist_nodes(const pri_waitlist *list)
{
    return list->oldest ? ((const equals *)list->oldest->equals)->num_nodes : 0;
}

/* Take queries out of a list of equals while they fit; the first fits always with `whole`. */
static pri_query *take(pri_waitlist *list, equals *e, bool whole, uint64_t max_nodes, uint32_t *num,
                       bool *cut)
{
    pri_query *first = NULL, **end = &first;
    uint64_t   nodes = 0;
    uint64_t   left  = e->num_nodes; /* e itself goes with its last query */

    *num = 0;
    for (pri_query *q = e->oldest, *then; left > 0; q = then) {
        then = q->equal_younger;
        if (nodes + q->num_nodes > max_nodes && (!whole || *num > 0)) break;
        nodes += q->num_nodes;
        left -= q->num_nodes;
        remove_query(list, q);
        *end = q;
        end  = &q->next;
        (*num)++;
    }
    *cut = left > 0;
    return first;
}

pri_query *pri_waitlist_take(pri_waitlist *list, uint64_t max_nodes, uint32_t *num, bool *cut)
{
    *num = 0;
    *cut = false;
    return list->oldest ? take(list, list->oldest->equals, true, max_nodes, num, cut) : NULL;
}

pri_query *pri_waitlist_join(pri_waitlist *list, const pri_query *with, uint64_t max_nodes,
                             uint32_t *num, bool *cut)
{
    const pri_waiting_key key = pri_waiting_key_of(with);
    equals               *e   = find(list, &key, hash_of(&key));

    *num = 0;
    *cut = false;
    return e ? take(list, e, false, max_nodes, num, cut) : NULL;
}

int64_t pri_waitlist_deadline(const pri_waitlist *list)
{
    return list->num_dated ? list->dated[0]->deadline_ns : INT64_MAX;
}

pri_query *pri_waitlist_take_late(pri_waitlist *list, int64_t now)
{
    pri_query *first = NULL, **end = &first;

    while (list->num_dated && list->dated[0]->deadline_ns <= now) {
        pri_query *late = list->dated[0];
        remove_query(list, late);
        *end = late;
        end  = &late->next;
    }
    return first;
}
