/*
 * The domain document: tables of its elements and attributes, and what each does to struct domain; those
 * of vCPUs and features are in domain_tune.c, the CPU's in domain_cpu.c, the clock's in domain_clock.c.
 * Names and meanings are those of libvirt's "Domain XML format".
 */
#include "mgmt/domain_xml.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mgmt/domain_parse.h"
#include "mgmt/units.h"
#include "mgmt/uuid.h"

#define MEMORY_MAX (8ULL << 40) /* well within what a guest's addresses can name */

static_assert(XML_TEXT_MAX >= DOMAIN_CMDLINE_MAX, "a command line is one element's text");

struct domain_builder *domain_builder(struct xml *x)
{
	return xml_ctx(x);
}

struct domain *domain_of(struct xml *x)
{
	return domain_builder(x)->d;
}

/* Values that say what is so anyway. */

int domain_only(struct xml *x, const char *value, const char *expected)
{
	return strcmp(value, expected) ? xml_bad_value(x, value) : 0;
}

static int only_pty(struct xml *x, const char *value)
{
	return domain_only(x, value, "pty");
}

static int only_isa_serial(struct xml *x, const char *value)
{
	return domain_only(x, value, "isa-serial");
}

static int only_serial(struct xml *x, const char *value)
{
	return domain_only(x, value, "serial");
}

static int only_flat(struct xml *x, const char *value)
{
	return domain_only(x, value, "flat");
}

static int only_hvm(struct xml *x, const char *value)
{
	return domain_only(x, value, "hvm");
}

static int only_x86_64(struct xml *x, const char *value)
{
	return domain_only(x, value, "x86_64");
}

static int domain_type(struct xml *x, const char *value)
{
	static const char *const types[] = { "plinth", "kvm" };
	int i = xml_choice(x, value, types, ARRAY_LEN(types));

	return MIN(i, 0);
}

/* General. */

/* Printable and without blanks: names are words of commands and of the log. */
static bool name_ok(const char *s)
{
	for (; *s; s++) {
		if (*s <= ' ' || *s > '~' || *s == '/')
			return false;
	}
	return true;
}

static int set_name(struct xml *x, const char *text)
{
	if (!name_ok(text))
		return xml_bad_value(x, text);
	return xml_copy(x, text, domain_of(x)->name, sizeof(domain_of(x)->name));
}

static int set_uuid(struct xml *x, const char *text)
{
	struct domain_builder *b = domain_builder(x);

	b->have_uuid = true;
	return uuid_parse(text, b->d->uuid) ? xml_bad_value(x, text) : 0;
}

/* One line, as libvirt has it. */
static int set_title(struct xml *x, const char *text)
{
	if (strchr(text, '\n'))
		return xml_bad_value(x, text);
	return xml_copy(x, text, domain_of(x)->title, sizeof(domain_of(x)->title));
}

static int set_description(struct xml *x, const char *text)
{
	return xml_copy(x, text, domain_of(x)->description, sizeof(domain_of(x)->description));
}

static int begin_metadata(struct xml *x)
{
	xml_keep(x, domain_of(x)->metadata, sizeof(domain_of(x)->metadata));
	return 0;
}

/* Memory. */

static int begin_memory(struct xml *x)
{
	domain_builder(x)->unit = KIB;
	return 0;
}

static int set_unit(struct xml *x, const char *value)
{
	u64 unit = unit_bytes(value);

	domain_builder(x)->unit = unit;
	return unit ? 0 : xml_bad_value(x, value);
}

static int read_memory(struct xml *x, const char *text, u64 *out)
{
	u64 unit = domain_builder(x)->unit, n;

	if (str_to_u64(text, &n) || !n || n > MEMORY_MAX / unit)
		return xml_bad_value(x, text);
	*out = n * unit;
	return 0;
}

static int set_memory(struct xml *x, const char *text)
{
	return read_memory(x, text, &domain_of(x)->memory);
}

static int set_current_memory(struct xml *x, const char *text)
{
	struct domain_builder *b = domain_builder(x);

	b->current_line = xml_line(x);
	return read_memory(x, text, &b->current);
}

/* What is booted. */

static int set_machine(struct xml *x, const char *value)
{
	const char *p = value;

	if (!strcmp(value, "q35"))
		return 0;
	if (!str_prefix(value, "pc-q35-") || !value[7])
		return xml_bad_value(x, value);
	for (p += 7; *p; p++) {
		if (*p != '.' && (*p < '0' || *p > '9'))
			return xml_bad_value(x, value);
	}
	return 0;
}

