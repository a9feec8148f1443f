#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Serves deploy/sample on a loopback port, prints queries with their answers, and waits for Ctrl-C.
set -euo pipefail
cd "$(dirname "$0")/.."

port=${1:-1053}
if [ $# -eq 0 ]; then
	while ss -Hlntu "sport = :$port" 2>/dev/null | grep -q .; do port=$((port + 1)); done
fi
build/nodens serve -conf deploy/sample/Corefile -dns.port "$port" &
server=$!
stopping=
# Ctrl-C reaches the server too, and a second SIGINT would end it at once; TERM does not.
# shellcheck disable=SC2317 # the trap calls it
stop() {
	stopping=1
	kill -TERM "$server" 2>/dev/null || true
}
trap stop INT TERM
trap 'kill -KILL "$server" 2>/dev/null || true' EXIT # no server survives this script

# The records of the answer section, or the meaning of an empty one.
answer_of() {
	local records
	records=$(dig +noall +answer +tries=1 +time=1 @127.0.0.1 -p "$port" "$@")
	case "$records" in
	?*) echo "$records" ;;
	*) dig +noall +comments +tries=1 +time=1 @127.0.0.1 -p "$port" "$@" |
		sed -n 's/.*status: NOERROR,.*/NODATA: the name exists, but no record of this type/p
			s/.*status: NXDOMAIN,.*/NXDOMAIN: there is no such name/p' ;;
	esac
}

for _ in $(seq 100); do
	kill -0 "$server" 2>/dev/null || { wait "$server"; exit 1; }
	dig +short +tries=1 +time=1 @127.0.0.1 -p "$port" kubernetes.default.svc.cluster.local >/dev/null 2>&1 && break
	sleep 0.05
done
echo
echo "Try:"
while read -r name type _; do
	case "$name" in '' | '#'*) continue ;; esac
	[ -z "$stopping" ] || break
	echo "  dig @127.0.0.1 -p $port $name $type"
	answer_of "$name" "$type" | sed 's/^/      /'
done <deploy/sample/queries.txt
echo
echo "Serving on 127.0.0.1:$port. Ctrl-C ends it."
status=0
# A signal ends `wait` early, with a status over 128, while the server is still shutting down.
while kill -0 "$server" 2>/dev/null; do
	wait "$server" && status=0 || status=$?
done
[ -n "$stopping" ] && [ "$status" -gt 128 ] && status=0
exit "$status"
