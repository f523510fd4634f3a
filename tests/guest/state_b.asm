; The other guest of selftest=lazy: SSE alone.
%define SEED 10
%define XCR0_VALUE 3
%include "tests/guest/state.inc"
