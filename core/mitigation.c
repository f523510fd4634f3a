/*
 * Speculation: which of the CPU's faults there are, and which of its means are used.
 * Intel SDM vol. 4, "IA32_ARCH_CAPABILITIES", "IA32_PRED_CMD", "IA32_FLUSH_CMD"; AMD APM vol. 3, appendix E,
 * Fn8000_0008 and Fn8000_0021.
 */
#include "core/mitigation.h"

#include "arch/cpu.h"
#include "arch/feature.h"
#include "arch/mitigate.h"
#include "arch/msr.h"
#include "arch/percpu.h"
#include "core/cmdline.h"
#include "core/log.h"
#include "lib/fmt.h"
#include "lib/string.h"

/* CPUID leaf 7, EDX. */
#define L7_MD_CLEAR   BIT(10)
#define L7_IBRS_IBPB  BIT(26)
#define L7_FLUSH      BIT(28)
#define L7_SPEC_CTRL  (BIT(26) | BIT(27) | BIT(31)) /* each has a bit in that register */
#define L7_ARCH_CAPS  BIT(29)
/* Leaf 80000008H, EBX, and 80000021H, EAX. */
#define X8_IBPB       BIT(12)
#define X8_SPEC_CTRL  (BIT(14) | BIT(15) | BIT(24))
#define X21_AUTO_IBRS BIT(8)
/* Leaf 1, EDX. */
#define L1_THREADS    BIT(28)

#define CAPS_RDCL_NO    BIT(0)
#define CAPS_IBRS_ALL   BIT(1)
#define CAPS_SKIP_FLUSH BIT(3)
#define CAPS_MDS_NO     BIT(5)
#define CAPS_TAA_NO     BIT(8)
#define CAPS_MMIO_NO    BITS(15, 13) /* SBDR and SSDP, FBSDP, PSDP */
#define CAPS_FB_CLEAR   BIT(17)
#define CAPS_RFDS_NO    BIT(27)
#define CAPS_RFDS_CLEAR BIT(28)
#define L7_EBX_RTM      BIT(11)

/* Const after mitigation_init(). */
static u32 actions;
static bool off, intel, l1tf, buffers, ibpb, threads, have_spec_ctrl;
static u64 spec_ctrl; /* the firmware's, and IBRS where it is used */

static PERCPU u64 last_vm; /* the one whose branches this CPU may remember; owner: this CPU */

/* All zero where the CPU has no such leaf. */
static struct cpuid leaf(u32 index)
{
	struct cpuid none = { 0, 0, 0, 0 };

	return cpuid(index & 0x80000000u, 0).eax >= index ? cpuid(index, 0) : none;
}

static u64 capabilities(u32 l7)
{
	u64 caps = 0;

	if (!(l7 & L7_ARCH_CAPS) || rdmsr_safe(MSR_ARCH_CAPABILITIES, &caps))
		return 0;
	return caps;
}

/* Whether data may be had from the CPU's buffers: by MDS, TAA, MMIO's stale data or register files'. */
static bool buffers_leak(u64 caps, bool tsx)
{
	return !(caps & CAPS_MDS_NO) || (tsx && !(caps & CAPS_TAA_NO)) ||
	       (caps & CAPS_MMIO_NO) != CAPS_MMIO_NO ||
	       ((caps & CAPS_RFDS_CLEAR) && !(caps & CAPS_RFDS_NO));
}

static u32 decide_intel(u32 l7)
{
	u64 caps = capabilities(l7);
	u32 a = 0;

	l1tf = !(caps & CAPS_RDCL_NO);
	buffers = buffers_leak(caps, leaf(7).ebx & L7_EBX_RTM);
	ibpb = l7 & L7_IBRS_IBPB;
	if (l1tf && !(caps & CAPS_SKIP_FLUSH) && (l7 & L7_FLUSH))
		a |= MITIGATE_L1D;
	if (buffers && ((l7 & L7_MD_CLEAR) || (caps & CAPS_FB_CLEAR)))
		a |= MITIGATE_BUFFERS;
	if (ibpb && (caps & CAPS_IBRS_ALL))
		a |= MITIGATE_IBRS;
	return a;
}

