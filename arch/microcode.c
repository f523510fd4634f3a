/*
 * Files of microcode come from outside. Nothing in them is followed before its length is known to be inside, and
 * one part that is damaged condemns the whole file. Fields are copied out: they may lie anywhere.
 */
#include "arch/microcode.h"

#include "arch/cpu.h"
#include "arch/msr.h"
#include "lib/string.h"

/* --- Intel: one update behind the other ---------------------------------------------------------------- */

struct intel_header {
	u32 version, revision, date, signature, checksum, loader, platforms, data_size, total_size;
	u32 reserved[3];
};
static_assert(sizeof(struct intel_header) == 48, "SDM: update header");

struct intel_table { /* behind the data, if there is room: other CPUs that it is for */
	u32 count, checksum, reserved[3];
};
struct intel_entry {
	u32 signature, platforms, checksum;
};
static_assert(sizeof(struct intel_table) == 20 && sizeof(struct intel_entry) == 12, "SDM");

#define INTEL_VERSION       1
#define INTEL_DATA_DEFAULT  2000 /* where data_size is 0, */
#define INTEL_TOTAL_DEFAULT 2048 /* and total_size with it */
#define INTEL_ALIGN         16   /* of the data's address */

static u32 sum(const u8 *p, size_t size)
{
	u32 s = 0, v;

	for (; size >= sizeof(v); p += sizeof(v), size -= sizeof(v)) {
		memcpy(&v, p, sizeof(v));
		s += v;
	}
	return s;
}

static bool is_for(const struct microcode_cpu *cpu, u32 signature, u32 platforms)
{
	return signature == cpu->signature && (platforms >> cpu->platform & 1);
}

/* The table of room bytes at p; each entry's checksum is the header's with the entry's fields put in. */
static const char *intel_table(const struct intel_header *h, const u8 *p, size_t room,
			       const struct microcode_cpu *cpu, bool *match)
{
	struct intel_table t;
	struct intel_entry e;

	if (room < sizeof(t))
		return "an update has no room for its signatures";
	memcpy(&t, p, sizeof(t));
	if (t.count != (room - sizeof(t)) / sizeof(e) || (room - sizeof(t)) % sizeof(e))
		return "an update has another number of signatures than it says";
	if (sum(p, room))
		return "an update's signatures have a wrong checksum";
	p += sizeof(t);
	for (u32 i = 0; i < t.count; i++, p += sizeof(e)) {
		memcpy(&e, p, sizeof(e));
		if (e.signature + e.platforms + e.checksum !=
		    h->signature + h->platforms + h->checksum)
			return "a signature has a wrong checksum";
		*match |= is_for(cpu, e.signature, e.platforms);
	}
	return NULL;
}

/* The update at p, with all that the file has from there on; its header goes to *h. */
static const char *intel_check(const u8 *p, size_t left, const struct microcode_cpu *cpu,
			       struct intel_header *h, bool *match)
{
	size_t used;

	if (left < sizeof(*h))
		return "it ends within a header";
	memcpy(h, p, sizeof(*h));
	if (h->version != INTEL_VERSION || h->loader != INTEL_VERSION)
		return "an update is of a version that is not known";
	if (!h->data_size) {
		h->data_size = INTEL_DATA_DEFAULT;
		h->total_size = INTEL_TOTAL_DEFAULT;
	}
	if (h->total_size > left)
		return "it ends within an update";
	if (h->total_size % sizeof(u32) || h->data_size % sizeof(u32) ||
	    h->total_size < sizeof(*h) || h->data_size > h->total_size - sizeof(*h))
		return "an update's sizes make no sense";
	used = sizeof(*h) + h->data_size;
	if (sum(p, used))
		return "an update has a wrong checksum";
	*match = is_for(cpu, h->signature, h->platforms);
	return used == h->total_size ? NULL :
				       intel_table(h, p + used, h->total_size - used, cpu, match);
}

const char *microcode_intel(const u8 *file, size_t size, const struct microcode_cpu *cpu,
			    struct microcode_update *out)
{
	struct microcode_update best = { NULL, cpu->revision };
	struct intel_header h;

	*out = (struct microcode_update){ NULL, 0 };
	if (!size)
		return "it is empty";
	for (; size; file += h.total_size, size -= h.total_size) {
		bool match = false;
		const char *wrong = intel_check(file, size, cpu, &h, &match);

		if (wrong)
			return wrong;
		/* Revisions are signed: those below 0 are not for general use. */
		if (!match || (s32)h.revision <= (s32)best.revision)
			continue;
		if ((u64)file % INTEL_ALIGN)
			return "an update does not lie on 16 bytes";
		best = (struct microcode_update){ file + sizeof(h), h.revision };
	}
	if (best.data)
		*out = best;
	return NULL;
}

/* --- AMD: containers, each a table of CPUs and patches --------------------------------------------------- */

struct amd_section {
	u32 type, size;
};
struct amd_cpu {
	u32 signature, errata_mask, errata_compare; /* signature 0: the end */
	u16 id, reserved;
};
static_assert(sizeof(struct amd_cpu) == 16, "AMD's container");

