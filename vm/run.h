/*
 * The run loop: the body of a vCPU's thread.
 */
#pragma once

struct vcpu;

/* Runs until the VM stops. */
void vcpu_run(struct vcpu *v);
