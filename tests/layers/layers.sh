#!/usr/bin/env bash
# layers.sh: the house keeps its walls. Reads tests/layers.txt and checks every file of the tree:
# who includes whom, where third-party headers appear, that nothing below cli/ prints or exits,
# that no two files share a name and that none is longer than 600 lines.
#
# usage: layers.sh [TREE]     (default: $PACKRAT_SOURCE, else the tree this script is in)
# Prints "file:line: what is wrong" for every violation; exit status 1 when there is one.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=$(cd "${1:-${PACKRAT_SOURCE:-$here/../..}}" && pwd)
rules=$tree/tests/layers.txt
[ -r "$rules" ] || { echo "layers.sh: $rules cannot be read" >&2; exit 1; }

# Every .c and .h file, relative to the tree; build trees and hidden folders are not ours.
list_files() {
    local prune=(-name '.*' -not -path "$tree")
    while IFS= read -r cache; do
        prune+=(-o -path "$(dirname "$cache")")
    done < <(find "$tree" -maxdepth 3 -name CMakeCache.txt)
    find "$tree" \( "${prune[@]}" \) -prune -o -type f -name '*.[ch]' -print |
        sed "s|^$tree/||" | LC_ALL=C sort
}

mapfile -t files < <(list_files)
[ "${#files[@]}" -gt 0 ] || { echo "layers.sh: no .c or .h file below $tree" >&2; exit 1; }

cd "$tree"
LC_ALL=C awk '
function wrong(line, what) { printf "%s:%d: %s\n", file, line, what; num_wrong++ }

function inside(list, word) { return index(" " list " ", " " word " ") > 0 }

# The room a path belongs to: the longest listed prefix.
function room_of(path,    room, best) {
    best = ""
    for (room in allowed)
        if (index(path, room "/") == 1 && length(room) > length(best)) best = room
    return best
}

