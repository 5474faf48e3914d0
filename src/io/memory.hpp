#pragma once

namespace anyvip::io {

/// Gives the system back what the allocator holds and nobody uses (malloc_trim(3)); without glibc nothing. What a large
/// answer or a configuration took for a moment would otherwise stay with us for ever: with ten thousand VIPs, more than
/// all that is in use. Other threads that allocate meanwhile wait for some milliseconds.
void give_back_free_memory();

}  // namespace anyvip::io
