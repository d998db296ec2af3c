/* bad_disk - a disk below SQLite that hangs or fails when told to
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH AdditionRef-vscan-milter-linking-exception
 */
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

#include <sqlite3.h>

#include "bad_disk.h"
#include "support.h"

#define LOOK_US 5000
#define NEVER 0 /* reads left until one fails */

static struct {
	sqlite3_vfs vfs;
	sqlite3_vfs *real;
	sqlite3_io_methods methods[4];
	const sqlite3_io_methods *methods_of[4];
	int (*real_read)(sqlite3_file *, void *, int, sqlite3_int64);
	int (*real_sync)(sqlite3_file *, int);
	atomic_bool reads_hang, syncs_hang;
	atomic_int reads, read_fails_after, sync_failures;
} disk;

static int
disk_read(sqlite3_file *file, void *data, int size, sqlite3_int64 offset)
{
	while (atomic_load(&disk.reads_hang))
		usleep(LOOK_US);
	atomic_fetch_add(&disk.reads, 1);
	if (atomic_load(&disk.read_fails_after) != NEVER &&
	    atomic_fetch_sub(&disk.read_fails_after, 1) == 1) {
		errno = ENOMEM;
		return SQLITE_IOERR_READ;
	}
	return disk.real_read(file, data, size, offset);
}

static int
disk_sync(sqlite3_file *file, int flags)
{
	while (atomic_load(&disk.syncs_hang))
		usleep(LOOK_US);
	if (atomic_load(&disk.sync_failures) > 0) {
		atomic_fetch_sub(&disk.sync_failures, 1);
		errno = EIO;
		return SQLITE_IOERR_FSYNC;
	}
	return disk.real_sync(file, flags);
}

static int
disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
    int *flags_r)
{
	int result = disk.real->xOpen(disk.real, name, file, flags, flags_r);
	size_t i = 0;

	(void)vfs;
	if (result != SQLITE_OK)
		return result;
	while (i < LENGTH(disk.methods) - 1 && disk.methods_of[i] != NULL &&
	    disk.methods_of[i] != file->pMethods)
		i++;
	disk.methods_of[i] = file->pMethods;
	disk.methods[i] = *file->pMethods;
	disk.real_read = file->pMethods->xRead;
	disk.real_sync = file->pMethods->xSync;
	disk.methods[i].xRead = disk_read;
	disk.methods[i].xSync = disk_sync;
	file->pMethods = &disk.methods[i];
	return result;
}

void
bad_disk_begin(void)
{
	atomic_store(&disk.reads, 0);
	disk.real = sqlite3_vfs_find(NULL);
	disk.vfs = *disk.real;
	disk.vfs.zName = "disk";
	disk.vfs.xOpen = disk_open;
	sqlite3_vfs_register(&disk.vfs, 1);
}

void
bad_disk_end(void)
{
	sqlite3_vfs_unregister(&disk.vfs);
}

void
bad_disk_hang_reads(bool hang)
{
	atomic_store(&disk.reads_hang, hang);
}

void
bad_disk_hang_syncs(bool hang)
{
	atomic_store(&disk.syncs_hang, hang);
}

int
bad_disk_reads(void)
{
	return atomic_load(&disk.reads);
}

void
bad_disk_fail_read_after(int count)
{
	atomic_store(&disk.read_fails_after, count + 1);
}

void
bad_disk_fail_syncs(int count)
{
	atomic_store(&disk.sync_failures, count);
}
