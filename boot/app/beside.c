/*
 * The boot volume's files. What the file system says of a file (size, name) is taken once, and what it then
 * delivers has to fit.
 */
#include "boot/app/beside.h"

#include "boot/app/app.h"
#include "boot/app/devpath.h"
#include "boot/app/take.h"
#include "lib/string.h"

#define PATH_UNITS    512         /* of a file on the volume, in UTF-16 */
#define INFO_BYTES    1024        /* EFI_FILE_INFO with a name of 255 units, and some */
#define READ_MAX      (1u << 20)  /* at a time: there is firmware that cannot read more */
#define CMDLINE_BYTES (64u << 10) /* a file beyond is no command line */

static EFI_FILE_HANDLE volume;

/* Opens the volume that the application came from, once. */
static bool open_volume(void)
{
	EFI_GUID guid = EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID;
	EFI_SIMPLE_FILE_SYSTEM_PROTOCOL *fs;

	if (volume)
		return true;
	return app.loaded->DeviceHandle &&
	       !EFI_ERROR(
		       app.boot->HandleProtocol(app.loaded->DeviceHandle, &guid, (void **)&fs)) &&
	       !EFI_ERROR(fs->OpenVolume(fs, &volume));
}

/* Opens what has that name beside the application. */
static EFI_STATUS open_beside(const char *name, EFI_FILE_HANDLE *file)
{
	CHAR16 path[PATH_UNITS];
	size_t n = 0;

	if (!app.loaded->FilePath || !open_volume() ||
	    !devpath_directory(app.loaded->FilePath, DEVPATH_BYTES, path,
			       PATH_UNITS - strlen(name)))
		return EFI_NOT_FOUND;
	while (path[n])
		n++;
	for (size_t i = 0; i <= strlen(name); i++)
		path[n + i] = (u8)name[i];
	return volume->Open(volume, file, path, EFI_FILE_MODE_READ, 0);
}

/* An open file's size and whether it is a directory. */
static EFI_STATUS file_info(EFI_FILE_HANDLE file, u64 *size, bool *directory)
{
	static u8 buffer[INFO_BYTES] __aligned(8);
	EFI_GUID guid = EFI_FILE_INFO_ID;
	EFI_FILE_INFO *info = (void *)buffer;
	UINTN bytes = sizeof(buffer);
	EFI_STATUS status = file->GetInfo(file, &guid, &bytes, info);

	if (EFI_ERROR(status))
		return status;
	*size = info->FileSize;
	*directory = info->Attribute & EFI_FILE_DIRECTORY;
	return EFI_SUCCESS;
}

/* All size bytes from the file's beginning; EFI_END_OF_FILE when there are fewer. */
static EFI_STATUS read_file(EFI_FILE_HANDLE file, void *out, u64 size)
{
	for (u64 at = 0; at < size;) {
		UINTN n = MIN(size - at, READ_MAX);
		EFI_STATUS status = file->Read(file, &n, (u8 *)out + at);

		if (EFI_ERROR(status))
			return status;
		if (!n || n > size - at)
			return EFI_END_OF_FILE;
		at += n;
	}
	return EFI_SUCCESS;
}

/* The open file, of which path says the place in the boot set, becomes part of that. */
static EFI_STATUS take_file(struct bootset *set, const char *path, EFI_FILE_HANDLE file, u64 size)
{
	void *data;
	EFI_STATUS status = file_take(set, "bootset/", path, strlen(path), size, &data);

	if (EFI_ERROR(status))
		return status;
	if (EFI_ERROR(read_file(file, data, size)))
		return fail(EFI_DEVICE_ERROR, "bootset/%s: cannot be read", path);
	return EFI_SUCCESS;
}

static EFI_STATUS take_directory(struct bootset *set, char *path, size_t length,
				 EFI_FILE_HANDLE dir);

