/*
 * A VM's RAM: taken in the largest pieces that fit, mapped into the window and the second stage.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct vm;

/* Takes vm->cfg.memory bytes. -ENOMEM with the reason in vm->stop_text. */
int memory_take(struct vm *vm) __must_check;

/* Gives it back; the VM's address space and second stage are not in use any more. */
void memory_release(struct vm *vm);

/* Bytes of memory in this machine, and of these free for guests. For reports. */
void memory_report(u64 *total, u64 *free);
