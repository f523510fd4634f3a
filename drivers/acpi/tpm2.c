/*
 * TPM2: which interface the trusted platform module has (TCG ACPI Specification 1.3, 7.3). Those that need the
 * firmware's help to start a command are not taken.
 */
#include "core/host.h"
#include "drivers/acpi/parse.h"
#include "lib/hw/acpi.h"
#include "lib/string.h"

const char *acpi_parse_tpm2(const void *table, size_t len, struct host *h)
{
	const char *reason = acpi_check(table, len, ACPI_SIG_TPM2);
	struct acpi_tpm2 t;

	if (reason)
		return reason;
	if (((const struct acpi_header *)table)->length < sizeof(t))
		return "too short";
	memcpy(&t, table, sizeof(t));
	if (t.start_method != ACPI_TPM2_FIFO && t.start_method != ACPI_TPM2_CRB)
		return "its interface is neither FIFO nor CRB";
	h->tpm = t.start_method == ACPI_TPM2_FIFO ? HOST_TPM_FIFO : HOST_TPM_CRB;
	return NULL;
}