/* What is called path, in the directory of which dir is open. */
static EFI_STATUS take_entry(struct bootset *set, char *path, size_t length, EFI_FILE_HANDLE dir,
			     CHAR16 *name)
{
	EFI_FILE_HANDLE file;
	EFI_STATUS status = dir->Open(dir, &file, name, EFI_FILE_MODE_READ, 0);
	bool directory;
	u64 size;

	if (EFI_ERROR(status))
		return fail(status, "bootset/%s: cannot be opened", path);
	status = file_info(file, &size, &directory);
	if (EFI_ERROR(status))
		status = fail(status, "bootset/%s: cannot be read", path);
	else if (directory)
		status = take_directory(set, path, length, file);
	else
		status = take_file(set, path, file, size);
	file->Close(file);
	return status;
}

/* Appends a name, behind a slash where something is there already; the new length, 0 if it is too long. */
static size_t join(char *path, size_t length, const CHAR16 *name)
{
	if (length && length + 1 < BOOT_PATH_MAX)
		path[length++] = '/';
	for (; *name && length + 1 < BOOT_PATH_MAX;
	     name++) /* what is no ASCII is refused later, as this */
		path[length++] = *name > '~' ? '\x7f' : (char)*name;
	path[length] = '\0';
	return *name ? 0 : length;
}

/* The files in and below the open directory; path, of BOOT_PATH_MAX bytes, is its own. */
static EFI_STATUS take_directory(struct bootset *set, char *path, size_t length,
				 EFI_FILE_HANDLE dir)
{
	u8 buffer[INFO_BYTES] __aligned(8); /* one a level, of which a path has at most 64 */
	EFI_FILE_INFO *info = (void *)buffer;

	for (;;) {
		UINTN bytes = sizeof(buffer);
		EFI_STATUS status = dir->Read(dir, &bytes, info);
		size_t longer;

		path[length] = '\0';
		if (EFI_ERROR(status))
			return fail(status, "bootset/%s: the directory cannot be read", path);
		if (bytes < SIZE_OF_EFI_FILE_INFO + sizeof(CHAR16))
			return EFI_SUCCESS;
		buffer[sizeof(buffer) - 1] = buffer[sizeof(buffer) - 2] = 0;
		if ((info->FileName[0] == '.' && !info->FileName[1]) ||
		    (info->FileName[0] == '.' && info->FileName[1] == '.' && !info->FileName[2]))
			continue;
		longer = join(path, length, info->FileName);
		if (!longer) {
			path[length] = '\0';
			return fail(EFI_UNSUPPORTED,
				    "bootset/%s: a path in it is longer than %u bytes", path,
				    BOOT_PATH_MAX - 1);
		}
		status = take_entry(set, path, longer, dir, info->FileName);
		if (EFI_ERROR(status))
			return status;
	}
}

EFI_STATUS beside_bootset(struct bootset *set)
{
	char path[BOOT_PATH_MAX] = "";
	EFI_FILE_HANDLE dir;
	EFI_STATUS status = open_beside("bootset", &dir);
	bool directory;
	u64 size;

	if (status == EFI_NOT_FOUND)
		return status;
	if (EFI_ERROR(status))
		return fail(EFI_DEVICE_ERROR, "bootset: cannot be opened");
	status = file_info(dir, &size, &directory);
	if (EFI_ERROR(status) || !directory)
		status = fail(EFI_UNSUPPORTED, "bootset: it is no directory");
	else
		status = take_directory(set, path, 0, dir);
	dir->Close(dir);
	return status == EFI_NOT_FOUND ? EFI_DEVICE_ERROR : status;
}

EFI_STATUS beside_cmdline(char *out, size_t size)
{
	EFI_FILE_HANDLE file;
	EFI_STATUS status = open_beside("cmdline", &file);
	bool directory;
	void *text = NULL;
	u64 bytes;

	if (status == EFI_NOT_FOUND)
		return status;
	if (EFI_ERROR(status))
		return fail(EFI_DEVICE_ERROR, "cmdline: cannot be opened");
	status = file_info(file, &bytes, &directory);
	if (!EFI_ERROR(status) && !directory && bytes <= CMDLINE_BYTES)
		text = pages_alloc(bytes, PAGE_SIZE, EfiLoaderData);
	if (!text || EFI_ERROR(read_file(file, text, bytes)))
		status = fail(EFI_DEVICE_ERROR, "cmdline: cannot be read");
	else
		status = cmdline_take(text, bytes, out, size);
	file->Close(file);
	return status;
}