static void report(void)
{
	static const char *const names[] = { "IBPB", "L1D flush", "VERW", "IBRS",
					     "automatic IBRS" };
	char text[64] = "";

	for (u32 i = 0; i < ARRAY_LEN(names); i++) {
		size_t len = strlen(text);

		if (actions & BIT(i))
			snprintf(text + len, sizeof(text) - len, "%s %s", len ? "," : "", names[i]);
	}
	log_info("mitigations:%s", actions ? text :
				   off     ? " off" :
					     " none that this CPU needs and has");
}

static void decide_spec_ctrl(void)
{
	have_spec_ctrl = intel ? leaf(7).edx & L7_SPEC_CTRL : leaf(0x80000008u).ebx & X8_SPEC_CTRL;
	spec_ctrl = 0;
	if (have_spec_ctrl && rdmsr_safe(MSR_SPEC_CTRL, &spec_ctrl))
		have_spec_ctrl = false;
	if (actions & MITIGATE_IBRS)
		spec_ctrl |= SPEC_CTRL_IBRS;
}

void mitigation_init(void)
{
	intel = cpu_vendor() == CPU_VENDOR_INTEL;
	l1tf = buffers = ibpb = false;
	threads = leaf(1).edx & L1_THREADS;
	actions = 0;
	if (intel) {
		actions = decide_intel(leaf(7).edx);
	} else {
		ibpb = leaf(0x80000008u).ebx & X8_IBPB;
		if (leaf(0x80000021u).eax & X21_AUTO_IBRS)
			actions |= MITIGATE_AUTO_IBRS;
	}
	if (ibpb)
		actions |= MITIGATE_IBPB;
	off = cmdline_off("mitigations");
	if (off)
		actions = 0;
	decide_spec_ctrl();
	report();
}

void mitigation_init_cpu(void)
{
	u64 value = 0;
	bool done = true;

	if (have_spec_ctrl) /* the same on all CPUs */
		done = !wrmsr_safe(MSR_SPEC_CTRL, spec_ctrl);
	if (actions & MITIGATE_AUTO_IBRS)
		done = !rdmsr_safe(MSR_EFER, &value) &&
		       !wrmsr_safe(MSR_EFER, value | EFER_AUTO_IBRS) && done;
	if (!done)
		log_warn("mitigations: CPU %u does not take what it says it has", cpu_id());
}

u32 mitigation_actions(void)
{
	return actions;
}

u64 mitigation_spec_ctrl(void)
{
	return spec_ctrl;
}

void mitigation_switch(u64 vm)
{
	u64 *last = this_cpu(last_vm);

	if (*last != vm && (actions & MITIGATE_IBPB)) {
		wrmsr(MSR_PRED_CMD, PRED_CMD_IBPB);
		mitigate_fill_returns(); /* not every CPU's IBPB does */
	}
	*last = vm;
	if (actions & MITIGATE_L1D)
		wrmsr(MSR_FLUSH_CMD, FLUSH_CMD_L1D);
	if (actions & MITIGATE_BUFFERS)
		mitigate_clear_buffers();
}

static const char *against(bool affected, u32 action, const char *done, const char *lacking)
{
	if (!affected)
		return "not affected";
	if (actions & action)
		return done;
	return off ? "nothing: mitigations=off" : lacking;
}

void mitigation_each(void (*say)(void *ctx, const char *attack, const char *what), void *ctx)
{
	say(ctx, "branch targets, between guests",
	    against(true, MITIGATE_IBPB, "forgotten when a CPU goes to another guest (IBPB)",
		    "vulnerable: this CPU offers no IBPB"));
	say(ctx, "branch targets, of the host",
	    against(true, MITIGATE_IBRS | MITIGATE_AUTO_IBRS,
		    "guests' are not used (IBRS, always on)",
		    "nothing: no other guest's memory is mapped"));
	say(ctx, "L1 terminal fault",
	    against(l1tf, MITIGATE_L1D, "L1 data cache emptied when a guest follows another thread",
		    "vulnerable: this CPU offers no flush, or says that it needs none"));
	say(ctx, "buffers (MDS, TAA, MMIO, RFDS)",
	    against(buffers, MITIGATE_BUFFERS,
		    "overwritten when a guest follows another thread (VERW)",
		    "vulnerable: this CPU's VERW clears nothing"));
	say(ctx, "threads of a core",
	    threads ? "guests on one core may watch each other: switch SMT off" : "not affected");
}
