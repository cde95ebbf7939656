#!/usr/bin/env bash
# Compresses yesterday's request logs, ships them to the object store, and deletes local
# copies that are older than KEEP_DAYS and known to have arrived.
#
# Usage: rotate-logs.sh [--dry-run]
set -euo pipefail

LOG_DIR="${LOG_DIR:-/srv/logs/requests}"
BUCKET="${BUCKET:-s3://logs-archive}"
KEEP_DAYS="${KEEP_DAYS:-14}"
LOCK=/run/lock/rotate-logs

dry_run=false
[[ "${1:-}" == "--dry-run" ]] && dry_run=true

say() { printf '%s rotate-logs: %s\n' "$(date -u +%FT%TZ)" "$*" >&2; }
run() { if "$dry_run"; then say "would run: $*"; else "$@"; fi; }

# Two rotations at once would ship half a file.
exec 9>"$LOCK"
if ! flock --nonblock 9; then
  say "another rotation is running; leaving"
  exit 0
fi

compress() {
  local file
  while IFS= read -r -d '' file; do
    run zstd --quiet --rm -T2 -10 "$file"
  done < <(find "$LOG_DIR" -name '*.log' -daystart -mtime +0 -print0)
}

ship() {
  local file key
  for file in "$LOG_DIR"/*.zst; do
    [[ -e "$file" ]] || continue
    key="$BUCKET/$(hostname -s)/$(basename "$file")"
    run object-put --if-absent --checksum sha256 "$file" "$key"
  done
}

# Only what the store confirms is deleted here.
prune() {
  local file
  while IFS= read -r -d '' file; do
    if object-head "$BUCKET/$(hostname -s)/$(basename "$file")" >/dev/null; then
      run rm -- "$file"
    else
      say "not in the store, left alone: $file"
    fi
  done < <(find "$LOG_DIR" -name '*.zst' -mtime "+$KEEP_DAYS" -print0)
}

compress
ship
prune
say "done, $(df -h --output=avail "$LOG_DIR" | tail -1 | tr -d ' ') free"
