; See irqs.inc: self_ipi.
%define PHASE self_ipi
%include "tests/guest/irqs.inc"
