/*
 * What runs here: the hash of the image, and what a TPM is told of it.
 */
#pragma once

/*
 * Hashes text, read-only data and data as the loader placed them, which tools/imagehash does with the file. Before
 * anything writes to them, first of all that is in C. Boot CPU, once.
 */
void measure_image(void);
