#!/bin/bash
# A small LVS network of namespaces, for tests that send real requests through IPVS. Source it, or run it to see
# that it forwards by itself:   umlrun -- tests/uml/lvs_lab.sh
#
#   client .100     director .11     rs1 .21     rs2 .22        one segment: 10.0.0.0/24, fd00::/64
#
# The client reaches the VIPs, 10.1.0.0/24 and fd00:1::/64, by way of the director, as over a route learnt by BGP.
#
#   NAT  real servers are 10.0.2.21 and .22; their replies take the gateway 10.0.2.1, which is the director.
#   DR   real servers are 10.0.0.21 and .22 (fd00::21 and ::22); each has the VIP on lo and does not answer ARP
#        or ND for it.
#
#   lab_up                         namespaces, links, addresses, routes; HTTP servers on port 80 that say their name
#   lab_nat                        prepares the real servers for NAT
#   lab_dr VIP...                  prepares the real servers for DR
#   lab_in NAMESPACE COMMAND...    runs it there:   lab_in director anyvipd --config ... &
#   lab_ask URL N                  N requests, one connection each; prints for instance "rs1=5 rs2=5"
#   lab_stop rs1; lab_start rs1    the server process
#   lab_sicken rs1; lab_heal rs1   /healthz says 503, and 200 again
#   lab_wait SECONDS COMMAND...    until it succeeds; fails when it has not by then
#   lab_down                       takes all of it away
#
# VIPs are put on the director by whoever is tested. Nothing here runs in the first namespace but a bridge.
set -u

lab_namespaces="client director rs1 rs2"
lab_dir=$(mktemp -d)
declare -A lab_pid=()

lab_in() {
    local namespace=$1
    shift
    ip netns exec "$namespace" "$@"
}

lab_wait() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        if [ $SECONDS -ge $deadline ]; then
            echo "lab: not within its time: $*" >&2
            return 1
        fi
        sleep 0.05
    done
}

cat >"$lab_dir/server.py" <<'PY'
import os, select, socket, sys
name, sick = sys.argv[1].encode(), sys.argv[2]
listener = socket.socket(socket.AF_INET6)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("::", 80))
listener.listen(64)
sockets = {listener}
while True:
    for s in select.select(sockets, [], [])[0]:
        if s is listener:
            sockets.add(s.accept()[0])
            continue
        try:
            request = s.recv(2000)
            if request:
                status = b"503 Sick" if b" /healthz " in request and os.path.exists(sick) else b"200 OK"
                s.sendall(b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, len(name), name))
        except OSError:
            pass
        sockets.discard(s)
        s.close()
PY

cat >"$lab_dir/client.py" <<'PY'
import collections, http.client, sys, urllib.parse
url, count = urllib.parse.urlsplit(sys.argv[1]), int(sys.argv[2])
answers = collections.Counter()
for _ in range(count):
    connection = http.client.HTTPConnection(url.hostname, url.port or 80, timeout=2)
    try:
        connection.request("GET", url.path or "/")
        response = connection.getresponse()
        body = response.read().decode()
        answers[body if response.status == 200 else str(response.status)] += 1
    except OSError as error:
        answers[type(error).__name__] += 1
    connection.close()
print(" ".join("%s=%d" % answer for answer in sorted(answers.items())))
PY

lab_ask() { lab_in client /usr/bin/python3 -S -E "$lab_dir/client.py" "$@"; }
lab_answers() { [ "$(lab_ask "$1" 1)" = "$2=1" ]; }

lab_start() {
    ip netns exec "$1" /usr/bin/python3 -S -E "$lab_dir/server.py" "$1" "$lab_dir/$1.sick" &
    lab_pid[$1]=$!
    lab_wait 10 lab_answers "http://10.0.0.2${1#rs}/" "$1"
}

lab_stop() {
    [ -n "${lab_pid[$1]:-}" ] || return 0
    kill "${lab_pid[$1]}" && wait "${lab_pid[$1]}" 2>/dev/null
    unset "lab_pid[$1]"
}

lab_sicken() { : >"$lab_dir/$1.sick"; }
lab_heal() { rm -f "$lab_dir/$1.sick"; }

