; See irqs.inc: ipi.
%define PHASE ipi
%include "tests/guest/irqs.inc"
