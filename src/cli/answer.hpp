#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

/// What is read of the daemon's answers (control/json.hpp), and said of it in the same words everywhere. Anything may
/// be missing: a command line and a daemon of different age get along.
namespace anyvip::cli::answer {

/// In the place of what is not there.
constexpr std::string_view nothing = "-";

/// Empty if there is none.
[[nodiscard]] const boost::json::array& list(const boost::json::object& object, std::string_view name);
/// Null if there is none.
[[nodiscard]] const boost::json::object* member(const boost::json::object& object, std::string_view name);
[[nodiscard]] std::optional<double> number(const boost::json::object& object, std::string_view name);
[[nodiscard]] bool is_true(const boost::json::object& object, std::string_view name);
/// Empty if there is none.
[[nodiscard]] std::string string(const boost::json::object& object, std::string_view name);
/// For a cell: strings as they are, whole numbers, "-".
[[nodiscard]] std::string text(const boost::json::object& object, std::string_view name);
[[nodiscard]] std::string age_of(const boost::json::object& object, std::string_view name);

template <class Row>
void for_each(const boost::json::array& items, Row row) {
    for (const auto& item : items) {
        if (const auto* const object = item.if_object()) row(*object);
    }
}

/// "; " between what is not empty.
[[nodiscard]] std::string joined(std::initializer_list<std::string> parts);
/// "check_failed" as "check failed".
[[nodiscard]] std::string words(std::string text);
/// "350ms", "4.2s", "12s", "3m 20s", "5h 12m", "3d 4h".
[[nodiscard]] std::string age(double seconds);

/// Of a VIP or a virtual router.
[[nodiscard]] bool is_eligible(const boost::json::object& thing);

// Of a peer. Empty where there is nothing to say.
[[nodiscard]] std::string last_error(const boost::json::object& peer);
/// A NOTIFICATION, and how long ago it was.
[[nodiscard]] std::string notification(const boost::json::object& peer, std::string_view name);
/// The number that it gave itself, or what is expected of it.
[[nodiscard]] std::string peer_as(const boost::json::object& peer);
/// "TCP-MD5", "TCP-AO"
[[nodiscard]] std::string signature_of(const boost::json::object& peer);
/// Of an unnumbered one: what it waits for, and who else is there.
[[nodiscard]] std::string link_remarks(const boost::json::object& peer);
[[nodiscard]] std::string bfd_remarks(const boost::json::object& bfd);

/// Of a check, newest last: "+" success, "-" failure, "?" could not run.
[[nodiscard]] std::string history(const boost::json::object& check);

}  // namespace anyvip::cli::answer
