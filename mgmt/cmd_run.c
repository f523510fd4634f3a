/*
 * Commands that start and end domains, and what lies between.
 */
#include "mgmt/cmd.h"
#include "mgmt/domain_xml.h"
#include "mgmt/domains.h"
#include "vm/vm.h"

enum { START_DOMAIN, START_CONSOLE };
enum { CONSOLE_DOMAIN, CONSOLE_PORT };
enum { FILE_NAME, FILE_CONSOLE };

/* What virsh says in front of a reason. */
static int failed(const struct call *c, const char *what, const char *name, const char *err)
{
	say_error(c->session, "Failed to %s '%s'", what, name);
	return say_error(c->session, "%s", err);
}

/* Does one thing to the command's domain. */
static int act(struct call *c, int (*action)(struct vm *vm, char *err, size_t errlen),
	       const char *failing, const char *done)
{
	struct vm *vm = call_domain(c);
	char err[DOMAIN_ERROR_MAX];

	if (action(vm, err, sizeof(err)))
		return failed(c, failing, vm->cfg.name, err);
	say(c->session, "Domain '%s' %s\n\n", vm->cfg.name, done);
	return 0;
}

static int attach(struct call *c, struct vm *vm, u32 port)
{
	if (!c->session->ops->attach)
		return say_error(c->session, "this is not a console");
	if (port >= vm->cfg.serials)
		return say_error(c->session, "domain '%s' has no serial port %u", vm->cfg.name,
				 port);
	c->session->ops->attach(c->session->ctx, vm, port);
	return 0;
}

static int cmd_start(struct call *c)
{
	int err = act(c, domain_start, "start domain", "started");

	return err || !call_flag(c, START_CONSOLE) ? err : attach(c, call_domain(c), 0);
}

static int cmd_shutdown(struct call *c)
{
	return act(c, domain_shutdown, "shutdown domain", "is being shutdown");
}

static int cmd_reboot(struct call *c)
{
	return act(c, domain_reboot, "reboot domain", "is being rebooted");
}

static int cmd_reset(struct call *c)
{
	return act(c, domain_reset, "reset domain", "was reset");
}

static int cmd_inject_nmi(struct call *c)
{
	return act(c, domain_inject_nmi, "inject NMI into domain", "got an NMI");
}

static int cmd_destroy(struct call *c)
{
	return act(c, domain_destroy, "destroy domain", "destroyed");
}

static int cmd_suspend(struct call *c)
{
	return act(c, domain_suspend, "suspend domain", "suspended");
}

static int cmd_resume(struct call *c)
{
	return act(c, domain_resume, "resume domain", "resumed");
}

static int cmd_undefine(struct call *c)
{
	return act(c, domain_undefine, "undefine domain", "has been undefined");
}

/* The domain that was made last; a reference. */
static int find_newest(struct vm *vm, void *ctx)
{
	struct vm **newest = ctx;

	if (*newest)
		vm_put(*newest);
	vm_get(vm);
	*newest = vm;
	return 0;
}

static int from_file(struct call *c, bool create)
{
	const char *file = call_value(c, FILE_NAME, 0)->text;
	const char *done = create ? "created" : "defined";
	char err[DOMAIN_ERROR_MAX];
	struct vm *vm = NULL;
	int bad;

	bad = create ? domain_create(file, err, sizeof(err)) :
		       domain_define(file, err, sizeof(err));
	if (bad)
		return failed(c, create ? "create domain from" : "define domain from", file, err);
	(void)domains_each(find_newest, &vm);
	if (!vm) { /* it was transient, and its guest has ended */
		say(c->session, "Domain %s from %s\n\n", done, file);
		return 0;
	}
	say(c->session, "Domain '%s' %s from %s\n\n", vm->cfg.name, done, file);
	if (call_flag(c, FILE_CONSOLE))
		bad = attach(c, vm, 0);
	vm_put(vm);
	return bad;
}

static int cmd_create(struct call *c)
{
	return from_file(c, true);
}

