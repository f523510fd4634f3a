/*
 * UUIDs as text, and one for those who were given none.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

#define UUID_SIZE      16
#define UUID_TEXT_SIZE 37 /* with the NUL */

/* 32 hexadecimal digits, with hyphens in the usual places or none at all. -EINVAL: something else. */
int uuid_parse(const char *text, u8 uuid[UUID_SIZE]) __must_check;

void uuid_format(const u8 uuid[UUID_SIZE], char text[UUID_TEXT_SIZE]);

/* The same name always gives the same UUID, of version 8 (RFC 9562, "UUID Version 8"). */
void uuid_from_name(const char *name, u8 uuid[UUID_SIZE]);
