# Runs a PostgreSQL server: watchdog DIRECTORY SERVER [ARGUMENT...]
#
# Does what the words on its standard input say and answers each with the same word. When that input ends, because
# whoever wrote it has ended, it ends the server and removes the directory. The server logs into DIRECTORY/log, a pipe,
# whose end is therefore the server's; each start makes a new one, lest a reader of the last one, which some process of
# the old server still holds, take the new server's words.
directory=$1
shift
server=

# The processes that the server's main process has made.
children() {
    grep -ls "^PPid:[[:space:]]*$server\$" /proc/[0-9]*/status | cut -d/ -f3
}

# The main process is stopped before it can make more, and goes on after its children.
pause() {
    kill -s STOP "$server"
    kill -s STOP $(children)
}
resume() {
    kill -s CONT $(children) "$server"
}

# Ends the server by the given signal. A server that has just been started ignores INT and QUIT, since POSIX has a
# shell start its background commands so, until it installs its own handlers; TERM then ends it, and means nothing to a
# server that is ending already.
end() {
    [ -n "$server" ] || return
    resume
    kill -s "$1" "$server"
    kill -s TERM "$server"
    wait "$server"
    server=
}

# Kills the main process and its children, none of which gets to do anything. They hold the server's memory, and a new
# server would refuse to start as long as one of them does; who inherits a dead one may leave it a zombie, which holds none.
crash() {
    [ -n "$server" ] || return
    kill -s STOP "$server"
    all=$(children)
    kill -s KILL $all "$server"
    wait "$server"
    server=
    for one in $all; do
        while grep -qs '^State:[[:space:]]*[^[:space:]ZX]' "/proc/$one/status"; do
            sleep 0.01
        done
    done
}

while read -r word; do
    case $word in
        start)
            rm -f "$directory/log"
            mkfifo "$directory/log"
            "$@" </dev/null >/dev/null 2>"$directory/log" &
            server=$!
            ;;
        stop) end INT ;;
        crash) crash ;;
        pause) pause ;;
        resume) resume ;;
    esac
    echo "$word"
done
end QUIT
cd /
rm -rf "$directory"
