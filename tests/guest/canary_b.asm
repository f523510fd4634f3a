; The second VM of selftest=aspace; vm/selftest_aspace.c has the same value as CANARY_B.
%define CANARY_HIGH 0x2e4ab5cd
%define CANARY_LOW 0x2e6d12fc
%include "tests/guest/canary.inc"
