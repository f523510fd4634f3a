; The same as pi_self.asm in xAPIC mode, by the ICR.
%define XAPIC
%include "tests/guest/pi.inc"
%include "tests/guest/pi_self.inc"