static int cmd_define(struct call *c)
{
	return from_file(c, false);
}

static int cmd_console(struct call *c)
{
	const struct arg_value *port = call_value(c, CONSOLE_PORT, 0);

	return attach(c, call_domain(c), port ? (u32)MIN(port->number, VM_MAX_SERIALS) : 0);
}

#define FILE_ARG                                                                                   \
	{                                                                                          \
		.name = "file", .type = ARG_FILE, .how = ARG_REQUIRED,                             \
		.help = "a domain's document (*.xml) in the boot set"                              \
	}
#define ATTACH_ARG FLAG_ARG("console", "attach to its console after it was started")

static const struct command commands[] = {
	{ .name = "console",
	  .help = "attach to a domain's serial port",
	  .text = "Shows what the guest wrote before, up to 64 KiB of it, then all that "
		  "comes. What is typed goes to the guest. Ctrl-] leaves; Ctrl-A three times "
		  "goes on to the next console.",
	  .args = ARGS(DOMAIN_ARG(OFFER_ACTIVE), { .name = "port",
						   .type = ARG_NUMBER,
						   .help = "serial port, 0 if not given" }),
	  .run = cmd_console },
	{ .name = "create",
	  .help = "make a transient domain from a document and start it",
	  .text = "It is gone when its guest has ended.",
	  .args = ARGS(FILE_ARG, ATTACH_ARG),
	  .run = cmd_create },
	{ .name = "define",
	  .help = "make a domain from a document, without starting it",
	  .text = "It is there until undefine or until the host ends: the boot set is not "
		  "written to.",
	  .args = ARGS(FILE_ARG),
	  .run = cmd_define },
	{ .name = "destroy",
	  .help = "end a domain at once",
	  .text = "As if its power failed. It is not restarted, whatever its document says.",
	  .args = ARGS(DOMAIN_ARG(OFFER_ACTIVE)),
	  .run = cmd_destroy },
	{ .name = "inject-nmi",
	  .help = "press a domain's NMI button",
	  .text = "What comes of it is up to the guest: it has programmed its APICs' LINT1.",
	  .args = ARGS(DOMAIN_ARG(OFFER_ACTIVE)),
	  .run = cmd_inject_nmi },
	{ .name = "reboot",
	  .help = "shut a domain down and start it again",
	  .text = "Presses its power button. When the guest has switched itself off it starts"
		  " again.",
	  .args = ARGS(DOMAIN_ARG(OFFER_ACTIVE)),
	  .run = cmd_reboot },
	{ .name = "reset",
	  .help = "press a domain's reset button",
	  .text = "The guest is not asked.",
	  .args = ARGS(DOMAIN_ARG(OFFER_ACTIVE)),
	  .run = cmd_reset },
	{ .name = "resume",
	  .help = "let a suspended domain go on",
	  .args = ARGS(DOMAIN_ARG(OFFER_ACTIVE)),
	  .run = cmd_resume },
	{ .name = "shutdown",
	  .help = "ask a domain to switch itself off",
	  .text = "Presses its power button. Whether the guest heeds it is up to the guest.",
	  .args = ARGS(DOMAIN_ARG(OFFER_ACTIVE)),
	  .run = cmd_shutdown },
	{ .name = "start",
	  .help = "start a domain",
	  .args = ARGS(DOMAIN_ARG(OFFER_INACTIVE), ATTACH_ARG),
	  .run = cmd_start },
	{ .name = "suspend",
	  .help = "stop a domain for a while",
	  .text = "Its vCPUs and its time stand still, its memory stays.",
	  .args = ARGS(DOMAIN_ARG(OFFER_ACTIVE)),
	  .run = cmd_suspend },
	{ .name = "undefine",
	  .help = "forget a domain",
	  .text = "It must be off.",
	  .args = ARGS(DOMAIN_ARG(OFFER_INACTIVE)),
	  .run = cmd_undefine },
	{ .name = NULL },
};

const struct command_group group_domain = { "Domain Management", "domain", commands };
