/* spool.c: see spool.h. */
#include "loaders/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Make a file that has no name, or had one for a moment where the file system knows no other way.
 */
static pr_status make_file(const char *dir, int *fd)
{
    pr_status st = PR_OK;
    char      name[PR_TEXT_BYTES + 32];

    *fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (*fd >= 0) return PR_OK;
    snprintf(name, sizeof name, "%s/.packrat-XXXXXX", dir);
    *fd = mkostemp(name, O_CLOEXEC);
    PR_CHECK(*fd >= 0, PR_E_IO, "%s: no temporary file can be made here: %s", dir, strerror(errno));
    (void)unlink(name);
done:
    return st;
}

pr_status pri_spool_open(pri_spool *spool, const char *dir, bool weighted)
{
    pr_status st = PR_OK;

    *spool = (pri_spool){ .dir = dir, .fd = -1, .weighted = weighted };
    PR_NEW(spool->pair, 2 * PRI_SPOOL_EDGES);
    if (weighted) PR_NEW(spool->weight, PRI_SPOOL_EDGES);
    PR_TRY(make_file(dir, &spool->fd));
done:
    if (st != PR_OK) pri_spool_close(spool);
    return st;
}

const char *pri_spool_usual_dir(void)
{
    const char *dir = getenv("TMPDIR");
    struct stat info;

    if (dir && dir[0] && strlen(dir) < PR_TEXT_BYTES) return dir;
    return stat("/var/tmp", &info) == 0 ? "/var/tmp" : "/tmp";
}

static pr_status write_all(pri_spool *spool, const void *from, size_t bytes)
{
    pr_status st = PR_OK;

    for (size_t done = 0; done < bytes;) {
        const ssize_t n = write(spool->fd, (const char *)from + done, bytes - done);
        if (n < 0 && errno == EINTR) continue;
        PR_CHECK(n > 0, PR_E_IO,
                 "%s: a temporary file of edges cannot grow beyond %" PRIu64 " bytes: %s",
                 spool->dir, spool->bytes + done, n < 0 ? strerror(errno) : "nothing was written");
        done += (size_t)n;
    }
    spool->bytes += bytes;
done:
    return st;
}

pr_status pri_spool_write(pri_spool *spool)
{
    pr_status      st = PR_OK;
    const uint64_t n  = spool->n;

    PR_ASSERT(n <= PRI_SPOOL_EDGES && spool->num_edges % PRI_SPOOL_EDGES == 0);
    PR_TRY(write_all(spool, spool->pair, 2 * n * sizeof *spool->pair));
    if (spool->weighted) PR_TRY(write_all(spool, spool->weight, n * sizeof *spool->weight));
    spool->num_edges += n;
    spool->n = 0;
done:
    return st;
}

void pri_spool_rewind(pri_spool *spool)
{
    spool->next = spool->at = spool->n = 0;
    (void)posix_fadvise(spool->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
}

static pr_status read_all(pri_spool *spool, void *to, size_t bytes)
{
    pr_status st = PR_OK;

    for (size_t done = 0; done < bytes;) {
        const ssize_t n =
            pread(spool->fd, (char *)to + done, bytes - done, (off_t)(spool->at + done));
        if (n < 0 && errno == EINTR) continue;
        PR_CHECK(n > 0, PR_E_IO,
                 "%s: a temporary file of edges cannot be read at byte %" PRIu64 ": %s", spool->dir,
                 spool->at + done, n < 0 ? strerror(errno) : "it ends there");
        done += (size_t)n;
    }
    spool->at += bytes;
done:
    return st;
}

pr_status pri_spool_next(pri_spool *spool)
{
    pr_status      st   = PR_OK;
    const uint64_t left = spool->num_edges - spool->next;
    const uint64_t n    = left < PRI_SPOOL_EDGES ? left : PRI_SPOOL_EDGES;

    spool->n = 0;
    PR_TRY(read_all(spool, spool->pair, 2 * n * sizeof *spool->pair));
    if (spool->weighted) PR_TRY(read_all(spool, spool->weight, n * sizeof *spool->weight));
    spool->next += n;
    spool->n = n;
done:
    return st;
}

uint64_t pri_spool_block_bytes(bool weighted)
{
    return PRI_SPOOL_EDGES * (2 * sizeof(pr_vid) + (weighted ? sizeof(float) : 0));
}

void pri_spool_close(pri_spool *spool)
{
    if (spool->dir && spool->fd >= 0) (void)close(spool->fd); /* a zeroed one has no directory */
    pri_free(spool->pair);
    pri_free(spool->weight);
    spool->fd     = -1;
    spool->pair   = NULL;
    spool->weight = NULL;
}
