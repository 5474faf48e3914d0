#!/bin/sh
# Inside user-mode-linux: runs the tests of the IPVS client, first without ip_vs in the kernel, then with it.
#     umlrun --modules "" -- tests/uml/ipvs_kernel.sh build/check/tests/ipvs_kernel_tests
set -eu
[ -n "${UMLRUN:-}" ] || { echo "run me inside umlrun" >&2; exit 2; }
tests=$1

# The kernel loads ip_vs when somebody asks for it by name; for the first run it may not.
echo /bin/false >/proc/sys/kernel/modprobe
"$tests" --gtest_filter='WithoutIpvs.*'

echo /sbin/modprobe >/proc/sys/kernel/modprobe
exec "$tests" --gtest_filter='-WithoutIpvs.*'
