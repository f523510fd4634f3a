/*
 * The table of virtual devices, in the order in which they are made, reset and saved: interrupt
 * controllers first, so that lines find them. Ports that no device claims read all ones and ignore
 * writes: the delay ports 0x80 and 0xed, and DMA, need no more.
 */
#include "vdev/vdevs.h"
#include "vm/vdev.h"

const struct vdev_row vdev_table[] = {
	{ "pic", pic_create },           { "ioapic", ioapic_create },
	{ "pit", pit_create },           { "rtc", rtc_create },
	{ "hpet", hpet_create },         { "i8042", i8042_create },
	{ "pci_host", pci_host_create }, { "uart", uart_create },
	{ "acpi_pm", acpi_pm_create },   { "acpi_tables", acpi_tables_create },
};

const size_t vdev_table_count = ARRAY_LEN(vdev_table);
