/*
 * The machine's devices, as virsh's nodedev commands name and describe them ("Node devices XML format").
 */
#include "core/hostdev.h"
#include "core/panic.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mgmt/cmd.h"
#include "mgmt/xml_out.h"
#include "mm/heap.h"

enum { LIST_CAP, LIST_TREE };
enum { DUMP_DEVICE };

#define DOCUMENT_MAX 32768u
#define DEPTH_MAX    8u
#define ROOT         "computer" /* what all others hang below, libvirt's name for it */

struct writer {
	struct hostdev_sink sink;
	struct xml_out out;
	const char *open[DEPTH_MAX];
	u32 depth;
	bool tag_open, inline_text; /* tag_open: the last tag lacks its '>' */
};

static struct writer *writer_of(struct hostdev_sink *s)
{
	return container_of(s, struct writer, sink);
}

static void end_tag(struct writer *w)
{
	if (w->tag_open)
		xml_out_fmt(&w->out, ">");
	w->tag_open = false;
}

static void new_line(struct writer *w)
{
	xml_out_fmt(&w->out, "%s%*s", w->out.len ? "\n" : "", (int)w->depth * 2, "");
}

static void sink_open(struct hostdev_sink *s, const char *element)
{
	struct writer *w = writer_of(s);

	ASSERT(w->depth < DEPTH_MAX);
	end_tag(w);
	new_line(w);
	xml_out_fmt(&w->out, "<%s", element);
	w->open[w->depth++] = element;
	w->tag_open = true;
	w->inline_text = false;
}

static void sink_attr(struct hostdev_sink *s, const char *name, const char *value)
{
	struct writer *w = writer_of(s);

	ASSERT(w->tag_open);
	xml_out_fmt(&w->out, " %s='", name);
	xml_out_value(&w->out, value, strlen(value));
	xml_out_fmt(&w->out, "'");
}

static void sink_text(struct hostdev_sink *s, const char *value)
{
	struct writer *w = writer_of(s);

	end_tag(w);
	xml_out_text(&w->out, value, strlen(value));
	w->inline_text = true;
}

static void sink_close(struct hostdev_sink *s)
{
	struct writer *w = writer_of(s);

	ASSERT(w->depth);
	w->depth--;
	if (w->tag_open) {
		xml_out_fmt(&w->out, "/>");
	} else {
		if (!w->inline_text)
			new_line(w);
		xml_out_fmt(&w->out, "</%s>", w->open[w->depth]);
	}
	w->tag_open = false;
	w->inline_text = false;
}

static void element(struct hostdev_sink *s, const char *name, const char *text)
{
	sink_open(s, name);
	sink_text(s, text);
	sink_close(s);
}

static void document(struct hostdev_sink *s, struct hostdev *h)
{
	sink_open(s, "device");
	element(s, "name", h->name);
	element(s, "path", h->path);
	element(s, "parent", h->parent ? h->parent->name : ROOT);
	if (h->driver) {
		sink_open(s, "driver");
		element(s, "name", h->driver);
		sink_close(s);
	}
	sink_open(s, "capability");
	sink_attr(s, "type", h->capability);
	h->describe(h, s);
	sink_close(s);
	sink_close(s);
}

struct dump {
	const char *name;
	struct writer w;
};

static int dump_one(struct hostdev *h, void *arg)
{
	struct dump *d = arg;

	if (strcmp(h->name, d->name))
		return 0;
	document(&d->w.sink, h);
	return 1;
}

static void document_root(struct hostdev_sink *s)
{
	sink_open(s, "device");
	element(s, "name", ROOT);
	sink_open(s, "capability");
	sink_attr(s, "type", "system");
	sink_close(s);
	sink_close(s);
}

static int cmd_nodedev_dumpxml(struct call *c)
{
	struct dump d = { .name = call_value(c, DUMP_DEVICE, 0)->text,
			  .w.sink = { sink_open, sink_attr, sink_text, sink_close } };
	char *buf = kalloc(DOCUMENT_MAX);
	int ret = 0;

	if (!buf)
		return say_error(c->session, "no memory");
	xml_out_start(&d.w.out, buf, DOCUMENT_MAX);
	if (!strcmp(d.name, ROOT))
		document_root(&d.w.sink);
	else if (!hostdev_each(dump_one, &d))
		ret = say_error(c->session, "no node device with matching name '%s'", d.name);
	if (!ret && !xml_out_fits(&d.w.out))
		ret = say_error(c->session, "the document is too long");
	if (!ret) {
		session_write(c->session, buf, strlen(buf));
		say(c->session, "\n\n");
	}
	kfree(buf);
	return ret;
}

struct list_all {
	struct xml_out out; /* plain text, a name to a line */
	const char *cap;    /* NULL: all */
	bool tree;
};

/* Each is listed right behind what it hangs below. */
static int list_one(struct hostdev *h, void *arg)
{
	struct list_all *l = arg;
	u32 indent = 2;

	for (const struct hostdev *up = h->parent; up; up = up->parent)
		indent += 2;
	if (!l->cap || !strcmp(l->cap, h->capability))
		xml_out_fmt(&l->out, "%*s%s%s\n", l->tree ? (int)indent : 0, "",
			    l->tree ? "+- " : "", h->name);
	return 0;
}

static int cmd_nodedev_list(struct call *c)
{
	const struct arg_value *cap = call_value(c, LIST_CAP, 0);
	struct list_all l = { .cap = cap ? cap->text : NULL, .tree = call_flag(c, LIST_TREE) };
	char *buf = kalloc(DOCUMENT_MAX);

	if (!buf)
		return say_error(c->session, "no memory");
	xml_out_start(&l.out, buf, DOCUMENT_MAX);
	if (!l.cap || !strcmp(l.cap, "system"))
		xml_out_fmt(&l.out, "%s\n", ROOT);
	hostdev_each(list_one, &l);
	session_write(c->session, buf, strlen(buf));
	say(c->session, "%s\n", xml_out_fits(&l.out) ? "" : "...\n");
	kfree(buf);
	return 0;
}

static const struct command commands[] = {
	{ .name = "nodedev-dumpxml",
	  .help = "print what is known of a device of the machine, as XML",
	  .args = ARGS({ "device", ARG_TEXT, .how = ARG_REQUIRED, .help = "the device's name" }),
	  .run = cmd_nodedev_dumpxml },
	{ .name = "nodedev-list",
	  .help = "list the machine's devices",
	  .args = ARGS({ "cap", ARG_TEXT, .help = "only those with this capability, e.g. pci" },
		       FLAG_ARG("tree", "show what hangs below what")),
	  .run = cmd_nodedev_list },
	{ .name = NULL },
};

const struct command_group group_nodedev = { "Node Device", "nodedev", commands };
