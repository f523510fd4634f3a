/* For expat: it opens nothing. */
#pragma once
