#include "health/io/http_probe.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

#include "unit/health/io/prober_fixture.hpp"

namespace anyvip::health::io {
namespace {

using boost::asio::ip::tcp;

template <class Stream>
std::string read_request(Stream& stream) {
    std::string request;
    boost::asio::read_until(stream, boost::asio::dynamic_buffer(request), "\r\n\r\n");
    return request;
}

/// Answers every request with the same octets and closes.
Server::Serve answer_with(std::string response) {
    return [response = std::move(response)](tcp::socket& socket) {
        read_request(socket);
        boost::asio::write(socket, boost::asio::buffer(response));
    };
}

std::string response(const std::string& status_line, const std::string& body = {}) {
    return "HTTP/1.1 " + status_line + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

class HttpProbeTest : public ProberTest {
protected:
    static HttpProbe probe_of(const Server& server) {
        HttpProbe probe;
        probe.target = server.endpoint();
        return probe;
    }
};

TEST_F(HttpProbeTest, AnExpectedStatusIsSuccess) {
    const Server server{answer_with(response("200 OK"))};
    EXPECT_EQ(outcome_of(probe_of(server)), Outcome{Success{"status 200"}});
}

TEST_F(HttpProbeTest, AnotherStatusIsFailureAndNamesIt) {
    const Server server{answer_with(response("503 Service Unavailable"))};
    EXPECT_EQ(outcome_of(probe_of(server)), (Outcome{Failure{FailureReason::UnexpectedStatus, "503"}}));
}

TEST_F(HttpProbeTest, StatusRangesAreInclusive) {
    const Server server{answer_with(response("404 Not Found"))};
    auto probe = probe_of(server);
    probe.status = {{200, 200}, {301, 404}};
    expect<Success>(outcome_of(probe));
    probe.status = {{200, 403}, {405, 599}};
    expect<Failure>(outcome_of(probe));
}

TEST_F(HttpProbeTest, SendsMethodPathHostAndHeaders) {
    std::string request;
    std::atomic<bool> seen = false;
    const Server server{[&](tcp::socket& socket) {
        request = read_request(socket);
        boost::asio::write(socket, boost::asio::buffer(response("200 OK")));
        seen = true;
    }};
    auto probe = probe_of(server);
    probe.method = "OPTIONS";
    probe.path = "/healthz?deep=1";
    probe.host = "www.example.com";
    probe.headers = {{"X-Probe", "yes"}, {"User-Agent", "custom"}};
    expect<Success>(outcome_of(probe));
    run_until([&] { return seen.load(); });
    EXPECT_TRUE(request.starts_with("OPTIONS /healthz?deep=1 HTTP/1.1\r\n")) << request;
    EXPECT_NE(request.find("Host: www.example.com\r\n"), std::string::npos) << request;
    EXPECT_NE(request.find("X-Probe: yes\r\n"), std::string::npos) << request;
    EXPECT_NE(request.find("User-Agent: custom\r\n"), std::string::npos) << request;
    EXPECT_EQ(request.find("User-Agent: anyvip"), std::string::npos) << request;
    EXPECT_NE(request.find("Connection: close\r\n"), std::string::npos) << request;
}

TEST_F(HttpProbeTest, HostIsTheTargetWhenNoneIsConfigured) {
    std::string request;
    std::atomic<bool> seen = false;
    const Server server{[&](tcp::socket& socket) {
                            request = read_request(socket);
                            boost::asio::write(socket, boost::asio::buffer(response("200 OK")));
                            seen = true;
                        },
                        "::1"};
    expect<Success>(outcome_of(probe_of(server)));
    run_until([&] { return seen.load(); });
    EXPECT_NE(request.find("Host: [::1]:" + std::to_string(server.endpoint().port) + "\r\n"), std::string::npos)
        << request;
}

TEST_F(HttpProbeTest, AHeadRequestWaitsForNoBody) {
    const Server server{[](tcp::socket& socket) {
        read_request(socket);
        boost::asio::write(socket, boost::asio::buffer(std::string{"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"}));
    }};
    auto probe = probe_of(server);
    probe.method = "HEAD";
    probe.body_contains = "never";
    EXPECT_EQ(expect<Failure>(outcome_of(probe)).reason, FailureReason::BodyMismatch);
}

// RFC 9110 §15.2: a client must be able to parse informational responses before the final one.
TEST_F(HttpProbeTest, InformationalResponsesAreSkipped) {
    const Server server{answer_with("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" +
                                    response("200 OK"))};
    EXPECT_EQ(outcome_of(probe_of(server)), Outcome{Success{"status 200"}});
}

TEST_F(HttpProbeTest, InformationalResponsesWithoutEndAreNoAnswer) {
    std::string flood;
    for (int i = 0; i < 100; ++i) flood += "HTTP/1.1 100 Continue\r\n\r\n";
    const Server server{answer_with(flood)};
    EXPECT_EQ(outcome_of(probe_of(server)), (Outcome{Failure{FailureReason::UnexpectedStatus, "100"}}));
}

TEST_F(HttpProbeTest, GarbageIsMalformed) {
    const Server server{answer_with("SSH-2.0-OpenSSH_9.2\r\n")};
    EXPECT_EQ(expect<Failure>(outcome_of(probe_of(server))).reason, FailureReason::MalformedResponse);
}

TEST_F(HttpProbeTest, HeadersAboveTheLimitAreMalformed) {
    const Server server{answer_with("HTTP/1.1 200 OK\r\nX: " + std::string(20000, 'x') + "\r\n\r\n")};
    EXPECT_EQ(expect<Failure>(outcome_of(probe_of(server))).reason, FailureReason::MalformedResponse);
}

TEST_F(HttpProbeTest, ClosingWithoutAnAnswerIsAConnectionLost) {
    const Server server{[](tcp::socket& socket) { read_request(socket); }};
    EXPECT_EQ(expect<Failure>(outcome_of(probe_of(server))).reason, FailureReason::ConnectionLost);
}

TEST_F(HttpProbeTest, AClosedPortIsRefused) {
    const ClosedPort port;
    HttpProbe probe;
    probe.target = port.endpoint();
    EXPECT_EQ(expect<Failure>(outcome_of(probe)).reason, FailureReason::Refused);
}

TEST_F(HttpProbeTest, ASlowAnswerIsWaitedForUntilTheProbeIsAbandoned) {
    std::atomic<bool> requested = false;
    std::atomic<bool> gone = false;
    const Server server{[&](tcp::socket& socket) {
        read_request(socket);
        requested = true;
        char byte = 0;
        boost::system::error_code error;
        socket.read_some(boost::asio::buffer(&byte, 1), error);
        gone = true;
    }};
    prober.start(CheckName{"slow"}, ProbeId{1}, probe_of(server));
    run_until([&] { return requested.load(); });
    EXPECT_TRUE(finished.empty());
    prober.abandon(CheckName{"slow"}, ProbeId{1});
    run_until([&] { return gone.load(); });
    io_context.restart();
    io_context.run();
    EXPECT_TRUE(finished.empty());
}

TEST_F(HttpProbeTest, LooksForTheTextInTheBody) {
    const Server server{answer_with(response("200 OK", "status: all is well"))};
    auto probe = probe_of(server);
    probe.body_contains = "all is well";
    EXPECT_EQ(outcome_of(probe), Outcome{Success{"status 200, body matches"}});
    probe.body_contains = "all is lost";
    EXPECT_EQ(outcome_of(probe), (Outcome{Failure{FailureReason::BodyMismatch, "not found in 19 octets"}}));
}

TEST_F(HttpProbeTest, FindsTextThatChunksDivide) {
    const Server server{
        answer_with("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nall\r\n8\r\n is well\r\n0\r\n\r\n")};
    auto probe = probe_of(server);
    probe.body_contains = "all is well";
    expect<Success>(outcome_of(probe));
}

TEST_F(HttpProbeTest, TheBodyOfAnOldServerEndsWithTheConnection) {
    const Server server{answer_with("HTTP/1.0 200 OK\r\n\r\nhello")};
    auto probe = probe_of(server);
    probe.body_contains = "hello";
    expect<Success>(outcome_of(probe));
    probe.body_contains = "world";
    EXPECT_EQ(expect<Failure>(outcome_of(probe)).reason, FailureReason::BodyMismatch);
}

TEST_F(HttpProbeTest, AnEndlessBodyIsReadUpToTheLimit) {
    const Server server{[](tcp::socket& socket) {
        read_request(socket);
        boost::asio::write(socket, boost::asio::buffer(std::string{"HTTP/1.1 200 OK\r\n\r\n"}));
        const std::string part(64 * 1024, 'x');
        while (true) boost::asio::write(socket, boost::asio::buffer(part));
    }};
    auto probe = probe_of(server);
    probe.body_contains = "needle";
    EXPECT_EQ(outcome_of(probe), (Outcome{Failure{FailureReason::BodyMismatch, "not found in 262144 octets"}}));
}

/// Self-signed, for www.example.com and 127.0.0.1.
void make_certificate(const std::string& key_file, const std::string& certificate_file, std::chrono::seconds lifetime) {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key{EVP_EC_gen("P-256"), &EVP_PKEY_free};
    const std::unique_ptr<X509, decltype(&X509_free)> certificate{X509_new(), &X509_free};
    X509_set_version(certificate.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), lifetime.count());
    X509_set_pubkey(certificate.get(), key.get());
    X509_NAME* const name = X509_get_subject_name(certificate.get());
    const std::array<unsigned char, 4> test{'t', 'e', 's', 't'};
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, test.data(), test.size(), -1, 0);
    X509_set_issuer_name(certificate.get(), name);
    const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> names{
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:www.example.com,IP:127.0.0.1"),
        &X509_EXTENSION_free};
    X509_add_ext(certificate.get(), names.get(), -1);
    ASSERT_GT(X509_sign(certificate.get(), key.get(), EVP_sha256()), 0);

