/*
 * Walks of the guest's page tables against SDM vol. 3, chapter "Paging": every mode and page size, rights
 * and error codes, tables that lie outside memory; fetches and translations on top of them.
 *
 * sources: tests/host/fake_vm.c tests/host/fake_vcpu.c vm/walk.c vm/iobus.c vm/state.c vm/vdev.c core/chardev.c
 * flags: -include tests/host/fake_cpu.h
 */
#include "lib/errno.h"
#include "tests/host/fake_vcpu.h"
#include "tests/host/harness.h"
#include "vm/walk.h"

#include <string.h>

#define P  1ull
#define W  2ull
#define U  4ull
#define PS 0x80ull
#define NX (1ull << 63)

/* Where the tables are. */
#define ROOT 0x10000ull
#define L3   0x11000ull
#define L2   0x12000ull
#define L1   0x13000ull

static struct vcpu *v;

void vcpu_need(struct vcpu *c, u32 groups) {}

static void put(u64 table, u64 index, u64 entry)
{
	memcpy(fake_memory + table + index * 8, &entry, 8);
}

static void put32(u64 table, u64 index, u32 entry)
{
	memcpy(fake_memory + table + index * 4, &entry, 4);
}

static void start(void)
{
	fake_vcpu_new();
	v = fake_vcpu;
}

/* 0x8040_3000 and what is around it: entry 0, 2, 2, 3 of the four levels */
#define VA 0x80403123ull

static void start64(void)
{
	start();
	fake_vcpu_long_mode(ROOT);
	put(ROOT, 0, L3 | P | W | U);
	put(L3, 2, L2 | P | W | U);
	put(L2, 2, L1 | P | W | U);
	put(L1, 3, 0x77000 | P | W | U);
}

static u64 walk(u64 va, struct walk *w)
{
	u32 error = 0xdead;

	if (walk_guest(v, va, w, &error))
		return 1ull << 63 | error;
	return w->gpa.v;
}

#define FAULT(code) (1ull << 63 | (code))

TEST(no_paging)
{
	struct walk w;

	start();
	v->regs.cr0 = CR0_PE | CR0_ET;
	CHECK_EQ(walk(0x123456789, &w), 0x23456789);
	CHECK(w.writable && w.user && w.executable);
}

TEST(four_levels)
{
	struct walk w;

	start64();
	CHECK_EQ(walk(VA, &w), 0x77123);
	CHECK_EQ(w.page_size, 0x1000);
	CHECK(w.writable && w.user && w.executable);
	CHECK_EQ(walk(VA + 0x1000, &w), FAULT(0));
	CHECK_EQ(walk(VA + 0x200000, &w), FAULT(0));
	CHECK_EQ(walk(VA + 0x40000000, &w), FAULT(0));
	CHECK_EQ(walk(VA + 0x8000000000, &w), FAULT(0));
	/* bits 62..52 of entries are ignored; so are CR3's low ones */
	put(L1, 3, 0x7ff0000000077000 | P | W | U);
	v->regs.cr3 = ROOT | 0xfff;
	CHECK_EQ(walk(VA, &w), 0x77123);
	/* the upper half: entry 511 */
	put(ROOT, 511, L3 | P);
	CHECK_EQ(walk(0xffffff8000000000 + VA, &w), 0x77123);
}

TEST(large_pages)
{
	struct walk w;

	start64();
	put(L2, 2, 0x600000 | P | W | U | PS);
	CHECK_EQ(walk(VA, &w), 0x603123);
	CHECK_EQ(w.page_size, 0x200000);
	put(L2, 2, 0x601000 | P | PS); /* bit 12 is PAT there, not address */
	CHECK_EQ(walk(VA, &w), 0x603123);
	put(L3, 2, 0xc0000000 | P | W | U | PS);
	CHECK_EQ(walk(VA, &w), 0xc0403123);
	CHECK_EQ(w.page_size, 0x40000000);
	/* in the last level the bit is PAT */
	start64();
	put(L1, 3, 0x77000 | P | PS);
	CHECK_EQ(walk(VA, &w), 0x77123);
	CHECK_EQ(w.page_size, 0x1000);
}

/* Rights are those that all levels give. */
TEST(rights_of_all_levels)
{
	static const u64 tables[] = { ROOT, L3, L2, L1 }, indexes[] = { 0, 2, 2, 3 };
	static const u64 next[] = { L3, L2, L1, 0x77000 };

	for (u32 level = 0; level < 4; level++) {
		struct walk w;

		start64();
		put(tables[level], indexes[level], next[level] | P | U);
		CHECK_EQ(walk(VA, &w), 0x77123);
		CHECK(!w.writable && w.user && w.executable);
		put(tables[level], indexes[level], next[level] | P | W);
		CHECK_EQ(walk(VA, &w), 0x77123);
		CHECK(w.writable && !w.user && w.executable);
		put(tables[level], indexes[level], next[level] | P | W | U | NX);
		CHECK_EQ(walk(VA, &w), 0x77123);
		CHECK(w.writable && w.user && !w.executable);
		/* Without EFER.NXE the bit is reserved. */
		v->regs.efer &= ~(u64)BIT(11);
		CHECK_EQ(walk(VA, &w), FAULT(PF_PRESENT | PF_RESERVED));
		put(tables[level], indexes[level], next[level] | W | U);
		CHECK_EQ(walk(VA, &w), FAULT(0));
	}
}