static int set_loader(struct xml *x, const char *text)
{
	domain_of(x)->loader = LOADER_FLAT;
	return xml_copy(x, text, domain_of(x)->kernel, sizeof(domain_of(x)->kernel));
}

static int set_kernel(struct xml *x, const char *text)
{
	domain_builder(x)->have_kernel = true;
	return xml_copy(x, text, domain_of(x)->kernel, sizeof(domain_of(x)->kernel));
}

static int set_initrd(struct xml *x, const char *text)
{
	domain_builder(x)->have_initrd = true;
	return xml_copy(x, text, domain_of(x)->initrd, sizeof(domain_of(x)->initrd));
}

static int set_cmdline(struct xml *x, const char *text)
{
	domain_builder(x)->have_cmdline = true;
	return xml_copy(x, text, domain_of(x)->cmdline, sizeof(domain_of(x)->cmdline));
}

static int end_os(struct xml *x)
{
	const struct domain_builder *b = domain_builder(x);
	const char *what = b->have_kernel  ? "kernel" :
			   b->have_initrd  ? "initrd" :
			   b->have_cmdline ? "cmdline" :
					     NULL;

	if (b->d->loader == LOADER_FLAT && what)
		return xml_fail(x, "<%s> together with <loader> is not supported", what);
	if (b->d->loader == LOADER_KERNEL && !b->have_kernel)
		return xml_fail(x, "<os> lacks <kernel>");
	return 0;
}

/* Actions. */

const char *const domain_action_names[3] = {
	[ACTION_DESTROY] = "destroy",
	[ACTION_RESTART] = "restart",
	[ACTION_PRESERVE] = "preserve",
};

static int set_action(struct xml *x, const char *text, enum domain_action *out)
{
	int i = xml_choice(x, text, domain_action_names, ARRAY_LEN(domain_action_names));

	if (i < 0)
		return i;
	*out = (enum domain_action)i;
	return 0;
}

static int set_on_poweroff(struct xml *x, const char *text)
{
	return set_action(x, text, &domain_of(x)->on_poweroff);
}

static int set_on_reboot(struct xml *x, const char *text)
{
	return set_action(x, text, &domain_of(x)->on_reboot);
}

static int set_on_crash(struct xml *x, const char *text)
{
	return set_action(x, text, &domain_of(x)->on_crash);
}

/* Devices. */

static int begin_serial(struct xml *x)
{
	domain_builder(x)->port = -1;
	return 0;
}

static int set_port(struct xml *x, const char *value)
{
	u64 port;

	if (str_to_u64(value, &port) || port >= VM_MAX_SERIALS)
		return xml_bad_value(x, value);
	domain_builder(x)->port = (s32)port;
	return 0;
}

/* The lowest port that no element named so far. */
static s32 free_port(const struct domain_builder *b)
{
	s32 port = 0;

	while (b->ports & 1u << port)
		port++;
	return port;
}

static int end_serial(struct xml *x)
{
	struct domain_builder *b = domain_builder(x);
	s32 port = b->port >= 0 ? b->port : free_port(b);

	if (port >= VM_MAX_SERIALS)
		return xml_fail(x, "more than %d serial ports are not supported", VM_MAX_SERIALS);
	if (b->ports & 1u << port)
		return xml_fail(x, "a second <serial> with port %d is not supported", port);
	b->ports |= 1u << port;
	return 0;
}

/* The console is another name of the first serial port. */
static int end_console(struct xml *x)
{
	struct domain_builder *b = domain_builder(x);

	if (b->port > 0)
		return xml_fail(x, "<console> with port %d is not supported", b->port);
	b->console = true;
	return 0;
}

static int end_devices(struct xml *x)
{
	struct domain_builder *b = domain_builder(x);

	if (b->console)
		b->ports |= 1;
	if (b->ports & (b->ports + 1))
		return xml_fail(x, "serial ports without port %d are not supported", free_port(b));
	b->d->serials = (u32)free_port(b);
	return 0;
}

static int end_domain(struct xml *x)
{
	struct domain_builder *b = domain_builder(x);

	if (b->current && b->current != b->d->memory)
		return xml_fail_at(x, b->current_line,
				   "<currentMemory> other than <memory> is not supported");
	if (!b->have_uuid)
		uuid_from_name(b->d->name, b->d->uuid);
	if (domain_check_vcpus(x))
		return -EINVAL;
	return domain_check_pins(x);
}

