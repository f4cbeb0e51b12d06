/* npz.h: numpy's .npz: a zip archive of .npy members, stored or deflated. All libzip calls of the
 * project are in npz.c. Archives are hostile: names, sizes and methods that an archive declares
 * are looked at before memory is taken, and no more is unpacked than the caller expects. One
 * thread at a time. */
#ifndef LOADERS_NPZ_H
#define LOADERS_NPZ_H

#include "base/check.h"
#include "loaders/npy.h"

enum { PRI_NPZ_MEMBERS = 1024, PRI_NPZ_NAME_BYTES = 128 };

/* An archive that is read. */
typedef struct pri_npz pri_npz;

/* Open an archive and look at its list of members. PR_E_INPUT when it is no zip archive, or has a
 * member twice, one that is no .npy, one that is encrypted or packed in another way, or more than
 * PRI_NPZ_MEMBERS. Close with pri_npz_close; NULL on failure. */
pr_status pri_npz_open(const char *path, pri_npz **out);
void      pri_npz_close(pri_npz *npz); /* NULL is fine */

/* Give the number of members, and a member's name without ".npy"; borrowed until the close. */
uint32_t    pri_npz_count(const pri_npz *npz);
const char *pri_npz_name(const pri_npz *npz, uint32_t member);

/* Give the member of that name; PRI_NPZ_MEMBERS: there is none. */
uint32_t pri_npz_find(const pri_npz *npz, const char *name);

/* Read a member of reals (<f4, <f8, <f2; either order) into floats in C order.
 *
 *   shape   [num_dims] wanted, num_dims 1 .. PRI_NPY_DIMS
 *   to      [product of shape], overwritten, also by a read that fails
 *
 * PR_E_INPUT names file, member, what was found and what is allowed: another shape or type, a
 * value that is not finite as f32, fewer or more bytes than the header says, a checksum that
 * differs. Takes at most 8 bytes an element and 64 KiB. */
pr_status pri_npz_read(pri_npz *npz, uint32_t member, uint32_t num_dims, const uint64_t *shape,
                       float *to);

/* An archive in the making; it is in memory until it is written. */
typedef struct pri_npz_writer pri_npz_writer;

pr_status pri_npz_begin(pri_npz_writer **out);

/* Add an array; `data` is copied. The name is without ".npy". */
pr_status pri_npz_add(pri_npz_writer *writer, const char *name, uint32_t num_dims,
                      const uint64_t *shape, const float *data);

/* Write the archive whole or not at all, its members stored and dated as numpy does: the same
 * arrays give the same bytes. Nothing can be added after it. */
pr_status pri_npz_commit(pri_npz_writer *writer, const char *path);

void pri_npz_end(pri_npz_writer *writer); /* NULL is fine */

#endif
