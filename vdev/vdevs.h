/*
 * The virtual devices: how each is made. A VM's table lists them (vdev/table.c).
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"
#include "vm/vdev.h"

struct domain;
struct vm;

/*
 * Each makes its device in vm's heap, claims its ranges and adds it to vm; nothing is undone on an
 * error, since the VM's heap goes as a whole. -ENOMEM, or iobus_claim()'s errors.
 */
int pic_create(struct vm *vm, const struct domain *cfg) __must_check;
int ioapic_create(struct vm *vm, const struct domain *cfg) __must_check;
int pit_create(struct vm *vm, const struct domain *cfg) __must_check;
int rtc_create(struct vm *vm, const struct domain *cfg) __must_check;
int i8042_create(struct vm *vm, const struct domain *cfg) __must_check;
int uart_create(struct vm *vm, const struct domain *cfg) __must_check;
int pci_host_create(struct vm *vm, const struct domain *cfg) __must_check;
/* Where the domain names it. */
int hpet_create(struct vm *vm, const struct domain *cfg) __must_check;
/* With cfg->acpi: fixed hardware. Without: nothing is made. */
int acpi_pm_create(struct vm *vm, const struct domain *cfg) __must_check;
/* With cfg->acpi: writes the tables at each reset. -ENOSPC: they do not fit. */
int acpi_tables_create(struct vm *vm, const struct domain *cfg) __must_check;

/* The composition root hands it to vdev_set_table(). */
extern const struct vdev_row vdev_table[];
extern const size_t vdev_table_count;