/* The tables, from the leaves to the root. */

static const struct xml_element os_children[] = {
	{ .name = "type",
	  .flags = XML_REQUIRED,
	  .text = only_hvm,
	  .attrs = XML_ATTRS({ "arch", only_x86_64, false }, { "machine", set_machine, false }) },
	{ .name = "loader", .text = set_loader, .attrs = XML_ATTRS({ "type", only_flat, true }) },
	{ .name = "kernel", .text = set_kernel },
	{ .name = "initrd", .text = set_initrd },
	{ .name = "cmdline", .text = set_cmdline },
	{ .name = NULL },
};

static const struct xml_element serial_children[] = {
	{ .name = "target",
	  .attrs = XML_ATTRS({ "port", set_port, false }, { "type", only_isa_serial, false }),
	  .children = XML_CHILDREN(
		  { .name = "model", .attrs = XML_ATTRS({ "name", only_isa_serial, true }) }) },
	{ .name = NULL },
};

static const struct xml_element console_children[] = {
	{ .name = "target",
	  .attrs = XML_ATTRS({ "port", set_port, false }, { "type", only_serial, false }) },
	{ .name = NULL },
};

static const struct xml_element device_children[] = {
	{ .name = "serial",
	  .flags = XML_MANY,
	  .attrs = XML_ATTRS({ "type", only_pty, true }),
	  .children = serial_children,
	  .begin = begin_serial,
	  .end = end_serial },
	{ .name = "console",
	  .attrs = XML_ATTRS({ "type", only_pty, true }),
	  .children = console_children,
	  .begin = begin_serial,
	  .end = end_console },
	{ .name = NULL },
};

static const struct xml_element domain_children[] = {
	{ .name = "name", .flags = XML_REQUIRED, .text = set_name },
	{ .name = "uuid", .text = set_uuid },
	{ .name = "title", .flags = XML_MAY_BE_EMPTY, .text = set_title },
	{ .name = "description", .flags = XML_MAY_BE_EMPTY, .text = set_description },
	{ .name = "metadata", .flags = XML_ANY_CONTENT, .begin = begin_metadata },
	{ .name = "memory",
	  .flags = XML_REQUIRED,
	  .attrs = XML_ATTRS({ "unit", set_unit, false }),
	  .begin = begin_memory,
	  .text = set_memory },
	{ .name = "currentMemory",
	  .attrs = XML_ATTRS({ "unit", set_unit, false }),
	  .begin = begin_memory,
	  .text = set_current_memory },
	{ .name = "vcpu", .attrs = domain_vcpu_attrs, .text = domain_set_vcpus },
	{ .name = "cputune", .children = domain_cputune },
	{ .name = "numatune", .children = domain_numatune },
	{ .name = "os", .flags = XML_REQUIRED, .children = os_children, .end = end_os },
	{ .name = "features", .children = domain_feature_elements },
	{ .name = "cpu",
	  .attrs = domain_cpu_attrs,
	  .children = domain_cpu_elements,
	  .end = domain_end_cpu },
	{ .name = "clock",
	  .attrs = domain_clock_attrs,
	  .children = domain_clock_elements,
	  .end = domain_end_clock },
	{ .name = "on_poweroff", .text = set_on_poweroff },
	{ .name = "on_reboot", .text = set_on_reboot },
	{ .name = "on_crash", .text = set_on_crash },
	{ .name = "devices", .children = device_children, .end = end_devices },
	{ .name = "plinth:sched",
	  .attrs = domain_plinth_sched_attrs,
	  .children = domain_plinth_sched_elements,
	  .end = domain_end_plinth_sched },
	{ .name = NULL },
};

static const struct xml_element domain_element = {
	.name = "domain",
	.attrs = XML_ATTRS({ "type", domain_type, true }),
	.children = domain_children,
	.end = end_domain,
};

int domain_parse(const char *file, const u8 *data, size_t len, struct domain *out, char *err,
		 size_t errlen)
{
	struct domain_builder b = { .d = out };

	memset(out, 0, sizeof(*out));
	out->vcpus = 1;
	out->on_poweroff = ACTION_DESTROY;
	out->on_reboot = ACTION_RESTART;
	out->on_crash = ACTION_DESTROY;
	return xml_read(file, data, len, &domain_element, &b, err, errlen);
}
