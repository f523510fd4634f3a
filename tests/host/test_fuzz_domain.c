/*
 * Runs the domain XML fuzz target on well-formed documents mutated at random: the same ones in every run.
 *
 * sources: tests/host/fuzz_domain.c mgmt/domain_xml.c mgmt/xml.c mgmt/units.c mgmt/uuid.c
 * sources: build/deps/expat/lib/xmlparse.c build/deps/expat/lib/xmltok.c
 * sources: build/deps/expat/lib/xmlrole.c lib/string.c
 * flags: -Imgmt/port -isystem build/deps/expat/lib
 * timeout: 120
 */
#include "tests/host/fuzz_domain.h"
#include "tests/host/harness.h"

#include "lib/string.h"

#define ROUNDS       100000
#define SIZE_MAX_DOC 4096

static const char document[] =
	"<?xml version='1.0' encoding='utf-8'?>\n"
	"<domain type='plinth'>\n"
	"  <name>guest</name>\n"
	"  <uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa0</uuid>\n"
	"  <title>A &lt;guest&gt;</title><description>d</description>\n"
	"  <metadata><x:a xmlns:x='u'><x:b c='d'/>text</x:a></metadata>\n"
	"  <memory unit='MiB'>256</memory>\n"
	"  <currentMemory>262144</currentMemory>\n"
	"  <vcpu placement='static'>1</vcpu>\n"
	"  <os>\n"
	"    <type arch='x86_64' machine='pc-q35-8.2'>hvm</type>\n"
	"    <kernel>vmlinuz</kernel><initrd>initrd.gz</initrd>\n"
	"    <cmdline>console=ttyS0 &amp;&#x41;</cmdline>\n"
	"  </os>\n"
	"  <features><acpi/><apic/><pae/></features>\n"
	"  <cpu mode='host-model' check='partial'/>\n"
	"  <clock offset='localtime'/>\n"
	"  <on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot>\n"
	"  <on_crash>preserve</on_crash>\n"
	"  <devices>\n"
	"    <serial type='pty'><target type='isa-serial' port='0'><model name='isa-serial'/>"
	"</target></serial>\n"
	"    <serial type='pty'><target port='1'/></serial>\n"
	"    <console type='pty'><target type='serial' port='0'/></console>\n"
	"  </devices>\n"
	"</domain>\n";

static const char flat[] = "<domain type='kvm'><name>f</name><memory unit='G'>1</memory><os>"
			   "<type>hvm</type><loader type='flat'>f.bin</loader></os></domain>";

/* What breaks parsers, or what other documents have. */
static const char *const favourites[] = {
	"<",
	">",
	"&",
	"/",
	"'",
	"\"",
	"]]>",
	"<![CDATA[",
	"<!--",
	"-->",
	"<?",
	"?>",
	"&#0;",
	"&#x10ffff;",
	"&x;",
	"<!DOCTYPE a [<!ENTITY x 'y'>]>",
	"\xff",
	"\xfe",
	"\xc0\x80",
	"\xed\xa0\x80",
	"=''",
	" a='b'",
	"18446744073709551615",
	"18446744073709551616",
	"-1",
	"0",
	"<domain>",
	"</domain>",
	"<name>",
	"</name>",
	"<serial type='pty'/>",
	"<os>",
	"<x/>",
	"xmlns='u'",
	"port=",
};

static u64 state = 0x2545f4914f6cdd1dULL;
static u8 doc[SIZE_MAX_DOC];
static size_t len;

static u32 rnd(u32 n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (u32)(state >> 24) % n;
}

static void insert(size_t at, const void *data, size_t n)
{
	if (len + n > sizeof(doc))
		return;
	memmove(doc + at + n, doc + at, len - at);
	memcpy(doc + at, data, n);
	len += n;
}

static void remove_piece(size_t at, size_t n)
{
	n = MIN(n, len - at);
	memmove(doc + at, doc + at + n, len - at - n);
	len -= n;
}

static void mutate(void)
{
	for (u32 n = rnd(4); n; n--) {
		size_t at = len ? rnd((u32)len) : 0;
		const char *f = favourites[rnd(ARRAY_LEN(favourites))];
		u8 piece[256];
		size_t size;

		switch (len ? rnd(5) : 1) {
		case 0:
			doc[at] = (u8)rnd(256);
			break;
		case 1:
			insert(at, f, strlen(f));
			break;
		case 2:
			remove_piece(at, rnd(40));
			break;
		case 3:
			len = rnd(8) ? len : at;
			break;
		default: /* a piece somewhere else again */
			size = MIN((size_t)rnd(sizeof(piece)), len - at);
			memcpy(piece, doc + at, size);
			insert(rnd((u32)len), piece, size);
		}
	}
}

/* Into UTF-16, of either byte order. */
static void widen(u32 high)
{
	for (size_t i = len; i--;) {
		doc[2 + 2 * i + !high] = doc[i];
		doc[2 + 2 * i + high] = 0;
	}
	doc[!high] = 0xff;
	doc[high] = 0xfe;
	len = 2 * len + 2;
}

TEST(mutated_documents)
{
	u32 used = 0;

	for (u32 i = 0; i < ROUNDS; i++) {
		const char *from = rnd(4) ? document : flat;

		len = strlen(from);
		memcpy(doc, from, len);
		if (!rnd(4))
			widen(rnd(2));
		mutate();
		used += LLVMFuzzerTestOneInput(doc, len) == 0;
	}
	CHECK_EQ(used, ROUNDS); /* the target aborts on what it finds */
}
