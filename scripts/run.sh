#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Serves deploy/sample on a loopback port, shows questions with their answers, and waits for Ctrl-C.
set -euo pipefail
cd "$(dirname "$0")/.."

port=${1:-1053}
if [ $# -eq 0 ]; then
	while ss -Hlnu "sport = :$port" 2>/dev/null | grep -q .; do port=$((port + 1)); done
fi
build/nodens serve -conf deploy/sample/Corefile -dns.port "$port" &
server=$!
stopping=
stop() {
	stopping=1
	kill -INT "$server" 2>/dev/null || true
}
trap stop INT TERM

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
	echo "  dig @127.0.0.1 -p $port $name $type +short"
	dig +short +tries=1 +time=1 @127.0.0.1 -p "$port" "$name" "$type" | sed 's/^/      /'
done <deploy/sample/queries.txt
echo
echo "Serving on 127.0.0.1:$port. Ctrl-C ends it."
while kill -0 "$server" 2>/dev/null; do wait "$server" && break || [ -z "$stopping" ] || break; done
wait "$server" 2>/dev/null || status=$?
exit "${status:-0}"
