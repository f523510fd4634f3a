; Spins with interrupts on, its local APIC in xAPIC mode.
%define XAPIC
%include "tests/guest/pi_spin.asm"
