/*
 * The run function of the AMD backend's ops table.
 */
#pragma once

struct vcpu;
struct vm_exit;

/* hvm_ops.run */
void svm_run(struct vcpu *v, struct vm_exit *e);
