# shellcheck shell=bash
# support.bash: what the command line tests share: a place to work, checks that say what they look
# at, a small dataset, questions to logs and JSON. Source it; $PACKRAT names the program.

PACKRAT=$(realpath "${PACKRAT:?names the packrat program}")
command -v sqlite3 > /dev/null || { echo "skipped: sqlite3 is not installed"; exit 77; }
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}

WORK=$(mktemp -d "${TMPDIR:-/tmp}/packrat-test.XXXXXX")
FAILURES=0
STATUS=0
CHILD=

clean_up() {
    [[ -z $CHILD ]] || kill -9 "$CHILD" 2> /dev/null || true
    mountpoint -q "$WORK/small" 2> /dev/null && umount "$WORK/small"
    rm -rf "$WORK"
}
trap clean_up EXIT
export XDG_CACHE_HOME=$WORK/cache # no test reads the tunings of the user who runs it
mkdir "$WORK/here" "$WORK/said"
cd "$WORK/here" || exit 1
OUT=$WORK/said/out # standard output of the last run
ERR=$WORK/said/err # its standard error

say() { printf '%s\n' "$*"; }

fail() {
    printf 'FAILED: %s\n' "$*"
    FAILURES=$((FAILURES + 1))
}

# End the test: 1 when anything failed.
finish() {
    if [[ $FAILURES -gt 0 ]]; then
        say "$FAILURES checks failed"
        exit 1
    fi
    say "all checks passed"
}

# run COMMAND...: keep its exit status and what it says.
run() {
    STATUS=0
    "$@" > "$OUT" 2> "$ERR" || STATUS=$?
}

# must COMMAND...: run; anything but success ends the test.
must() {
    run "$@"
    [[ $STATUS -eq 0 ]] && return
    fail "exit $STATUS instead of 0: $*"
    sed 's/^/    /' "$ERR"
    finish
}

# expect STATUS PATTERN COMMAND...: the exit status and a regular expression in standard error;
# never a death by signal.
expect() {
    local wanted=$1 pattern=$2
    shift 2
    run "$@"
    if [[ ! $STATUS =~ ^$wanted$ ]]; then
        fail "exit $STATUS instead of $wanted: $*"
        sed 's/^/    /' "$ERR"
    elif ! grep -Eq -- "$pattern" "$ERR"; then
        fail "standard error has no '$pattern': $*"
        sed 's/^/    /' "$ERR"
    else
        printf 'ok    %s\n' "$(head -n 1 "$ERR")"
    fi
}

# equal WHAT FOUND WANTED
equal() {
    if [[ $2 == "$3" ]]; then
        say "ok    $1: ${2:0:60}"
    else
        fail "$1: found '$2', wanted '$3'"
    fi
}

# sql DATABASE QUERY
sql() { sqlite3 -batch -readonly "$1" "$2"; }

# json PATH: a value of the JSON object that the last run printed as its last line; 'epochs',
# 'options."batch-size"'.
json() {
    tail -n 1 "$OUT" > "$WORK/said/json"
    sqlite3 -batch :memory: \
        "SELECT json_extract(CAST(readfile('$WORK/said/json') AS TEXT), '\$.$1')"
}

# json_type PATH: its type ("integer", "real", "text", "null", "object"); empty when absent.
json_type() {
    tail -n 1 "$OUT" > "$WORK/said/json"
    sqlite3 -batch :memory: \
        "SELECT json_type(CAST(readfile('$WORK/said/json') AS TEXT), '\$.$1')"
}

# make_demo DIR [OPTION...]: a small graph that a model can learn.
make_demo() {
    local dir=$1
    shift
    must "$PACKRAT" gen --kind planted --nodes 1200 --edges 12000 --features 16 --classes 4 \
        --communities 4 --subcommunities 4 --seed 7 --out "$dir" "$@"
}

# listing: every file below the present directory, to see what a failure leaves behind.
listing() { find . | LC_ALL=C sort; }

# start_server OPTION...: packrat serve on a free port, in the background; waits until it answers.
# Sets CHILD and URL. What it says is in $WORK/said/serve.out and serve.err.
start_server() {
    local i
    : > "$WORK/said/serve.out"
    : > "$WORK/said/serve.err" # with --json the address stands here: not that of the server before
    "$PACKRAT" serve --listen 127.0.0.1:0 "$@" > "$WORK/said/serve.out" 2> "$WORK/said/serve.err" &
    CHILD=$!
    for ((i = 0; i < 1200; i++)); do
        URL=$(sed -n 's/^serving .* at \(http:[^ ]*\) .*/\1/p' "$WORK"/said/serve.{out,err})
        [[ -z $URL ]] || return 0
        kill -0 "$CHILD" 2> /dev/null || break
        sleep 0.05
    done
    fail "the server does not start: packrat serve $*"
    sed 's/^/    /' "$WORK/said/serve.err"
    finish
}

# stop_server [SIGNAL]: end it, keep its exit status; OUT and ERR are copies of what it said.
stop_server() {
    kill "-${1:-TERM}" "$CHILD" 2> /dev/null || true
    STATUS=0
    wait "$CHILD" || STATUS=$?
    CHILD=
    cp "$WORK/said/serve.out" "$OUT"
    cp "$WORK/said/serve.err" "$ERR"
}

# ask PATH [CURL OPTION...]: the body goes to $OUT, headers to $WORK/said/head, the status to STATUS
# (000: there was no answer).
ask() {
    local path=$1
    shift
    STATUS=$(curl -sS -o "$OUT" -D "$WORK/said/head" -w '%{http_code}' "$@" "$URL$path" 2> "$ERR") || true
}

# answers STATUS PATTERN PATH [CURL OPTION...]: the status and a regular expression in the body.
answers() {
    local wanted=$1 pattern=$2
    shift 2
    ask "$@"
    if [[ $STATUS != "$wanted" ]]; then
        fail "status $STATUS instead of $wanted: $*: $(head -c 300 "$OUT")"
    elif ! grep -Eq -- "$pattern" "$OUT"; then
        fail "the body has no '$pattern': $*: $(head -c 300 "$OUT")"
    else
        say "ok    $wanted $1 $(head -c 60 "$OUT" | tr '\n' ' ')"
    fi
}
