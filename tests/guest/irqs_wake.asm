; See irqs.inc: ipi, to one that halts.
%define PHASE ipi
%define AP_HALTS
%include "tests/guest/irqs.inc"
