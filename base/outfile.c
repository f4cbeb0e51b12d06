/* outfile.c: temporary name, fsync, rename. */
#include "base/outfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SETTLE_BYTES = 16 << 20 };

pr_status pri_outfile_open(pri_outfile *file, const char *path)
{
    pr_status st = PR_OK;
    int       fd = -1;

    *file = (pri_outfile){ 0 };
    PR_CHECK(path && path[0], PR_E_ARG, "the output file's name is empty");
    PR_CHECK(strlen(path) < sizeof file->path, PR_E_ARG, "the output file's name is too long");
    snprintf(file->path, sizeof file->path, "%s", path);
    snprintf(file->temporary, sizeof file->temporary, "%s.tmp-%ld", path, (long)getpid());
    struct stat info;
    PR_CHECK(stat(path, &info) != 0 || S_ISREG(info.st_mode), PR_E_ARG,
             "%s: exists and is not a regular file", path);
    (void)unlink(file->temporary); /* left by a killed process; never follow a link put there */
    fd = open(file->temporary, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
    PR_CHECK(fd >= 0, PR_E_IO, "%s: cannot be written: %s", path, strerror(errno));
    file->stream = fdopen(fd, "wb");
    if (!file->stream) {
        (void)unlink(file->temporary);
        PR_RAISE(PR_E_IO, "%s: cannot be written: %s", path, strerror(errno));
    }
    fd = -1;
done:
    if (fd >= 0) (void)close(fd);
    return st;
}

pr_status pri_outfile_probe(const char *path)
{
    pri_outfile     file = { 0 };
    const pr_status st   = pri_outfile_open(&file, path);

    pri_outfile_abort(&file);
    return st;
}

void pri_outfile_sweep(const char *path)
{
    char        directory[PR_TEXT_BYTES], left[PR_TEXT_BYTES + 300];
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const int   bytes = slash ? (int)(slash - path) + 1 : 2;

    (void)snprintf(directory, sizeof directory, "%.*s", bytes, slash ? path : "./");
    DIR *listed = opendir(directory);
    for (struct dirent *e = listed ? readdir(listed) : NULL; e; e = readdir(listed)) {
        const size_t n = strlen(name);
        if (strncmp(e->d_name, name, n) != 0 || strncmp(e->d_name + n, ".tmp-", 5) != 0) continue;
        char      *end;
        const long pid = strtol(e->d_name + n + 5, &end, 10);
        if (pid <= 0 || *end || kill((pid_t)pid, 0) == 0 || errno != ESRCH) continue;
        (void)snprintf(left, sizeof left, "%s%s", directory, e->d_name);
        (void)unlink(left);
    }
    if (listed) (void)closedir(listed);
}

pr_status pri_outfile_write(pri_outfile *file, const void *data, size_t bytes)
{
    pr_status st = PR_OK;
    PR_CHECK(bytes == 0 || fwrite(data, 1, bytes, file->stream) == bytes, PR_E_IO,
             "%s: cannot be written: %s", file->path, strerror(errno));
done:
    return st;
}

/* The stretch before the last is waited for, so that two are in flight at most. */
void pri_outfile_settle(pri_outfile *file)
{
    const int   fd = fileno(file->stream);
    const off_t at = ftello(file->stream);

    if (at < 0 || (uint64_t)at < file->begun + SETTLE_BYTES || fflush(file->stream) != 0) return;
    const off_t begun = (off_t)file->begun, settled = (off_t)file->settled;
    (void)sync_file_range(fd, begun, at - begun, SYNC_FILE_RANGE_WRITE);
    if (begun > settled) {
        (void)sync_file_range(fd, settled, begun - settled,
                              SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                                  SYNC_FILE_RANGE_WAIT_AFTER);
        (void)posix_fadvise(fd, settled, begun - settled, POSIX_FADV_DONTNEED);
    }
    file->settled = file->begun;
    file->begun   = (uint64_t)at;
}

/* Make the rename itself durable; best effort, some file systems refuse. */
static void sync_directory(const char *path)
{
    char dir[PR_TEXT_BYTES];
    snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash == dir) slash++;
    if (slash) *slash = '\0';
    int fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    (void)fsync(fd);
    (void)close(fd);
}

pr_status pri_outfile_commit(pri_outfile *file)
{
    pr_status st = PR_OK;

    PR_CHECK(!ferror(file->stream) && fflush(file->stream) == 0, PR_E_IO,
             "%s: cannot be written: %s", file->path, strerror(errno));
    PR_CHECK(fsync(fileno(file->stream)) == 0, PR_E_IO, "%s: cannot be made durable: %s",
             file->path, strerror(errno));
    FILE *stream = file->stream;
    file->stream = NULL;
    if (fclose(stream) != 0 || rename(file->temporary, file->path) != 0) {
        const int reason = errno;
        (void)unlink(file->temporary);
        PR_RAISE(PR_E_IO, "%s: cannot be written: %s", file->path, strerror(reason));
    }
    sync_directory(file->path);
done:
    pri_outfile_abort(file);
    return st;
}

void pri_outfile_abort(pri_outfile *file)
{
    if (!file->stream) return;
    (void)fclose(file->stream);
    (void)unlink(file->temporary);
    file->stream = NULL;
}

pr_status pri_input_status(int error_number)
{
    switch (error_number) {
    case ENOENT:
    case ENOTDIR:
    case EACCES:
    case EPERM:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG: return PR_E_INPUT;
    default: return PR_E_IO;
    }
}

pr_status pri_file_read(const char *path, size_t max_bytes, char **out, size_t *bytes)
{
    pr_status   st   = PR_OK;
    char       *text = NULL;
    struct stat info;
    int         fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not hang us */

    *out = NULL;
    PR_CHECK(fd >= 0, pri_input_status(errno), "%s: cannot be read: %s", path, strerror(errno));
    PR_CHECK(fstat(fd, &info) == 0, PR_E_IO, "%s: cannot be read: %s", path, strerror(errno));
    PR_CHECK(S_ISREG(info.st_mode), PR_E_INPUT, "%s: is not a regular file", path);
    PR_CHECK((uint64_t)info.st_size <= max_bytes, PR_E_INPUT,
             "%s: has %lld bytes, at most %zu are allowed", path, (long long)info.st_size,
             max_bytes);
    const size_t size = (size_t)info.st_size;
    PR_NEW(text, size + 1);
    size_t have = 0;
    while (have < size) {
        ssize_t n = read(fd, text + have, size - have);
        if (n < 0 && errno == EINTR) continue;
        PR_CHECK(n >= 0, PR_E_IO, "%s: cannot be read: %s", path, strerror(errno));
        if (n == 0) break; /* it shrank: the bytes that are there are the file */
        have += (size_t)n;
    }
    *bytes = have;
    *out   = text;
    text   = NULL;
done:
    if (fd >= 0) (void)close(fd);
    pri_free(text);
    return st;
}
