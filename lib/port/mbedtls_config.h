/* What of mbedtls is compiled into Plinth. */
#pragma once

#define MBEDTLS_SHA256_C