    const std::unique_ptr<BIO, decltype(&BIO_free)> key_out{BIO_new_file(key_file.c_str(), "w"), &BIO_free};
    ASSERT_EQ(PEM_write_bio_PrivateKey(key_out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr), 1);
    const std::unique_ptr<BIO, decltype(&BIO_free)> out{BIO_new_file(certificate_file.c_str(), "w"), &BIO_free};
    ASSERT_EQ(PEM_write_bio_X509(out.get(), certificate.get()), 1);
}

class HttpsProbeTest : public HttpProbeTest {
protected:
    static void SetUpTestSuite() {
        std::string name = (std::filesystem::temp_directory_path() / "anyvip-tls-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder = name;
        make_certificate(key("good"), certificate("good"), std::chrono::hours{1});
        make_certificate(key("other"), certificate("other"), std::chrono::hours{1});
        make_certificate(key("expired"), certificate("expired"), std::chrono::minutes{-1});
    }
    static void TearDownTestSuite() { std::filesystem::remove_all(folder); }

    static std::string key(const std::string& name) { return (folder / (name + ".key")).string(); }
    static std::string certificate(const std::string& name) { return (folder / (name + ".pem")).string(); }

    static Server::Serve serve_with(const std::string& name) {
        return [name](tcp::socket& socket) {
            boost::asio::ssl::context context{boost::asio::ssl::context::tls_server};
            context.use_certificate_chain_file(certificate(name));
            context.use_private_key_file(key(name), boost::asio::ssl::context::pem);
            boost::asio::ssl::stream<tcp::socket&> stream{socket, context};
            stream.handshake(boost::asio::ssl::stream_base::server);
            read_request(stream);
            boost::asio::write(stream, boost::asio::buffer(response("200 OK", "secure")));
        };
    }
    static HttpProbe tls_probe_of(const Server& server) {
        auto probe = probe_of(server);
        probe.tls = true;
        probe.ca_file = certificate("good");
        return probe;
    }

    static inline std::filesystem::path folder;
};

TEST_F(HttpsProbeTest, ACertificateThatVerifiesIsSuccess) {
    const Server server{serve_with("good")};
    auto probe = tls_probe_of(server);
    probe.host = "www.example.com";
    probe.body_contains = "secure";
    EXPECT_EQ(outcome_of(probe), Outcome{Success{"status 200, body matches"}});
    EXPECT_EQ(outcome_of(probe), Outcome{Success{"status 200, body matches"}}) << "with the shared context";
}

TEST_F(HttpsProbeTest, ThePortInTheHostIsNoPartOfTheName) {
    const Server server{serve_with("good")};
    auto probe = tls_probe_of(server);
    probe.host = "www.example.com:8443";
    expect<Success>(outcome_of(probe));
}

TEST_F(HttpsProbeTest, WithoutAHostTheAddressMustBeInTheCertificate) {
    const Server server{serve_with("good")};
    expect<Success>(outcome_of(tls_probe_of(server)));
    const Server elsewhere{serve_with("good"), "127.0.0.2"};
    EXPECT_EQ(expect<Failure>(outcome_of(tls_probe_of(elsewhere))).reason, FailureReason::CertificateRejected);
}

TEST_F(HttpsProbeTest, AnotherNameIsRejected) {
    const Server server{serve_with("good")};
    auto probe = tls_probe_of(server);
    probe.host = "www.example.org";
    EXPECT_EQ(outcome_of(probe), (Outcome{Failure{FailureReason::CertificateRejected, "hostname mismatch"}}));
}

TEST_F(HttpsProbeTest, AnUnknownIssuerIsRejected) {
    const Server server{serve_with("other")};
    EXPECT_EQ(expect<Failure>(outcome_of(tls_probe_of(server))).reason, FailureReason::CertificateRejected);
}

TEST_F(HttpsProbeTest, TheSystemsIssuersAreTheDefault) {
    const Server server{serve_with("good")};
    auto probe = tls_probe_of(server);
    probe.ca_file.clear();
    EXPECT_EQ(expect<Failure>(outcome_of(probe)).reason, FailureReason::CertificateRejected);
}

TEST_F(HttpsProbeTest, AnExpiredCertificateIsRejected) {
    const Server server{serve_with("expired")};
    auto probe = tls_probe_of(server);
    probe.ca_file = certificate("expired");
    EXPECT_EQ(outcome_of(probe), (Outcome{Failure{FailureReason::CertificateRejected, "certificate has expired"}}));
}

TEST_F(HttpsProbeTest, WithoutVerificationAnyCertificateWillDo) {
    const Server server{serve_with("expired")};
    auto probe = tls_probe_of(server);
    probe.verify = false;
    probe.host = "www.example.org";
    expect<Success>(outcome_of(probe));
}

TEST_F(HttpsProbeTest, AServerWithoutTlsFailsTheHandshake) {
    const Server server{[](tcp::socket& socket) {
        boost::asio::write(socket, boost::asio::buffer(std::string{"HTTP/1.1 400 Bad Request\r\n\r\n"}));
        char byte = 0;
        boost::system::error_code error;
        while (socket.read_some(boost::asio::buffer(&byte, 1), error) > 0) {
        }
    }};
    EXPECT_EQ(expect<Failure>(outcome_of(tls_probe_of(server))).reason, FailureReason::TlsFailed);
}

TEST_F(HttpsProbeTest, AMissingCaFileIsOurFaultAndIsTriedAgain) {
    const Server server{serve_with("good")};
    auto probe = tls_probe_of(server);
    probe.ca_file = (folder / "later.pem").string();
    EXPECT_EQ(expect<CouldNotRun>(outcome_of(probe)).reason, CouldNotRunReason::CaFileUnusable);
    std::filesystem::copy_file(certificate("good"), probe.ca_file);
    expect<Success>(outcome_of(probe));
}

/// A FIFO in place of a slow disk: opening it waits for who writes.
class SlowCaFile : public HttpsProbeTest {
protected:
    SlowCaFile() {
        std::filesystem::remove(path);
        if (::mkfifo(path.c_str(), 0600) != 0) throw std::runtime_error{"mkfifo"};
    }
    ~SlowCaFile() override { deliver(); }
    /// Returns when it has been read.
    void deliver() {
        if (std::exchange(delivered, true)) return;
        std::ifstream from{certificate("good")};
        std::ofstream{path} << from.rdbuf();
    }

