// As src/io/asio.cpp, for asio::ssl: here, because nothing but health checks links OpenSSL.
#include <boost/asio/ssl/impl/src.hpp>
