/*
 * What runs here: the hash of the image, and what a TPM is told of it.
 */
#pragma once

/*
 * Hashes text, read-only data and data as the loader placed them, which tools/imagehash does with the file. Before
 * anything writes to them, first of all that is in C. Boot CPU, once.
 */
void measure_image(void);

/*
 * Extends PCRs of the SHA-256 bank, where there is a TPM: 11 with the image's hash, 12 with that of the command
 * line, 13 with that of the boot set's list (docs/boot.md). A failure costs a warning. In a thread, after bootfs.
 */
void measure_boot(const char *cmdline);