lab_up() {
    ip link add lab type bridge && ip link set lab up || return
    local namespace n
    for namespace in $lab_namespaces; do
        case $namespace in client) n=100 ;; director) n=11 ;; rs*) n=2${namespace#rs} ;; esac
        ip netns add "$namespace" || return
        ip link add "lab-$namespace" type veth peer name eth0 netns "$namespace" || return
        ip link set "lab-$namespace" master lab up
        # The source of what IPVS forwards is not on the way back, so reverse-path filters are off; redirects would
        # take the director out of the path.
        lab_in "$namespace" sh -c "
            echo 0 | tee /proc/sys/net/ipv4/conf/*/rp_filter /proc/sys/net/ipv4/conf/*/send_redirects \
                         /proc/sys/net/ipv6/conf/*/accept_dad >/dev/null
            echo 1 >/proc/sys/net/ipv4/ip_forward
            echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
            ip link set lo up
            ip addr add 10.0.0.$n/24 dev eth0
            ip addr add fd00::$n/64 dev eth0
            ip link set eth0 up" || return
    done
    lab_in client ip route add 10.1.0.0/24 via 10.0.0.11
    lab_in client ip -6 route add fd00:1::/64 via fd00::11
    lab_start rs1 && lab_start rs2
}

lab_nat() {
    lab_in director ip addr replace 10.0.2.1/24 dev eth0
    local namespace
    for namespace in rs1 rs2; do
        # By source, so that the server's own address stays reachable directly.
        lab_in "$namespace" sh -c "
            ip addr add 10.0.2.2${namespace#rs}/24 dev eth0
            ip route add default via 10.0.2.1 table 2
            ip rule add from 10.0.2.2${namespace#rs} table 2" || return
    done
}

lab_dr() {
    local namespace vip
    for namespace in rs1 rs2; do
        lab_in "$namespace" sh -c "echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore
                                   echo 2 >/proc/sys/net/ipv4/conf/all/arp_announce"
        for vip in "$@"; do
            case $vip in
                *:*) lab_in "$namespace" ip addr add "$vip/128" dev lo nodad || return ;;
                *) lab_in "$namespace" ip addr add "$vip/32" dev lo || return ;;
            esac
        done
    done
}

lab_down() {
    local namespace
    for namespace in "${!lab_pid[@]}"; do lab_stop "$namespace"; done
    for namespace in $lab_namespaces; do ip netns del "$namespace" 2>/dev/null; done
    ip link del lab 2>/dev/null
    rm -rf "$lab_dir"
}

# ---- Run by itself: ipvsadm as the director's daemon.

lab_same() {
    if [ "$2" = "$3" ]; then
        echo "PASS $1 ($2)"
    else
        echo "FAIL $1: got '$2', expected '$3'"
        lab_failed=1
    fi
}

lab_self_check() {
    lab_failed=0
    lab_up && lab_nat && lab_dr 10.1.0.2 fd00:1::2 || return 1
    lab_in director sh -c "
        ip addr add 10.1.0.1/32 dev lo scope host
        ip addr add 10.1.0.2/32 dev lo scope host
        ip addr add fd00:1::2/128 dev lo nodad preferred_lft 0
        ipvsadm -A -t 10.1.0.1:80 -s rr
        ipvsadm -a -t 10.1.0.1:80 -r 10.0.2.21:80 -m
        ipvsadm -a -t 10.1.0.1:80 -r 10.0.2.22:80 -m
        ipvsadm -A -t 10.1.0.2:80 -s rr
        ipvsadm -a -t 10.1.0.2:80 -r 10.0.0.21:80 -g
        ipvsadm -a -t 10.1.0.2:80 -r 10.0.0.22:80 -g
        ipvsadm -A -t [fd00:1::2]:80 -s rr
        ipvsadm -a -t [fd00:1::2]:80 -r [fd00::21]:80 -g
        ipvsadm -a -t [fd00:1::2]:80 -r [fd00::22]:80 -g"
    lab_same "NAT" "$(lab_ask http://10.1.0.1/ 10)" "rs1=5 rs2=5"
    lab_same "DR" "$(lab_ask http://10.1.0.2/ 10)" "rs1=5 rs2=5"
    lab_same "DR, IPv6" "$(lab_ask 'http://[fd00:1::2]/' 10)" "rs1=5 rs2=5"
    lab_stop rs2
    lab_same "a stopped server refuses" "$(lab_ask http://10.1.0.1/ 10)" "ConnectionRefusedError=5 rs1=5"
    lab_start rs2
    lab_same "and is back" "$(lab_ask http://10.1.0.1/ 10)" "rs1=5 rs2=5"
    lab_sicken rs1
    lab_same "a sick one says so" "$(lab_ask http://10.0.0.21/healthz 1) $(lab_ask http://10.0.0.21/ 1)" "503=1 rs1=1"
    lab_heal rs1
    lab_same "until it is healed" "$(lab_ask http://10.0.0.21/healthz 1)" "rs1=1"
    return $lab_failed
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    [ -n "${UMLRUN:-}" ] || { echo "run me inside umlrun" >&2; exit 2; }
    trap lab_down EXIT
    lab_self_check
fi
