#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <deque>
#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "protocol.hpp"

/// sink connect|listen SPEAKER HOLD_TIME HTTP_PORT LOCAL...
///
/// The routers of a benchmark: one session from (or at) each LOCAL address, with one bit for each /32. It announces
/// nothing. Beside it an HTTP server at the first LOCAL, whose answer is what a speaker's check goes by: the moment
/// before that answer is sent is the cause of a verdict. What arrives is timed by the kernel, where it leaves the wire,
/// so how soon this process gets to read it does not count.
///
/// It prints a JSON object a line, times in nanoseconds of CLOCK_MONOTONIC, and takes commands, one a line:
///
///     go                   connect, and go on trying
///     expect N             count from here; "reached" when every session holds N prefixes
///     answer PATH STATUS   what the HTTP server says from now on; "answered" when it has said it for the first time
namespace wire {
namespace {

constexpr std::uint32_t our_as = 65002;
constexpr Nanoseconds second = 1'000'000'000;
constexpr Nanoseconds connect_again = second / 100;

/// The time that the kernel noted for what recvmsg() gave, or now where it noted none.
Nanoseconds arrival(msghdr& header) {
    for (auto* control = CMSG_FIRSTHDR(&header); control != nullptr; control = CMSG_NXTHDR(&header, control)) {
        if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_TIMESTAMPNS) continue;
        timespec stamp{};
        std::memcpy(&stamp, CMSG_DATA(control), sizeof stamp);
        const auto age = read_clock(CLOCK_REALTIME) - (Nanoseconds{stamp.tv_sec} * second + stamp.tv_nsec);
        return now() - age;
    }
    return now();
}

struct Session {
    in_addr local{};
    int listener = -1;
    int socket = -1;
    bool connecting = false;
    bool established = false;
    bool end_of_rib = false;
    Nanoseconds try_at = 0;
    std::vector<bool> table = std::vector<bool>(vip_room);
    std::uint32_t held = 0;
    std::vector<std::uint8_t> octets;
};

/// Since the last "expect".
struct Count {
    std::uint64_t updates = 0;
    std::uint64_t octets = 0;
    Nanoseconds first = 0;
    Nanoseconds last = 0;
};

struct Answer {
    int status = 200;
    bool given = true;
};

class Sink {
public:
    Sink(bool connects, in_addr speaker, std::size_t hold_time, std::uint16_t port, const std::vector<in_addr>& locals);
    void run();

private:
    using Octets = std::span<const std::uint8_t>;

    void say(const std::string& name, Nanoseconds time, const std::string& more = "") {
        std::cout << R"({"event": ")" << name << R"(", "time": )" << time << more << "}" << std::endl;
    }
    void watch(int descriptor, std::uint32_t events) {
        epoll_event event{};
        event.events = events;
        event.data.fd = descriptor;
        if (epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) throw failed("epoll_ctl");
    }

    void happened(int descriptor);
    void timers();
    void start(Session& session);
    void accepted(Session& session);
    void connected(Session& session);
    void up(Session& session);
    void closed(Session& session, const std::string& why);

    void readable(Session& session);
    void received(Session& session, Type type, Octets body, Nanoseconds time);
    void keepalive(Session& session, Nanoseconds time);
    void update(Session& session, Octets body, Nanoseconds time);
    void prefixes(Session& session, bool announced, Octets list);
    void settle();

    void request();
    void answer(int client);
    void commands();
    void command(const std::string& line);

    bool connects_;
    in_addr speaker_;
    std::size_t hold_time_;
    int epoll_ = epoll_create1(EPOLL_CLOEXEC);
    int http_;
    std::deque<Session> sessions_;
    std::map<std::string, Answer> answers_;
    std::string input_;
    bool going_ = false;
    Nanoseconds keepalive_at_ = 0;
    std::optional<std::uint32_t> expected_;
    Count count_;
    std::size_t away_ = 0;  ///< sessions that do not hold what is expected
    std::size_t established_ = 0;
    std::size_t ends_of_rib_ = 0;
    bool opened_ = false;
};

Sink::Sink(bool connects, in_addr speaker, std::size_t hold_time, std::uint16_t port,
           const std::vector<in_addr>& locals)
    : connects_{connects},
      speaker_{speaker},
      hold_time_{hold_time},
      http_{listening_socket(locals.front(), port, SOCK_NONBLOCK)} {
    for (const auto local : locals) {
        auto& session = sessions_.emplace_back();
        session.local = local;
        if (connects) continue;
        session.listener = listening_socket(local, 179, SOCK_NONBLOCK);
        watch(session.listener, EPOLLIN);
    }
    watch(http_, EPOLLIN);
    watch(STDIN_FILENO, EPOLLIN);
}

void Sink::run() {
    say("ready", now());
    std::array<epoll_event, 128> events{};
    while (true) {
        timers();
        const bool hurry = connects_ && going_ && established_ < sessions_.size();
        const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), hurry ? 5 : 500);
        if (count < 0 && errno != EINTR) throw failed("epoll_wait");
        for (int i = 0; i < count; ++i) happened(events[static_cast<std::size_t>(i)].data.fd);
    }
}

