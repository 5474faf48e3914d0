// Boost.JSON's non-template code is compiled here once, instead of in every unit that includes one of its headers.
#include <boost/json/src.hpp>
