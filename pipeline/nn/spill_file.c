/* spill_file.c: see spill_file.h. */
#include "pipeline/nn/spill_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096, NAME_BYTES = 16 };

const char *pri_spill_directory(const char *wanted)
{
    if (wanted && wanted[0]) return wanted;
    const char *named = getenv("TMPDIR");
    return named && named[0] ? named : "/var/tmp";
}

/* Open a file that has no name, or loses it at once where the file system knows no such files. */
static int open_nameless(const char *directory)
{
    char path[PR_TEXT_BYTES + NAME_BYTES];
    int  fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return fd;
    (void)snprintf(path, sizeof path, "%s/.packrat-XXXXXX", directory);
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0) (void)unlink(path);
    return fd;
}

pr_status pri_spill_open(const char *directory, uint64_t bytes, pri_spill_file *out)
{
    pr_status      st   = PR_OK;
    pri_spill_file file = { .fd = -1 };
    struct statvfs space;

    *out = file;
    PR_CHECK(strlen(directory) < sizeof file.directory, PR_E_ARG,
             "--spill is a path of %zu bytes, %zu are allowed", strlen(directory),
             sizeof file.directory - 1);
    memcpy(file.directory, directory, strlen(directory) + 1);
    file.fd = open_nameless(directory);
    PR_CHECK(file.fd >= 0, PR_E_IO,
             "%s: cannot make a temporary file for %" PRIu64
             " bytes of layer outputs: %s; --spill names another directory",
             directory, bytes, strerror(errno));
    if (fstatvfs(file.fd, &space) == 0) {
        const uint64_t unit = space.f_frsize ? space.f_frsize : space.f_bsize;
        const uint64_t left = unit ? UINT64_MAX / unit : 0;
        const uint64_t room = space.f_bavail > left ? UINT64_MAX : space.f_bavail * unit;
        PR_CHECK(room >= bytes, PR_E_IO,
                 "%s: %" PRIu64 " bytes of layer outputs go to temporary files, %" PRIu64
                 " bytes are free; --spill names another directory, more memory needs less",
                 directory, bytes, room);
    }
    *out    = file;
    file.fd = -1;
done:
    pri_spill_close(&file);
    return st;
}

void pri_spill_close(pri_spill_file *file)
{
    if (file->fd >= 0) (void)close(file->fd);
    file->fd = -1;
}

/* The kernel keeps what it may drop, and drops whole pages only: the first may be half done. */
static void forget(const pri_spill_file *file, uint64_t at, size_t bytes)
{
    const uint64_t begin = at / PAGE_BYTES * PAGE_BYTES;

    (void)posix_fadvise(file->fd, (off_t)begin, (off_t)(at + bytes - begin), POSIX_FADV_DONTNEED);
}

pr_status pri_spill_write(const pri_spill_file *file, uint64_t at, const void *from, size_t bytes)
{
    pr_status   st   = PR_OK;
    const char *data = from;

    for (size_t done = 0; done < bytes;) {
        const ssize_t n = pwrite(file->fd, data + done, bytes - done, (off_t)(at + done));
        if (n < 0 && errno == EINTR) continue;
        PR_CHECK(n > 0, PR_E_IO,
                 "%s: cannot write %zu bytes at %" PRIu64
                 " of a temporary file: %s; --spill names another directory",
                 file->directory, bytes - done, at + done, n < 0 ? strerror(errno) : "no room");
        done += (size_t)n;
    }
    /* Writing begins now, not when memory is short; the piece before has had its time. */
    (void)sync_file_range(file->fd, (off_t)at, (off_t)bytes, SYNC_FILE_RANGE_WRITE);
    if (at >= bytes) forget(file, at - bytes, bytes);
done:
    return st;
}

pr_status pri_spill_read(const pri_spill_file *file, uint64_t at, void *to, size_t bytes)
{
    pr_status st   = PR_OK;
    char     *data = to;

    for (size_t done = 0; done < bytes;) {
        const ssize_t n = pread(file->fd, data + done, bytes - done, (off_t)(at + done));
        if (n < 0 && errno == EINTR) continue;
        PR_CHECK(n > 0, PR_E_IO, "%s: cannot read %zu bytes at %" PRIu64 " of a temporary file: %s",
                 file->directory, bytes - done, at + done,
                 n < 0 ? strerror(errno) : "it ends there");
        done += (size_t)n;
    }
    forget(file, at, bytes);
done:
    return st;
}

void pri_spill_expect(const pri_spill_file *file, uint64_t at, size_t bytes)
{
    if (bytes) (void)posix_fadvise(file->fd, (off_t)at, (off_t)bytes, POSIX_FADV_WILLNEED);
}

/* The kernel tells of a failure anywhere in the file, whatever the range that is waited for. */
pr_status pri_spill_check(const pri_spill_file *file)
{
    pr_status st = PR_OK;

    if (sync_file_range(file->fd, 0, 1, SYNC_FILE_RANGE_WAIT_BEFORE) == 0) return PR_OK;
    const int error = errno; /* file systems that cannot wait say EINVAL or ENOSYS */
    PR_CHECK(error != EIO && error != ENOSPC && error != EDQUOT, PR_E_IO,
             "%s: a temporary file could not be written to the disk: %s; --spill names another "
             "directory",
             file->directory, strerror(error));
done:
    return st;
}
