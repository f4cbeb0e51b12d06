/* tune_file.c: the file tunings are kept in (docs/file-format.md).
 *
 * Several processes may save at once: each holds the lock of the file's directory while it reads
 * the other entries, adds its own and renames the new file over the old. Who cannot have the lock
 * (some network file systems, a directory that somebody keeps locked) goes on without it: the file
 * is whole then too, and the last one wins. */
#include <packrat/cache.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/outfile.h"
#include "cache/tune_entry.h"
#include "numa/cpu.h"

#define VERSION_MEMBER "packrat tunings"
enum { FORMAT_VERSION = 1, MAX_FILE_BYTES = 4 << 20, MAX_SHOWN = 2048 };
enum { LOCK_TRIES = 100, LOCK_PAUSE_NS = 20000000 };

pr_status pr_tuning_path(char out[PR_TEXT_BYTES])
{
    pr_status   st  = PR_OK;
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    out[0]             = '\0';
    const bool use_xdg = xdg && xdg[0] == '/'; /* XDG: ignore paths that are not absolute */
    PR_CHECK(use_xdg || (home && home[0]), PR_E_INPUT,
             "neither XDG_CACHE_HOME nor HOME is set: no place for tunings, name a file");
    const int n = snprintf(out, PR_TEXT_BYTES, "%s%s/packrat/tune.json", use_xdg ? xdg : home,
                           use_xdg ? "" : "/.cache");
    if (n < 0 || n >= PR_TEXT_BYTES) {
        out[0] = '\0';
        PR_RAISE(PR_E_INPUT, "%s has %zu bytes: too long for a file name",
                 use_xdg ? "XDG_CACHE_HOME" : "HOME", strlen(use_xdg ? xdg : home));
    }
done:
    return st;
}

static void key_of_host(size_t row_bytes, uint32_t threads, pri_tune_key *key)
{
    *key = (pri_tune_key){ .row_bytes = row_bytes, .threads = threads };
    if (gethostname(key->host, sizeof key->host - 1) != 0 || !key->host[0])
        snprintf(key->host, sizeof key->host, "unknown");
    pri_cpu_model("", key->cpu, sizeof key->cpu);
}

/* Whether two keys differ in row bytes at most. */
static bool same_team(const pri_tune_key *a, const pri_tune_key *b)
{
    return a->threads == b->threads && !strcmp(a->host, b->host) && !strcmp(a->cpu, b->cpu);
}

/* How many times the larger is the smaller; infinitely many when the keys differ in more. */
static double distance(const pri_tune_key *a, const pri_tune_key *b)
{
    const double x = (double)a->row_bytes, y = (double)b->row_bytes;

    if (!same_team(a, b)) return 1e300;
    return x > y ? x / y : y / x;
}

/* Read the file and see that it is one of ours.
 *
 *   newer   out: it is, but of a format this packrat does not know
 */
static pr_status read_file(const char *path, pr_json **root, const pr_json **entries, bool *newer)
{
    pr_status st   = PR_OK;
    pr_json  *json = NULL;
    int64_t   version;

    *root  = NULL;
    *newer = false;
    PR_TRY(pri_json_read_object(path, MAX_FILE_BYTES, &json));
    PR_CHECK(pri_json_as_int(pri_json_find(json, VERSION_MEMBER), &version), PR_E_INPUT,
             "%s: is not a file of tunings: it has no whole number \"" VERSION_MEMBER "\"", path);
    *newer = version > FORMAT_VERSION;
    PR_CHECK(version == FORMAT_VERSION, PR_E_INPUT,
             "%s: \"" VERSION_MEMBER "\" is %" PRId64 ", this packrat " PR_VERSION " knows %d",
             path, version, FORMAT_VERSION);
    *entries = pri_json_find(json, "entries");
    PR_CHECK(pri_json_is_array(*entries), PR_E_INPUT, "%s: entries is not an array", path);
    *root = json;
    json  = NULL;
done:
    pr_json_free(json);
    return st;
}

