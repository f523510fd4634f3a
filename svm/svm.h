/*
 * The AMD backend: runs vCPUs by AMD-V with nested paging (AMD APM vol. 2, chapter "Secure Virtual
 * Machine"). All that others see of it is this ops table.
 */
#pragma once

#include "vm/hvm.h"

extern const struct hvm_ops svm_ops;
