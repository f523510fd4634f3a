; The first VM of selftest=aspace; vm/selftest_aspace.c has the same value as CANARY_A.
%define CANARY_HIGH 0x61c88646
%define CANARY_LOW 0x80b583ea
%include "tests/guest/canary.inc"