static void name_source(const char *path, const pri_tune_entry *entry, uint64_t wanted,
                        char out[PR_TEXT_BYTES])
{
    char         day[32] = "at an unknown time", fit[128] = "";
    const time_t at = (time_t)(entry->measured_at / 1000000000);
    struct tm    utc;

    if (gmtime_r(&at, &utc)) (void)strftime(day, sizeof day, "%Y-%m-%d", &utc);
    if (entry->key.row_bytes != wanted)
        snprintf(fit, sizeof fit,
                 " for %" PRIu64 "-byte rows, the nearest to %" PRIu64 " that was tuned",
                 entry->key.row_bytes, wanted);
    snprintf(out, PR_TEXT_BYTES, "%.*s (measured %s%s)", MAX_SHOWN, path, day, fit);
}

static void name_default(const char *path, size_t row_bytes, uint32_t threads,
                         char out[PR_TEXT_BYTES])
{
    snprintf(out, PR_TEXT_BYTES,
             "default (no tuning of this host for %zu-byte rows and %u threads in %.*s; packrat "
             "tune makes one)",
             row_bytes, threads, MAX_SHOWN, path);
}

/* Find the entry with the key, else the one of the nearest row bytes within a factor of 2; `out` is
 * as it was when there is none. Every entry is checked, ours or not: half a file is no file. */
static pr_status find_tuning(const char *path, size_t row_bytes, uint32_t threads, pr_tuning *out)
{
    pr_status       st      = PR_OK;
    pr_json        *root    = NULL;
    const pr_json  *entries = NULL;
    pri_tune_entry *entry = NULL, *best = NULL;
    pri_tune_key    wanted;
    double          least = 2;
    bool            newer, found = false;

    key_of_host(row_bytes, threads, &wanted);
    PR_NEW(entry, 1);
    PR_NEW(best, 1);
    PR_TRY(read_file(path, &root, &entries, &newer));
    for (size_t i = 0; i < pri_json_length(entries); i++) {
        PR_TRY(pri_tune_entry_read(path, i, pri_json_at(entries, i), entry));
        const double far = distance(&entry->key, &wanted);
        if (far > least) continue; /* of equals the last one was entered last */
        least = far;
        *best = *entry;
        found = true;
    }
    if (found) {
        *out = best->tuning;
        name_source(path, best, row_bytes, out->source);
    } else {
        name_default(path, row_bytes, threads, out->source);
    }
done:
    pr_json_free(root);
    pri_free(best);
    pri_free(entry);
    return st;
}

/* The file of "auto", which need not be there, and whose faults are no errors. */
static pr_status find_auto(size_t row_bytes, uint32_t threads, pr_tuning *out)
{
    char path[PR_TEXT_BYTES];

    if (pr_tuning_path(path) != PR_OK) {
        snprintf(out->source, sizeof out->source, "default (%s)", pr_error_message());
        return PR_OK;
    }
    if (access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
        name_default(path, row_bytes, threads, out->source);
        return PR_OK;
    }
    const pr_status st = find_tuning(path, row_bytes, threads, out);
    if (st == PR_OK || st == PR_E_NOMEM) return st;
    pr_diag(PR_WARN, "%s; the default tuning is taken, packrat tune makes a new one",
            pr_error_message());
    pr_tuning_default(row_bytes, out);
    snprintf(out->source, sizeof out->source, "default (%.*s cannot be used)", MAX_SHOWN, path);
    return PR_OK;
}

pr_status pr_tuning_load(const char *path, size_t row_bytes, uint32_t threads, pr_tuning *out)
{
    pr_status st = PR_OK;

    PR_CHECK(path && out, PR_E_ARG, "path or out is NULL");
    pr_tuning_default(row_bytes, out);
    if (!path[0] || !strcmp(path, "none")) return PR_OK;
    if (!strcmp(path, "auto"))
        PR_TRY(find_auto(row_bytes, threads, out));
    else
        PR_TRY(find_tuning(path, row_bytes, threads, out));
done:
    if (st != PR_OK && out) pr_tuning_default(row_bytes, out);
    return st;
}