void Sink::happened(int descriptor) {
    if (descriptor == STDIN_FILENO) return commands();
    if (descriptor == http_) return request();
    for (auto& session : sessions_) {
        if (descriptor == session.listener) return accepted(session);
        if (descriptor == session.socket) return session.connecting ? connected(session) : readable(session);
    }
    answer(descriptor);
}

void Sink::timers() {
    const auto time = now();
    if (connects_ && going_) {
        for (auto& session : sessions_) {
            if (session.socket < 0 && time >= session.try_at) start(session);
        }
    }
    if (time < keepalive_at_) return;
    keepalive_at_ = time + static_cast<Nanoseconds>(hold_time_) * second / 3;
    for (auto& session : sessions_) {
        if (session.established) send_all(session.socket, message(Type::Keepalive));
    }
}

void Sink::start(Session& session) {
    session.try_at = now() + connect_again;
    session.socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (session.socket < 0) throw failed("socket");
    bind_to(session.socket, session.local, 0);
    session.connecting = true;
    connect_to(session.socket, speaker_, 179);
    watch(session.socket, EPOLLOUT);
}

void Sink::connected(Session& session) {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(session.socket, SOL_SOCKET, SO_ERROR, &error, &length);
    epoll_ctl(epoll_, EPOLL_CTL_DEL, session.socket, nullptr);
    session.connecting = false;
    if (error != 0) {
        close(std::exchange(session.socket, -1));
        return;
    }
    up(session);
    send_all(session.socket, open(our_as, hold_time_, session.local));
}

void Sink::accepted(Session& session) {
    const int socket = accept4(session.listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket < 0) return;
    if (session.socket >= 0) {
        close(socket);
        return;
    }
    session.socket = socket;
    up(session);
}

