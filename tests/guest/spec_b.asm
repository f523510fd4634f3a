; The other: SSBD alone.
%define VALUE 4
%include "tests/guest/spec.inc"
