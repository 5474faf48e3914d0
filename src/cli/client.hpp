#pragma once

#include <expected>
#include <string>

#include <boost/json/object.hpp>

#include "control/request.hpp"

/// The other end of the control socket: one request, one answer, blocking, with an end to every wait.
namespace anyvip::cli {

struct AskError {
    enum class Kind : unsigned char {
        NotRunning,  ///< nobody listens
        NoAccess,    ///< somebody may be listening; not for us
        Broken,      ///< the conversation failed
        Refused,     ///< the daemon answered {"ok":false}
    };
    Kind kind = Kind::Broken;
    std::string text;
};

/// The whole answer, with "ok": true.
[[nodiscard]] std::expected<boost::json::object, AskError> ask(const std::string& socket_path,
                                                               const control::Request& request);

}  // namespace anyvip::cli
