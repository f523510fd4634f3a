/* For expat: it wants floating point only where entities are built in. */
#pragma once
