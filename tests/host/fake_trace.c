/*
 * What vm/trace.h calls, for tests of what it traces: kept in fake_traced, which has a bit for each kind.
 */
#include "tests/host/fake_trace.h"

#include "vm/trace.h"

u32 fake_traced;
u8 fake_traced_sub;

void trace_write(const struct vcpu_port *port, enum trace_kind kind, u8 sub, u64 a, u64 b, u64 tsc)
{
	fake_traced |= 1u << kind;
	fake_traced_sub = sub;
}

void trace_exit(struct vcpu *v, const struct vm_exit *e)
{
	fake_traced |= 1u << TRACE_EXIT;
}