TEST(pae)
{
	struct walk w;

	start();
	v->regs.cr0 = CR0_PE | CR0_PG | CR0_ET;
	v->regs.cr4 = CR4_PAE;
	v->regs.efer = BIT(11);
	v->regs.cr3 = ROOT + 0x20 + 0x1f; /* 32-byte aligned; the low bits are no address */
	put(ROOT + 0x20, 2, L2 | P);      /* of the PDPTEs' rights bits nothing counts */
	put(L2, 2, L1 | P | W | U);
	put(L1, 3, 0x77000 | P | W | U);
	CHECK_EQ(walk(VA, &w), 0x77123);
	CHECK(w.writable && w.user && w.executable);
	CHECK_EQ(walk(VA | 0xffffffff00000000, &w), 0x77123); /* 32 bits of address */
	put(L1, 3, 0x77000 | P | NX);
	CHECK_EQ(walk(VA, &w), 0x77123);
	CHECK(!w.executable);
	put(L2, 2, 0x600000 | P | W | U | PS);
	CHECK_EQ(walk(VA, &w), 0x603123);
	CHECK_EQ(w.page_size, 0x200000);
	put(ROOT + 0x20, 2, L2);
	CHECK_EQ(walk(VA, &w), FAULT(0));
}

/* 32-bit paging: entry 0x201 of the directory, entry 3 of the table */
TEST(two_levels)
{
	struct walk w;

	start();
	v->regs.cr0 = CR0_PE | CR0_PG | CR0_ET;
	v->regs.cr3 = ROOT | 0x18;
	put32(ROOT, 0x201, L2 | P | W | U);
	put32(L2, 3, 0x77000 | P | W);
	CHECK_EQ(walk(VA, &w), 0x77123);
	CHECK(w.writable && !w.user && w.executable);
	CHECK_EQ(walk(VA + 0x1000, &w), FAULT(0));
	/* Without CR4.PSE the PS bit means nothing. */
	put32(ROOT, 0x201, L2 | P | W | U | PS);
	CHECK_EQ(walk(VA, &w), 0x77123);
	v->regs.cr4 = CR4_PSE;
	put32(ROOT, 0x201,
	      0xc0000000 | 0x26 << 13 | P | W | U | PS); /* PSE-36: address bits 39..32 */
	CHECK_EQ(walk(VA, &w), 0x26c0003123);
	CHECK_EQ(w.page_size, 0x400000);
}

/* Tables anywhere: nothing but "not present". */
TEST(tables_outside_memory)
{
	static const u64 where[] = { 0xfffff000, 0xfee00000, 0x100000, 0xffffffffff000, 0xff000 };

	for (size_t i = 0; i < ARRAY_LEN(where); i++) {
		struct walk w;

		start64();
		put(L3, 2, where[i] | P | W | U);
		CHECK_EQ(walk(VA, &w), FAULT(0));
		start64();
		v->regs.cr3 = where[i];
		CHECK_EQ(walk(VA, &w), FAULT(0));
	}
	/* a table that points at itself */
	struct walk w;

	start64();
	put(ROOT, 0, ROOT | P | W);
	CHECK_EQ(walk(0x123, &w), ROOT + 0x123);
}

/* --- translate ---------------------------------------------------------------------------------- */

static u64 translate(bool write, bool user)
{
	gpa_t gpa = GPA(0);
	u32 error = 0xdead;

	if (vcpu_translate(v, VA, write, user, &gpa, &error))
		return FAULT(error);
	return gpa.v;
}

TEST(translate)
{
	start64();
	CHECK_EQ(translate(false, false), 0x77123);
	CHECK_EQ(translate(true, true), 0x77123);
	put(L1, 3, 0x77000 | P | U); /* read-only */
	CHECK_EQ(translate(false, true), 0x77123);
	CHECK_EQ(translate(true, true), FAULT(PF_PRESENT | PF_WRITE | PF_USER));
	CHECK_EQ(translate(true, false), FAULT(PF_PRESENT | PF_WRITE));
	v->regs.cr0 &= ~(u64)CR0_WP; /* then the supervisor may */
	CHECK_EQ(translate(true, false), 0x77123);
	CHECK_EQ(translate(true, true), FAULT(PF_PRESENT | PF_WRITE | PF_USER));
	put(L1, 3, 0x77000 | P | W); /* supervisor */
	CHECK_EQ(translate(true, false), 0x77123);
	CHECK_EQ(translate(false, true), FAULT(PF_PRESENT | PF_USER));
	put(L1, 3, 0x77000 | W | U);
	CHECK_EQ(translate(true, true), FAULT(PF_WRITE | PF_USER));
	CHECK_EQ(translate(false, false), FAULT(0));
	v->regs.cr0 = CR0_PE; /* no paging, no rights */
	CHECK_EQ(translate(true, true), VA);
}