/* Make the directories a file lies in, for the user alone as XDG asks. */
static pr_status make_directories(const char *path)
{
    pr_status   st = PR_OK;
    char        directory[PR_TEXT_BYTES];
    struct stat info;

    snprintf(directory, sizeof directory, "%s", path);
    for (char *c = directory + 1; *c; c++) {
        if (*c != '/') continue;
        *c                = '\0';
        const int  failed = mkdir(directory, 0700) == 0 ? 0 : errno;
        const bool there  = failed && stat(directory, &info) == 0; /* may say EROFS or EEXIST */
        PR_CHECK(!there || S_ISDIR(info.st_mode), PR_E_IO, "%s: %s is not a directory", path,
                 directory);
        PR_CHECK(!failed || there, PR_E_IO, "%s: directory %s cannot be made: %s", path, directory,
                 strerror(failed));
        *c = '/';
    }
done:
    return st;
}

/* Lock the directory of the file, waiting 2 s at most; -1 when it cannot be had. */
static int lock_directory(const char *path)
{
    const struct timespec pause = { .tv_sec = 0, .tv_nsec = LOCK_PAUSE_NS };
    char                  directory[PR_TEXT_BYTES];

    snprintf(directory, sizeof directory, "%s", path);
    char *slash = strrchr(directory, '/');
    if (slash) slash[slash == directory] = '\0';
    const int fd = open(slash ? directory : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; fd >= 0 && i < LOCK_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
        if (errno != EWOULDBLOCK && errno != EINTR) break;
        (void)nanosleep(&pause, NULL);
    }
    if (fd >= 0) (void)close(fd);
    return -1;
}

/* Write one entry on a line of its own, for people and for diff. */
static pr_status write_line(pri_outfile *file, const pr_json *json, size_t *num_lines)
{
    pr_status st   = PR_OK;
    char     *text = pr_json_text(json);

    PR_CHECK(text, PR_E_NOMEM, "cannot print a tuning");
    PR_CHECK(fprintf(file->stream, "%s\n  %s", *num_lines ? "," : "", text) > 0, PR_E_IO,
             "%s: cannot be written: %s", file->path, strerror(errno));
    ++*num_lines;
done:
    free(text);
    return st;
}

/* Write the file anew: the old entries with another key, then ours. */
static pr_status write_file(const char *path, const pr_json *entries, const pri_tune_entry *mine)
{
    pr_status       st    = PR_OK;
    pri_outfile     file  = { 0 };
    pr_json        *json  = NULL;
    pri_tune_entry *other = NULL;
    size_t          lines = 0;

    PR_NEW(other, 1);
    PR_TRY(pri_tune_entry_write(mine, &json));
    PR_TRY(pri_outfile_open(&file, path));
    PR_CHECK(fprintf(file.stream, "{\"" VERSION_MEMBER "\": %d, \"entries\": [", FORMAT_VERSION) >
                 0,
             PR_E_IO, "%s: cannot be written: %s", path, strerror(errno));
    for (size_t i = 0; i < pri_json_length(entries); i++) {
        const pr_json *at = pri_json_at(entries, i);
        PR_TRY(pri_tune_entry_read(path, i, at, other));
        if (!same_team(&other->key, &mine->key) || other->key.row_bytes != mine->key.row_bytes)
            PR_TRY(write_line(&file, at, &lines));
    }
    PR_TRY(write_line(&file, json, &lines));
    PR_TRY(pri_outfile_write(&file, "\n]}\n", 4));
    PR_CHECK(ftell(file.stream) <= MAX_FILE_BYTES, PR_E_FULL,
             "%s: would have %ld bytes, at most %d are allowed; remove it, or entries of other "
             "hosts",
             path, ftell(file.stream), MAX_FILE_BYTES);
    PR_TRY(pri_outfile_commit(&file));
done:
    pri_outfile_abort(&file);
    pr_json_free(json);
    pri_free(other);
    return st;
}

