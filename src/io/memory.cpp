#include "io/memory.hpp"

#include <cstdlib>  // For __GLIBC__.

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace anyvip::io {

void give_back_free_memory() {
#ifdef __GLIBC__
    (void)::malloc_trim(0);
#endif
}

}  // namespace anyvip::io