TEST(translate_smap)
{
	start64();
	v->regs.cr4 |= CR4_SMAP;
	CHECK_EQ(translate(false, false), FAULT(PF_PRESENT));
	CHECK_EQ(translate(false, true), 0x77123);
	v->regs.rflags |= RFLAGS_AC;
	CHECK_EQ(translate(false, false), 0x77123);
	v->regs.rflags &= ~(u64)RFLAGS_AC;
	put(L1, 3, 0x77000 | P | W);
	CHECK_EQ(translate(false, false), 0x77123);
}

TEST(fetch)
{
	u8 buf[16];

	start64();
	put(L1, 4, 0x33000 | P);
	memcpy(fake_memory + 0x77ff8, "abcdefgh", 8);
	memcpy(fake_memory + 0x33000, "ijklmnop", 8);
	CHECK_EQ(vcpu_fetch(v, 0x80403ff8, buf, 16), 0);
	CHECK(!memcmp(buf, "abcdefghijklmnop", 16));
	put(L1, 4, 0);
	CHECK_EQ(vcpu_fetch(v, 0x80403ff8, buf, 16), -EFAULT);
	CHECK_EQ(vcpu_fetch(v, 0x80403ff8, buf, 8), 0);
	put(L1, 4, 0xfee00000 | P); /* not memory */
	CHECK_EQ(vcpu_fetch(v, 0x80403ff8, buf, 16), -EFAULT);
}

#define A 0x20ull
#define D 0x40ull

static u64 entry_of(u64 table, u64 index, u32 size)
{
	u64 e = 0;

	memcpy(&e, fake_memory + table + index * size, size);
	return e;
}

/* Looking at a translation, or one that is not allowed, writes nothing. */
TEST(tables_stay_as_they_are)
{
	u8 before[0x4000];
	struct walk w;

	start64();
	put(L1, 3, 0x77000 | P | U);
	memcpy(before, fake_memory + ROOT, sizeof(before));
	CHECK_EQ(walk(VA, &w), 0x77123);
	CHECK(!w.accessed && !w.dirty);
	translate(true, true);
	CHECK(!memcmp(before, fake_memory + ROOT, sizeof(before)));
}

/* SDM vol. 3, "Accessed and Dirty Flags": an access sets A on all levels, a write D in the leaf. */
TEST(accessed_and_dirty)
{
	struct walk w;

	start64();
	CHECK_EQ(translate(false, true), 0x77123);
	CHECK_EQ(entry_of(ROOT, 0, 8), L3 | P | W | U | A);
	CHECK_EQ(entry_of(L3, 2, 8), L2 | P | W | U | A);
	CHECK_EQ(entry_of(L2, 2, 8), L1 | P | W | U | A);
	CHECK_EQ(entry_of(L1, 3, 8), 0x77000 | P | W | U | A);
	CHECK_EQ(walk(VA, &w), 0x77123);
	CHECK(w.accessed && !w.dirty);
	CHECK_EQ(translate(true, true), 0x77123);
	CHECK_EQ(entry_of(L1, 3, 8), 0x77000 | P | W | U | A | D);
	CHECK_EQ(entry_of(L2, 2, 8), L1 | P | W | U | A);
	CHECK_EQ(walk(VA, &w), 0x77123);
	CHECK(w.accessed && w.dirty);
	/* a large page: the entry above the last level is the leaf */
	start64();
	put(L2, 2, 0x600000 | P | W | U | PS);
	CHECK_EQ(translate(true, false), 0x603123);
	CHECK_EQ(entry_of(L2, 2, 8), 0x600000 | P | W | U | PS | A | D);
	/* PAE: none in the page directory pointers */
	start();
	v->regs.cr0 = CR0_PE | CR0_PG | CR0_ET | CR0_WP;
	v->regs.cr4 = CR4_PAE;
	v->regs.cr3 = ROOT;
	put(ROOT, 2, L2 | P);
	put(L2, 2, L1 | P | W | U);
	put(L1, 3, 0x77000 | P | W | U);
	CHECK_EQ(translate(true, false), 0x77123);
	CHECK_EQ(entry_of(ROOT, 2, 8), L2 | P);
	CHECK_EQ(entry_of(L2, 2, 8), L1 | P | W | U | A);
	CHECK_EQ(entry_of(L1, 3, 8), 0x77000 | P | W | U | A | D);
	/* two levels, entries of 4 bytes: the neighbours stay */
	v->regs.cr4 = 0;
	put32(ROOT, 0x201, L1 | P | W | U);
	put32(ROOT, 0x202, 0x12345678);
	put32(L1, 3, 0x77000 | P | W | U);
	put32(L1, 2, 0x9abcdef0);
	CHECK_EQ(translate(true, false), 0x77123);
	CHECK_EQ(entry_of(ROOT, 0x201, 4), L1 | P | W | U | A);
	CHECK_EQ(entry_of(ROOT, 0x202, 4), 0x12345678);
	CHECK_EQ(entry_of(L1, 3, 4), 0x77000 | P | W | U | A | D);
	CHECK_EQ(entry_of(L1, 2, 4), 0x9abcdef0);
}
