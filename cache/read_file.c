/* read_file.c: see read_file.h. */
#include "cache/read_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096, MOST_BLOCK = 1 << 16 };

/* Open by name, if the name is still that file's; else by the descriptor. -1 with errno. */
static int open_again(const pr_row_file *rows, int flags)
{
    struct stat now, then;
    char        name[64];
    const int   fd = open(rows->path, O_RDONLY | O_CLOEXEC | flags);

    if (fd >= 0 && fstat(fd, &now) == 0 && fstat(rows->fd, &then) == 0 &&
        now.st_dev == then.st_dev && now.st_ino == then.st_ino)
        return fd;
    if (fd >= 0) (void)close(fd);
    (void)snprintf(name, sizeof name, "/proc/self/fd/%d", rows->fd);
    return open(name, O_RDONLY | O_CLOEXEC | flags);
}

/* Whether a direct read of this size is taken. A device that fails is: the reads will say so. */
static bool takes(int fd, size_t block)
{
    _Alignas(PAGE) char bytes[PAGE];

    return block <= sizeof bytes && (pread(fd, bytes, block, 0) >= 0 || errno == EIO);
}

/* Give the multiple that direct reads of a file must keep to; 0: there are none. */
static size_t block_of(int fd)
{
    size_t block = 0;
#ifdef STATX_DIOALIGN
    struct statx about;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &about) == 0 &&
        (about.stx_mask & STATX_DIOALIGN)) {
        block = about.stx_dio_offset_align;
        if (block && about.stx_dio_mem_align > block) block = about.stx_dio_mem_align;
        if (block > MOST_BLOCK || (block & (block - 1))) block = 0;
        if (block > PAGE) return block;
        if (block && block < 512) block = 512;
        return block && takes(fd, block) ? block : 0;
    }
#endif
    for (block = 512; block <= PAGE; block *= 8)
        if (takes(fd, block)) return block;
    return 0;
}

static void open_direct(pri_read_file *file)
{
    file->fd = open_again(file->rows, O_DIRECT);
    if (file->fd >= 0) file->block = block_of(file->fd);
    if (file->block) {
        file->step   = file->block;
        file->direct = true;
        file->why    = "";
        return;
    }
    file->why = "O_DIRECT is refused";
    pri_read_file_close(file);
}

pr_status pri_read_file_open(const pr_row_file *rows, bool direct, pri_read_file *out)
{
    pr_status     st   = PR_OK;
    pri_read_file file = { .rows = rows, .fd = -1, .why = "io.direct is off" };

    *out = file;
    if (direct) open_direct(&file);
    if (!file.direct) {
        file.fd = open_again(rows, 0);
        if (file.fd < 0) file.fd = fcntl(rows->fd, F_DUPFD_CLOEXEC, 0);
        PR_CHECK(file.fd >= 0, PR_E_IO, "%s: cannot be opened anew: %s", rows->path,
                 strerror(errno));
        (void)posix_fadvise(file.fd, 0, 0, POSIX_FADV_RANDOM);
        file.block = PAGE;
        file.step  = 1;
    }
    *out = file;
done:
    return st;
}

void pri_read_file_close(pri_read_file *file)
{
    if (file->fd >= 0) (void)close(file->fd);
    file->fd = -1;
}