static pr_status check_entries(const char *path, const pr_json *entries)
{
    pr_status       st    = PR_OK;
    pri_tune_entry *entry = NULL;

    PR_NEW(entry, 1);
    for (size_t i = 0; i < pri_json_length(entries); i++)
        PR_TRY(pri_tune_entry_read(path, i, pri_json_at(entries, i), entry));
done:
    pri_free(entry);
    return st;
}

/* Read what is there. A file of "auto" that is damaged counts as empty, unless a newer packrat
 * wrote it; with a named one the user may have meant another. */
static pr_status read_others(const char *path, bool automatic, pr_json **root,
                             const pr_json **entries)
{
    bool        newer = false;
    struct stat info;

    *root    = NULL;
    *entries = NULL;
    if (stat(path, &info) != 0 && errno == ENOENT) return PR_OK;
    pr_status st = read_file(path, root, entries, &newer);
    if (st == PR_OK) st = check_entries(path, *entries);
    const bool ours = automatic && !newer && S_ISREG(info.st_mode);
    if (st != PR_E_INPUT || !ours) return st;
    pr_diag(PR_WARN, "%s; it is written anew", pr_error_message());
    pr_json_free(*root);
    *root    = NULL;
    *entries = NULL;
    return PR_OK;
}

static pr_status check_arguments(const char *path, size_t row_bytes, uint32_t threads,
                                 const pr_tuning *tuning)
{
    pr_status st = PR_OK;

    PR_CHECK(path, PR_E_ARG, "path is NULL");
    PR_CHECK(path[0] && strcmp(path, "none") != 0, PR_E_ARG, "'%s' names no file of tunings", path);
    PR_CHECK(strlen(path) < PR_TEXT_BYTES, PR_E_ARG,
             "the name of the file of tunings has %zu bytes, at most %d are allowed", strlen(path),
             PR_TEXT_BYTES - 1);
    PR_CHECK(row_bytes >= PRI_TUNE_MIN_ROW && row_bytes <= PRI_TUNE_MAX_ROW, PR_E_ARG,
             "row_bytes is %zu, allowed are %d .. %d", row_bytes, PRI_TUNE_MIN_ROW,
             PRI_TUNE_MAX_ROW);
    PR_CHECK(threads >= 1 && threads <= PRI_TUNE_MAX_TEAM, PR_E_ARG,
             "threads is %u, allowed are 1 .. %d", threads, PRI_TUNE_MAX_TEAM);
    if (tuning) PR_TRY(pri_tune_check(tuning));
done:
    return st;
}

pr_status pr_tuning_save(const char *path, size_t row_bytes, uint32_t threads,
                         const pr_tuning *tuning)
{
    pr_status       st      = PR_OK;
    pr_json        *root    = NULL;
    const pr_json  *entries = NULL;
    pri_tune_entry *mine    = NULL;
    int             lock    = -1;
    char            file[PR_TEXT_BYTES];

    PR_TRY(check_arguments(path, row_bytes, threads, tuning));
    const bool automatic = !strcmp(path, "auto");
    if (automatic)
        PR_TRY(pr_tuning_path(file));
    else
        snprintf(file, sizeof file, "%s", path);
    PR_TRY(make_directories(file));
    lock = lock_directory(file);
    PR_TRY(read_others(file, automatic, &root, &entries));
    if (tuning) {
        PR_NEW(mine, 1);
        key_of_host(row_bytes, threads, &mine->key);
        mine->measured_at = pr_unix_ns();
        mine->tuning      = *tuning;
        PR_TRY(write_file(file, entries, mine));
    } else {
        PR_TRY(pri_outfile_probe(file));
    }
done:
    if (lock >= 0) (void)close(lock);
    pr_json_free(root);
    pri_free(mine);
    return st;
}
