/*
 * What management sees of a block device: libvirt's names and elements of <capability type='storage'>.
 */
#include "core/blk_impl.h"
#include "lib/fmt.h"

static void element(struct hostdev_sink *s, const char *name, const char *text)
{
	s->open(s, name);
	s->text(s, text);
	s->close(s);
}

static void number(struct hostdev_sink *s, const char *name, u64 n)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	element(s, name, text);
}

static void describe(struct hostdev *h, struct hostdev_sink *s)
{
	const struct blkdev *b = h->data;

	element(s, "block", b->name);
	element(s, "drive_type", "disk");
	if (b->model)
		element(s, "model", b->model);
	if (b->serial)
		element(s, "serial", b->serial);
	number(s, "size", b->size);
	number(s, "logical_block_size", b->block_size);
	number(s, "num_blocks", b->size / b->block_size);
}

void blk_node_add(struct blkdev *b)
{
	struct hostdev *h = &b->hostdev;

	snprintf(h->name, sizeof(h->name), "block_%s", b->name);
	snprintf(h->path, sizeof(h->path), "%.*s/block/%s",
		 (int)(HOSTDEV_PATH_MAX - BLKDEV_NAME_MAX - sizeof("/block/")),
		 b->above ? b->above->path : "/sys/devices/virtual", b->name);
	h->parent = b->above;
	h->capability = "storage";
	h->describe = describe;
	h->data = b;
	hostdev_add(h);
}
