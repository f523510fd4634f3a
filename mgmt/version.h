/*
 * Which Plinth this is.
 */
#pragma once

#define PLINTH_VERSION "0.1"
