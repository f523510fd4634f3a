/*
 * What a VM has cost, for the log.
 */
#pragma once

#include "lib/types.h"

struct vm;

/* Debug lines: exits by kind, memory beside RAM. By the keeper, before the VM gives its memory back. */
void report_vm(const struct vm *vm);
