/*
 * How expat is built for Plinth: no DTDs, no entities but the five of XML, no namespaces, no floating
 * point. libc/ has the C library that it asks for, no more than that of it.
 *
 * XML_MIN_SIZE would save 22 KB, but with it UTF-16 documents make expat 2.8.3 call null pointers.
 */
#pragma once

#define XML_GE            0
#define XML_CONTEXT_BYTES 0 /* it then parses where the document lies, without a copy */
#define XML_POOR_ENTROPY  1 /* the salt of its hash tables is set by who makes a parser */
#define BYTEORDER         1234
