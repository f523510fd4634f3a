; One of two guests with a SPEC_CTRL of their own: STIBP and SSBD.
%define VALUE 6
%include "tests/guest/spec.inc"
