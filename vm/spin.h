/*
 * vCPUs that spin: what they wait for is likely another vCPU of their VM that waits for a CPU.
 */
#pragma once

struct vcpu;

/*
 * The vCPU has spun for a while. Another one of its VM that was ready but had no CPU goes on in its place, rather one that
 * does not spin itself; where there is none, the CPU is given to whoever is ready. On the vCPU's thread, no lock held.
 */
void vcpu_spins(struct vcpu *v);
