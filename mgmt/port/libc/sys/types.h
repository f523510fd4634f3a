/* For expat: it uses none of these types. */
#pragma once
