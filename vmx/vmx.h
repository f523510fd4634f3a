/*
 * The Intel backend: VT-x with EPT, VPID and unrestricted guests behind struct hvm_ops.
 */
#pragma once

#include "vm/hvm.h"

extern const struct hvm_ops vmx_ops;