struct amd_patch {
	u32 date, revision;
	u16 data_id;
	u8 length, init;
	u32 checksum, northbridge, southbridge; /* devices that it is for alone; 0: any */
	u16 cpu;
	u8 revisions[2], bios_api, reserved[3];
	u32 match[8];
};
static_assert(sizeof(struct amd_patch) == 64, "AMD's container");

#define AMD_MAGIC     0x00414d44u
#define AMD_TABLE     0
#define AMD_PATCH     1
#define AMD_PATCH_MAX 65536

/* Takes the head of the next section, whose content is whole, off the file. */
static const char *amd_section(const u8 **p, size_t *left, struct amd_section *s)
{
	if (*left < sizeof(*s))
		return "it ends within a section's head";
	memcpy(s, *p, sizeof(*s));
	*p += sizeof(*s);
	*left -= sizeof(*s);
	return s->size > *left ? "it ends within a section" : NULL;
}

/* By which id patches name the CPU; 0: the table does not have it. */
static u16 amd_id(const u8 *p, size_t size, u32 signature)
{
	struct amd_cpu c;

	for (; size >= sizeof(c); p += sizeof(c), size -= sizeof(c)) {
		memcpy(&c, p, sizeof(c));
		if (!c.signature)
			return 0;
		if (c.signature == signature)
			return c.id;
	}
	return 0;
}

static void amd_consider(const u8 *p, u16 id, struct microcode_update *best)
{
	struct amd_patch patch;

	memcpy(&patch, p, sizeof(patch));
	if (id && patch.cpu == id && !patch.northbridge && !patch.southbridge &&
	    patch.revision > best->revision)
		*best = (struct microcode_update){ p, patch.revision };
}

const char *microcode_amd(const u8 *file, size_t size, const struct microcode_cpu *cpu,
			  struct microcode_update *out)
{
	struct microcode_update best = { NULL, cpu->revision };
	struct amd_section s;
	bool begun = false;
	u16 id = 0;

	*out = (struct microcode_update){ NULL, 0 };
	if (!size)
		return "it is empty";
	for (; size; file += s.size, size -= s.size) {
		u32 magic = 0;
		bool table;
		const char *wrong;

		if (size >= sizeof(magic))
			memcpy(&magic, file, sizeof(magic));
		table = magic == AMD_MAGIC;
		if (!table && !begun)
			return "it does not begin as AMD's do";
		if (table) {
			file += sizeof(magic);
			size -= sizeof(magic);
		}
		wrong = amd_section(&file, &size, &s);
		if (wrong)
			return wrong;
		begun = true;
		if (s.type != (table ? AMD_TABLE : AMD_PATCH))
			return "a section is of another kind than comes there";
		if (table ? s.size % sizeof(struct amd_cpu) || !s.size :
			    s.size < sizeof(struct amd_patch) || s.size > AMD_PATCH_MAX)
			return "a section's size makes no sense";
		if (table)
			id = amd_id(file, s.size, cpu->signature);
		else
			amd_consider(file, id, &best);
	}
	if (best.data)
		*out = best;
	return NULL;
}

/* --- this CPU -------------------------------------------------------------------------------------------- */

#define PLATFORM_SHIFT 50 /* IA32_PLATFORM_ID */
#define PLATFORM_MASK  7
#define ZEN_EXTENDED   8  /* family 0x17 */
#define REVISION_SHIFT 32 /* Intel's, in IA32_BIOS_SIGN_ID */

/* Intel's register is filled by CPUID (SDM, "Determining the Signature"). */
static u32 revision(enum cpu_vendor vendor)
{
	u64 v = 0;

	if (vendor == CPU_VENDOR_INTEL) {
		if (wrmsr_safe(MSR_BIOS_SIGN_ID, 0))
			return 0;
		(void)cpuid(1, 0);
	}
	if (rdmsr_safe(MSR_BIOS_SIGN_ID, &v))
		return 0;
	return vendor == CPU_VENDOR_INTEL ? (u32)(v >> REVISION_SHIFT) : (u32)v;
}

struct microcode_cpu microcode_this_cpu(void)
{
	struct microcode_cpu c = { .vendor = cpu_vendor_probe(), .signature = cpuid(1, 0).eax };
	u64 platform;

	if (c.vendor == CPU_VENDOR_INTEL && !rdmsr_safe(MSR_PLATFORM_ID, &platform))
		c.platform = platform >> PLATFORM_SHIFT & PLATFORM_MASK;
	c.revision = revision(c.vendor);
	return c;
}

static bool is_zen(const struct microcode_cpu *cpu)
{
	/* The family, 0xf and what the extended one adds. */
	return cpu->vendor == CPU_VENDOR_AMD && (cpu->signature >> 8 & 0xf) == 0xf &&
	       (cpu->signature >> 20 & 0xff) == ZEN_EXTENDED;
}

u32 microcode_load(const struct microcode_cpu *cpu, const struct microcode_update *u)
{
	u32 msr = cpu->vendor == CPU_VENDOR_INTEL ? MSR_BIOS_UPDT_TRIG : MSR_PATCH_LOADER;

	if (wrmsr_safe(msr, (u64)u->data))
		return cpu->revision;
	/* Zen and Zen 2 want its translations gone afterwards. */
	for (u64 at = 0; is_zen(cpu) && at <= AMD_PATCH_MAX; at += PAGE_SIZE)
		invlpg((u64)u->data + at);
	return revision(cpu->vendor);
}