    const std::string path = (folder / "slow.pem").string();
    bool delivered = false;
};

TEST_F(SlowCaFile, HoldsUpNoOtherProbeAndIsOurFault) {
    const Server server{serve_with("good")};
    const Server other{[](tcp::socket& socket) {
        read_request(socket);
        boost::asio::write(socket, boost::asio::buffer(response("200 OK", "")));
    }};
    auto slow = tls_probe_of(server);
    slow.ca_file = path;
    prober.start(CheckName{"slow"}, ProbeId{1}, slow);
    prober.start(CheckName{"other"}, ProbeId{1}, probe_of(other));
    run_until([&] { return finished.size() == 2; });  // Before it is loaded: nobody has written yet.
    for (const auto& [check, event] : finished) {
        if (check == CheckName{"other"}) {
            expect<Success>(event.outcome);
        } else {
            EXPECT_EQ(expect<CouldNotRun>(event.outcome).reason, CouldNotRunReason::CaFileUnusable);
            EXPECT_EQ(expect<CouldNotRun>(event.outcome).detail, path + ": is still being loaded");
        }
    }

    deliver();
    run_until([&] { return std::holds_alternative<Success>(outcome_of(slow)); });
}

TEST_F(SlowCaFile, AProbeThatIsAbandonedMeanwhileReportsNothing) {
    const Server server{serve_with("good")};
    auto slow = tls_probe_of(server);
    slow.ca_file = path;
    prober.start(CheckName{"slow"}, ProbeId{1000}, slow);
    io_context.poll();
    prober.abandon(CheckName{"slow"}, ProbeId{1000});
    deliver();
    run_until([&] { return std::holds_alternative<Success>(outcome_of(slow, CheckName{"next"})); });
    for (const auto& [check, event] : finished) EXPECT_EQ(check, CheckName{"next"});
}

TEST_F(SlowCaFile, TheProberMayGoWhileItIsBeingLoaded) {
    const Server server{serve_with("good")};
    auto slow = tls_probe_of(server);
    slow.ca_file = path;
    {
        Prober shortlived{io_context.get_executor(), [](const CheckName&, const ProbeFinished&) { FAIL(); }};
        shortlived.start(CheckName{"slow"}, ProbeId{1}, slow);
        io_context.poll();  // The load begins.
        deliver();
    }
    io_context.restart();
    io_context.run_for(std::chrono::milliseconds{200});
}

}  // namespace
}  // namespace anyvip::health::io
