#!/bin/sh
# Sends events to Groundswell with a POSIX shell and curl, and nothing else.
#
#   ./send.sh event FILE KEY    the event in FILE, under the idempotency key KEY
#   ./send.sh batch FILE        one event per line of FILE, each with an "idempotencyKey" of its own
#
# In the environment:
#   GROUNDSWELL_API_KEY    an API key that may post events
#   GROUNDSWELL_PROGRAM    the program's id
#   GROUNDSWELL_URL        where Groundswell is, http://127.0.0.1:3000 if not set
#   TRIES                  how often to try, 8 if not set
#
# Prints what the server answers. The status is 0 if every event was accepted, 1 if one was refused, 2 if something is
# missing here, and 75 if the server could not be reached or was too busy: then run it again with the same keys.
set -eu
umask 077

usage() {
  sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

case "$#:${1-}" in
  3:event) path=events type=application/json ;;
  2:batch) path=events/batch type=application/x-ndjson ;;
  *) usage ;;
esac
file=$2
key=${3-}
if [ -z "${GROUNDSWELL_API_KEY-}" ] || [ -z "${GROUNDSWELL_PROGRAM-}" ]; then
  echo 'Set GROUNDSWELL_API_KEY to an API key that may post events, and GROUNDSWELL_PROGRAM to the id of the program.' >&2
  exit 2
fi
if ! [ -r "$file" ]; then
  echo "$file cannot be read." >&2
  exit 2
fi
url=${GROUNDSWELL_URL:-http://127.0.0.1:3000}/v2/campaign/$GROUNDSWELL_PROGRAM/$path

if [ "$path" = events ]; then
  if [ -z "$key" ]; then usage; fi
else
  # Without its key, a line that is sent again would be another event.
  without=$(awk 'NF && !/"idempotencyKey"[ \t]*:/ { printf " %d", NR }' "$file")
  if [ -n "$without" ]; then
    echo "$file has lines without an \"idempotencyKey\":$without" >&2
    exit 2
  fi
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A file keeps the API key out of the list of processes, which everybody on the machine can read.
{
  printf 'Authorization: Bearer %s\nContent-Type: %s\n' "$GROUNDSWELL_API_KEY" "$type"
  if [ -n "$key" ]; then printf 'Idempotency-Key: %s\n' "$key"; fi
} >"$work/request-headers"

backoff=1
try=1
while :; do
  : >"$work/headers"
  : >"$work/answer"
  # When the connection breaks, the event may have been accepted or not. The key makes it safe to ask again.
  status=$(curl --silent --show-error --max-time 60 --header "@$work/request-headers" --data-binary "@$file" \
    --dump-header "$work/headers" --output "$work/answer" --write-out '%{http_code}' "$url") || status='no answer'
  case $status in
    202)
      cat "$work/answer"
      exit 0
      ;;
    207)
      # Some lines were refused. If one was only too much for now, all are sent again; the others are duplicates then.
      if ! grep -Eq '"status":(429|500|503|507)' "$work/answer"; then
        cat "$work/answer"
        exit 1
      fi
      ;;
    408 | 429 | 500 | 502 | 503 | 504 | 507 | 'no answer') ;;
    *)
      cat "$work/answer" >&2
      exit 1
      ;;
  esac
  if [ "$try" -ge "${TRIES:-8}" ]; then
    cat "$work/answer" >&2
    echo "Given up after $try tries ($status). Run it again with the same keys." >&2
    exit 75
  fi
  wait=$(awk 'tolower($1) == "retry-after:" { seconds = $2 } END { print seconds }' "$work/headers" | tr -d '\r')
  case $wait in
    '' | *[!0-9]*) wait=$backoff ;; # It has not been said, or as a date.
  esac
  echo "Try $try: $status. Next one in $wait s." >&2
  sleep "$wait"
  backoff=$((backoff < 32 ? backoff * 2 : 60))
  try=$((try + 1))
done
