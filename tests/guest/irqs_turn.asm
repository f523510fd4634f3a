; See irqs.inc: two that halt in turn.
%define PHASE turn
%define AP_HALTS
%define AP_ANSWERS
%include "tests/guest/irqs.inc"