# A line without comments and without what string literals hold.
function stripped(line,    out, token) {
    out = ""
    while (line != "") {
        if (in_comment) {
            if (!index(line, "*/")) return out
            line = substr(line, index(line, "*/") + 2)
            in_comment = 0
            out = out " "
        }
        if (!match(line, /\/\*|\/\/|["\047]/)) return out line
        token = substr(line, RSTART, RLENGTH)
        out = out substr(line, 1, RSTART - 1)
        line = substr(line, RSTART + RLENGTH)
        if (token == "//") return out
        if (token == "/*") { in_comment = 1; continue }
        out = out token token
        while (match(line, /\\.|["\047]/)) {
            hit = substr(line, RSTART, RLENGTH)
            line = substr(line, RSTART + RLENGTH)
            if (hit == token) break
        }
    }
    return out
}

function check_quoted(target,    other) {
    if (is_public)
        return wrong(FNR, "a public header includes only <packrat/...> and system headers, not \"" target "\"")
    if (target ~ /^packrat\// || target ~ /^include\//)
        return wrong(FNR, "public headers are included as <packrat/...>, not \"" target "\"")
    if (target !~ /\.h$/ || target ~ /\.\./)
        return wrong(FNR, "\"" target "\" is not the header of a room, written from the root of the tree")
    other = room_of(target)
    if (other == "")
        return wrong(FNR, "\"" target "\" is in no room of layers.txt (write \"room/file.h\")")
    if (other != room && !inside(allowed[room], other))
        wrong(FNR, room " may not include " other ": \"" target "\"")
}

function check_angle(target,    name, stem, owner) {
    if (target ~ /^packrat\//) {
        name = substr(target, 9)
        if (!(name in header_room))
            return wrong(FNR, "<" target "> is not named in layers.txt")
        owner = header_room[name]
        if (owner != room && !inside(allowed[room], owner) && !inside(allowed[room], "public"))
            wrong(FNR, room " may not include <" target ">, which belongs to " owner)
        return
    }
    for (name in foreign_room) {
        stem = name
        sub(/\.h$/, "", stem)
        if (target != name && target !~ ("(^|/)" stem "(/|_|\\.h$)")) continue
        if (is_public)
            return wrong(FNR, "a public header may not include third-party <" target ">")
        if (foreign_room[name] != room)
            wrong(FNR, room " may not include <" target ">: only " foreign_room[name] " may")
        return
    }
    if (target ~ /^(sys|linux|asm|net|netinet|arpa)\//) return
    stem = target
    if (!sub(/\.h$/, "", stem) || !inside(system_headers, stem))
        wrong(FNR, "<" target "> is no system header; third-party headers are named in layers.txt")
}

function check_calls(code) {
    if (code ~ /(^|[^A-Za-z0-9_.>])(exit|_exit|_Exit|quick_exit|abort)[ \t]*\(/ &&
        file != "base/child.c") # which ends the process it made
        wrong(FNR, "nothing below cli/ ends the process: return a pr_status")
    if (code ~ /(^|[^A-Za-z0-9_.>])(printf|vprintf|puts|putchar|perror)[ \t]*\(/ ||
        code ~ /(^|[^A-Za-z0-9_])(stdout|stderr|STDOUT_FILENO)([^A-Za-z0-9_]|$)/ ||
        (code ~ /(^|[^A-Za-z0-9_])STDERR_FILENO/ && file != "base/diag.c"))
        wrong(FNR, "nothing below cli/ prints: write to a FILE * that was given, or use pr_diag")
}

function check_size() {
    if (file != "" && last_line > 600) wrong(last_line, "more than 600 lines: split the file")
}

BEGIN {
    system_headers = "assert complex ctype errno fenv float inttypes limits locale math setjmp signal" \
        " stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath" \
        " threads time uchar wchar wctype dirent dlfcn fcntl fnmatch ftw getopt glob libgen netdb" \
        " poll pthread pwd regex sched semaphore spawn strings termios unistd omp immintrin cpuid"
}

# The rules.
NR == FNR {
    sub(/#.*/, "")
    if (NF == 0) next
    if ($1 == "header" && NF == 3) header_room[$2] = $3
    else if ($1 == "foreign" && NF == 3) foreign_room[$2] = $3
    else if ($1 ~ /:$/) {
        room = substr($1, 1, length($1) - 1)
        allowed[room] = ""
        for (i = 2; i <= NF; i++) allowed[room] = allowed[room] " " $i
    } else {
        file = "tests/layers.txt"
        wrong(FNR, "cannot be understood")
    }
    next
}

# A file begins.
FNR == 1 {
    check_size()
    file = FILENAME
    in_comment = 0
    base = folder = file
    sub(/.*\//, "", base)
    if (!sub(/\/[^\/]*$/, "", folder)) folder = "."
    is_public = folder == "include/packrat"
    is_free = folder ~ /^(tests|bench|examples)(\/|$)/
    room = ""
    if (is_public) {
        if (base in header_room) room = header_room[base]
        else wrong(1, "public header that layers.txt does not name")
    } else if (!is_free) {
        room = folder
        if (!(room in allowed)) {
            wrong(1, folder " is no room of layers.txt")
            room = ""
        }
        if (base in seen) wrong(1, "shares its name with " seen[base])
        seen[base] = file
    }
}

{
    last_line = FNR
    if (room == "") next
    code = stripped($0)
    if (code ~ /^[ \t]*#[ \t]*include/) {
        if (!match($0, /<[^>]*>|"[^"]*"/)) {
            wrong(FNR, "an include must name its file")
            next
        }
        target = substr($0, RSTART + 1, RLENGTH - 2)
        if (substr($0, RSTART, 1) == "<") check_angle(target)
        else check_quoted(target)
    } else if (room != "cli" && code !~ /^[ \t]*#/) {
        check_calls(code)
    }
}

END {
    check_size()
    exit num_wrong > 0
}
' tests/layers.txt "${files[@]}"
echo "layers.sh: ${#files[@]} files keep the rules of tests/layers.txt"
