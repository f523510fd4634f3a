; Sends itself interrupts: each waits until the task priority is lowered, and comes then.
%include "tests/guest/pi.inc"
%include "tests/guest/pi_self.inc"
