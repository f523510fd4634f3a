; Each has a periodic timer as fast as it goes and sleeps in between.
%include "tests/guest/hostile_smp.inc"

X2APIC_TIMER	equ 0x832
X2APIC_COUNT	equ 0x838
X2APIC_DIVIDE	equ 0x83e

all:	write_msr X2APIC_DIVIDE, 0, 0xb	; by 1
	write_msr X2APIC_TIMER, 0, 0x20040 ; periodic
	write_msr X2APIC_COUNT, 0, 1
	sti
.sleep:	hlt
	jmp	.sleep