/// Writes are so few and short that they block; reads never do (MSG_DONTWAIT).
void Sink::up(Session& session) {
    const int flags = fcntl(session.socket, F_GETFL);
    if (flags < 0 || fcntl(session.socket, F_SETFL, flags & ~O_NONBLOCK) != 0) throw failed("fcntl");
    set_option(session.socket, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
    set_option(session.socket, SOL_SOCKET, SO_TIMESTAMPNS, 1, "SO_TIMESTAMPNS");
    watch(session.socket, EPOLLIN);
    say("connected", now());
}

void Sink::closed(Session& session, const std::string& why) {
    say("closed", now(), R"(, "why": ")" + why + R"(", "held": )" + std::to_string(session.held));
    close(session.socket);
    established_ -= session.established ? 1 : 0;
    ends_of_rib_ -= session.end_of_rib ? 1 : 0;
    session = {.local = session.local,
               .listener = session.listener,
               .try_at = now() + connect_again,
               .table = std::vector<bool>(vip_room),
               .octets = {}};
}

void Sink::readable(Session& session) {
    constexpr std::size_t piece = 1 << 18;
    constexpr int turns = 16;  // Before the next session has its turn.
    for (int turn = 0; turn < turns; ++turn) {
        const auto had = session.octets.size();
        session.octets.resize(had + piece);
        iovec where{session.octets.data() + had, piece};
        std::array<char, 256> control{};
        msghdr header{};
        header.msg_iov = &where;
        header.msg_iovlen = 1;
        header.msg_control = control.data();
        header.msg_controllen = control.size();
        const auto length = recvmsg(session.socket, &header, MSG_DONTWAIT);
        session.octets.resize(had + static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
        if (length < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (length <= 0) return closed(session, length == 0 ? "end" : std::strerror(errno));
        const auto time = arrival(header);
        const auto used = cut(session.octets, [&](Type type, Octets body) { received(session, type, body, time); });
        session.octets.erase(session.octets.begin(), session.octets.begin() + static_cast<std::ptrdiff_t>(used));
    }
}

void Sink::received(Session& session, Type type, Octets body, Nanoseconds time) {
    switch (type) {
        case Type::Open:
            if (!std::exchange(opened_, true)) say("open", time);
            if (!connects_) send_all(session.socket, open(our_as, hold_time_, session.local));
            send_all(session.socket, message(Type::Keepalive));
            break;
        case Type::Update: update(session, body, time); break;
        case Type::Notification:
            say("notification", time,
                R"(, "code": )" + std::to_string(body[0]) + R"(, "subcode": )" + std::to_string(body[1]));
            break;
        case Type::Keepalive: keepalive(session, time); break;
    }
}

void Sink::keepalive(Session& session, Nanoseconds time) {
    if (std::exchange(session.established, true)) return;
    send_all(session.socket, end_of_rib());
    if (++established_ == sessions_.size()) say("established", time);
}

void Sink::update(Session& session, Octets body, Nanoseconds time) {
    ++count_.updates;
    count_.octets += header_length + body.size();
    const std::size_t withdrawn = get16(body.data());
    const std::size_t attributes = get16(&body[2 + withdrawn]);
    const auto announced = body.subspan(4 + withdrawn + attributes);
    if (withdrawn == 0 && announced.empty()) {
        // RFC 4724 §2: an UPDATE without a route. Every speaker here sends no other family.
        if (!std::exchange(session.end_of_rib, true) && ++ends_of_rib_ == sessions_.size()) say("end_of_rib", time);
        return;
    }
    if (count_.first == 0 || time < count_.first) count_.first = time;
    count_.last = std::max(count_.last, time);
    const bool was_away = session.held != expected_;
    prefixes(session, false, body.subspan(2, withdrawn));
    prefixes(session, true, announced);
    const bool is_away = session.held != expected_;
    if (was_away == is_away) return;
    away_ += is_away ? 1 : std::numeric_limits<std::size_t>::max();
    settle();
}

void Sink::prefixes(Session& session, bool announced, Octets list) {
    while (!list.empty()) {
        const auto octets = static_cast<std::size_t>((list[0] + 7) / 8);
        const auto vip = octets == 4 ? get32(&list[1]) - first_vip : vip_room;
        list = list.subspan(1 + octets);
        if (vip >= vip_room) throw std::runtime_error{"a prefix that is no VIP"};
        if (session.table[vip] == announced) continue;
        session.table[vip] = announced;
        session.held += announced ? 1 : std::numeric_limits<std::uint32_t>::max();
    }
}

void Sink::settle() {
    if (!expected_ || away_ != 0) return;
    std::ostringstream more;
    more << R"(, "first": )" << count_.first << R"(, "updates": )" << count_.updates << R"(, "octets": )"
         << count_.octets;
    say("reached", count_.last, more.str());
    expected_.reset();
}

void Sink::request() {
    const int client = accept4(http_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client >= 0) watch(client, EPOLLIN);
}

void Sink::answer(int client) {
    std::array<char, 2048> octets{};
    const auto length = recv(client, octets.data(), octets.size(), MSG_DONTWAIT);
    if (length > 0) {
        // "GET /path HTTP/1.1": a request this short comes in one piece.
        std::istringstream line{std::string{octets.data(), static_cast<std::size_t>(length)}};
        std::string method;
        std::string path;
        line >> method >> path;
        auto& say_to = answers_[path];
        const std::string text =
            "HTTP/1.1 " + std::to_string(say_to.status) + " so\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        const auto time = now();
        send(client, text.data(), text.size(), MSG_NOSIGNAL);
        if (!std::exchange(say_to.given, true)) say("answered", time, R"(, "path": ")" + path + '"');
    }
    close(client);
}

void Sink::commands() {
    std::array<char, 4096> octets{};
    const auto length = read(STDIN_FILENO, octets.data(), octets.size());
    if (length <= 0) std::exit(0);
    input_.append(octets.data(), static_cast<std::size_t>(length));
    for (auto end = input_.find('\n'); end != std::string::npos; end = input_.find('\n')) {
        const auto line = input_.substr(0, end);
        input_.erase(0, end + 1);
        command(line);
    }
}

void Sink::command(const std::string& line) {
    std::istringstream words{line};
    std::string name;
    words >> name;
    if (name == "go") {
        going_ = true;
    } else if (name == "expect") {
        std::uint32_t number = 0;
        words >> number;
        expected_ = number;
        count_ = {};
        away_ = static_cast<std::size_t>(
            std::ranges::count_if(sessions_, [&](const Session& session) { return session.held != number; }));
        say("expecting", now());
        settle();
    } else if (name == "answer") {
        std::string path;
        int status = 0;
        words >> path >> status;
        answers_[path] = {.status = status, .given = false};
    } else {
        throw std::runtime_error{"no command: " + line};
    }
}

}  // namespace
}  // namespace wire

int main(int argc, char** argv) {
    if (argc < 6) {
        std::cerr << "usage: sink connect|listen SPEAKER HOLD_TIME HTTP_PORT LOCAL...\n";
        return 2;
    }
    try {
        std::vector<in_addr> locals;
        for (int i = 5; i < argc; ++i) locals.push_back(wire::address(argv[i]));
        wire::Sink{std::string_view{argv[1]} == "connect", wire::address(argv[2]), std::stoul(argv[3]),
                   static_cast<std::uint16_t>(std::stoul(argv[4])), locals}
            .run();
    } catch (const std::exception& error) {
        std::cerr << "sink: " << error.what() << '\n';
        return 1;
    }
}
