/*
 * What is read from servers is taken as what it is said to be, and no longer than that.
 */
#include "boot/app/net.h"

#include "boot/app/app.h"
#include "boot/app/http.h"
#include "boot/app/take.h"
#include "boot/app/text.h"
#include "boot/app/tftp.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define TEXT_BYTES (64u << 10) /* of an index or a command line: more is none */
#define HEAD       "bootset/"

static const struct net_server servers[] = {
	{ http_found, http_read },
	{ tftp_found, tftp_read },
};

/* The server that the application was loaded from, or NULL; looks for it once. */
static const struct net_server *find_server(void)
{
	static const struct net_server *server;
	static bool looked;

	for (u32 i = 0; i < ARRAY_LEN(servers) && !looked && !server; i++) {
		if (servers[i].found())
			server = &servers[i];
	}
	looked = true;
	return server;
}

/* A text of at most TEXT_BYTES; EFI_NOT_FOUND when the server has none. */
static EFI_STATUS read_text(const char *name, char **text, u64 *size)
{
	const struct net_server *server = find_server();
	EFI_STATUS status;

	if (!server)
		return EFI_NOT_FOUND;
	*size = TEXT_BYTES;
	*text = pages_alloc(TEXT_BYTES, PAGE_SIZE, EfiLoaderData);
	if (!*text)
		return fail(EFI_OUT_OF_RESOURCES, "%s: no memory below 4 GiB", name);
	status = server->read(name, *text, size);
	if (status == EFI_NOT_FOUND)
		return status;
	if (EFI_ERROR(status) || *size > TEXT_BYTES)
		return fail(EFI_DEVICE_ERROR, "%s: cannot be read over the network", name);
	return EFI_SUCCESS;
}

static EFI_STATUS take_file(struct bootset *set, const struct text_file *f)
{
	char path[sizeof(HEAD) + BOOT_PATH_MAX];
	u64 size = f->size;
	void *data;
	EFI_STATUS status = file_take(set, HEAD, f->path, f->length, size, &data);

	if (EFI_ERROR(status) || !size)
		return status;
	/* file_take() refuses longer ones. */
	snprintf(path, sizeof(path), HEAD "%.*s", (int)f->length, f->path);
	if (EFI_ERROR(find_server()->read(path, data, &size)))
		return fail(EFI_DEVICE_ERROR, "%s: cannot be read over the network", path);
	if (size != f->size)
		return fail(EFI_DEVICE_ERROR, "%s: it is shorter than bootset/index says", path);
	return EFI_SUCCESS;
}

EFI_STATUS net_bootset(struct bootset *set)
{
	EFI_STATUS status;
	size_t at = 0;
	char *text;
	u64 size;

	status = read_text(HEAD "index", &text, &size);
	while (!EFI_ERROR(status) && at < size) {
		struct text_file f;

		if (!text_index(text, size, &at, &f))
			return fail(EFI_LOAD_ERROR,
				    "bootset/index: it has other lines than SIZE PATH");
		status = take_file(set, &f);
	}
	return status;
}

EFI_STATUS net_cmdline(char *out, size_t size)
{
	char *text;
	u64 bytes;
	EFI_STATUS status = read_text("cmdline", &text, &bytes);

	return EFI_ERROR(status) ? status : cmdline_take(text, bytes, out, size);
}
