; One of the two guests of selftest=lazy: AVX on.
%define SEED 5
%define XCR0_VALUE 7
%include "tests/guest/state.inc"
