; See irqs.inc: timer.
%define PHASE timer
%include "tests/guest/irqs.inc"
