; See irqs.inc: priority.
%define PHASE priority
%include "tests/guest/irqs.inc"
