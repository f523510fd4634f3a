; See irqs.inc: window.
%define PHASE window
%include "tests/guest/irqs.inc"
