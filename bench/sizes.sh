#!/bin/sh
# sizes.sh - how many bytes aio.h takes on small machines: the programs in bench/size, at -Os, without any C library.
#     bench/sizes.sh                     tables in Markdown; a compiler that is missing is named and skipped
#     bench/sizes.sh --check [BYTES]     on Cortex-M0: are sleep and events larger than that?
#     bench/sizes.sh --unused            on Cortex-M0: is in the images what their programs do not use?
#     bench/sizes.sh --frames            bytes of the frames of one program
#
# Code is all that an image has in its flash: text, constants, the initial values of variables. The board
# (bench/size/board.c) is not counted; there is no start-up code and no vector table. "library" is what comes from
# aio.h, with what it takes from the compiler's libgcc. "program" is the rest, with what is inlined into it. Into main
# that is all of aio_loop_init, so that --check counts main with the library.
limit=4100                              # bytes of library and main in event.c. The aim is 1,536
pool=2048                               # of what is left out below: it is as large as one likes
frames_of=queue
out=${BUILD:-build}/sizes
cd "$(dirname "$0")/.." || exit 1
rm -rf "$out" && mkdir -p "$out" || exit 1

warn='-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef'
common='-Os -gdwarf-2 -ffreestanding -ffunction-sections -fdata-sections -fno-common'
targets='m0 m3 m4 riscv avr'

# target NAME: its title, the prefix of its tools, its flags
target() {
    case $1 in
    m0) title=Cortex-M0 tools=arm-none-eabi- flags='-mcpu=cortex-m0 -mthumb' ;;
    m3) title=Cortex-M3 tools=arm-none-eabi- flags='-mcpu=cortex-m3 -mthumb' ;;
    m4) title=Cortex-M4 tools=arm-none-eabi- flags='-mcpu=cortex-m4 -mthumb' ;;
    # Since 2019 the instructions that mask interrupts are an extension by name, for which there is no libgcc.
    riscv) title=RV32IMC tools=riscv64-unknown-elf- flags='-march=rv32imc -mabi=ilp32 -misa-spec=2.2' ;;
    # Old compilers miss braces where there are none to be missed.
    avr) title='AVR (ATmega2560)' tools=avr- flags='-mmcu=atmega2560 -Wno-missing-braces' ;;
    esac
}

have() { command -v "$1" >"$out/where" 2>&1; }

# build PROGRAM [FLAG]: $image.elf, $image.map; once
build() {
    folder=$out/$name
    image=$folder/$1$2
    [ ! -s "$image.elf" ] || return 0
    mkdir -p "$folder"
    "${tools}gcc" $flags $warn $common -iquote . -DAIO_POOL_BYTES=$pool $2 -c "bench/size/$1.c" -o "$image.o" &&
        "${tools}gcc" $flags $warn $common -c bench/size/board.c -o "$folder/board.o" &&
        "${tools}gcc" $flags -nostdlib -Wl,--gc-sections -Wl,-e,main -Wl,-Map,"$image.map" "$image.o" \
            "$folder/board.o" -lgcc -o "$image.elf" || exit 1
}

# measure PROGRAM [FLAG]: library (with libgcc), program (with main), main, libgcc: bytes of code; ..._ram: of variables
measure() {
    build "$@"
    "${tools}nm" -l "$image.elf" >"$image.names"
    awk -f bench/size/parts.awk "$image.names" "$image.map" >"$image.parts"
    all=$("${tools}size" "$image.elf" | awk 'NR == 2 { print $4 }')
    if [ "$(sed -n 's/^total //p' "$image.parts")" != "$all" ]; then
        echo "sizes.sh: the map of $image.elf does not add up to $all bytes" >&2
        exit 1
    fi
    eval "$(awk '$1 != "total" { print $1 "=" $2, $1 "_ram=" $3 }' "$image.parts")"
    library=$((library + libgcc)) library_ram=$((library_ram + libgcc_ram)) program=$((program + main))
}

# comma NUMBER: 12345 as 12,345
comma() { echo "$1" | sed ':a; s/\([0-9]\)\([0-9][0-9][0-9]\)\($\|,\)/\1,\2\3/; ta'; }

# row TITLE CELL ARGUMENT...: a row of the table, of what the function CELL says of each target
row() {
    line="| $1 |"
    shift
    for name in $present; do
        target $name
        line="$line $("$@") |" || exit 1
    done
    echo "$line"
}

# Cells. What a function of measure says dies with the cell: it runs in a shell of its own.
code() { measure "$@"; echo "$(comma $library) + $(comma $program)"; }
libgcc() { measure "$@"; comma $libgcc; }
variables() { measure "$@"; echo "$(comma $((library_ram - pool))) + $(comma $program_ram)"; }
by_hand() { measure "$@"; comma $((library + program)); }
by_hand_ram() { measure "$@"; comma $((library_ram + program_ram)); }
size_of() {
    [ -s "$out/$name/ram.o" ] || exit 1
    comma "$("${tools}nm" -S -t d "$out/$name/ram.o" | awk -v symbol="ram_$1" '$4 == symbol { print $2 + 0 }')"
}

heading() {
    line="| $1 |" rule='|---|'
    for name in $present; do
        target $name
        line="$line $title |" rule="$rule---|"
    done
    printf '%s\n%s\n' "$line" "$rule"
}

code_table() {
    heading 'bytes of code: library + program'
    row 'hello: coroutines and a loop' code hello
    row '... and sleep' code sleep
    row '... and events' code event
    row '... and locks' code lock
    row '... and queues' code queue
    row 'everything' code everything
    row 'events, with strings, tracebacks and 64 bits of time' code event -DSIZE_DEFAULTS
    row "of events, the compiler's own library" libgcc event
    row 'what events does, as a super-loop by hand' by_hand superloop
    row 'the same, as protothreads' by_hand protothread
}

ram_table() {
    for name in $present; do
        target $name
        "${tools}gcc" $flags $warn $common -iquote . -c bench/size/ram.c -o "$out/$name/ram.o" || exit 1
    done
    heading 'bytes of RAM'
    row "a frame's header" size_of frame
    row "a task's record" size_of task
    row 'a timer' size_of timer
    row 'a sleep, from the pool, while it lasts' size_of sleep
    row 'an event' size_of event
    row 'a lock' size_of lock
    row 'a queue, without its items' size_of queue
    row 'a callback' size_of callback
    row 'a loop' size_of loop
    row 'all variables of events, but the pool: library + program' variables event
    row 'of the super-loop' by_hand_ram superloop
    row 'of the protothreads' by_hand_ram protothread
}

frames() {
    build $frames_of -DAIO_FRAME_SYMBOLS=1
    echo "    \$ ${tools}nm -S -t d --size-sort $frames_of.o | grep _frame_bytes_"
    "${tools}nm" -S -t d --size-sort "$image.o" | sed -n 's/^[0-9]* \([0-9]*\) \(.* [a-z_]*_frame_bytes_\)$/    \1 \2/p'
}

# has_none PROGRAM PART...: are there names of these parts in its image?
has_none() {
    build "$1"
    shift
    for part; do
        found=$("${tools}nm" "$image.elf" | awk '{ print $3 }' | grep -E "^aio_([a-z_]*_)?$part")
        [ -z "$found" ] && continue
        echo "$(basename "$image").c does not use $part, and has" $found
        status=1
    done
}

unused() {
    parts='queue channel broadcast watch_ group gather dump generator foreach timeout wait_for shield local barrier
        semaphore condition permit'
    status=0
    has_none hello $parts lock event sleep
    has_none sleep $parts lock event
    has_none event $parts lock
    return $status
}

check() {
    measure event
    echo "$title: $((library + main)) bytes of library and main in event.c; ${1:-$limit} are allowed"
    [ $((library + main)) -le "${1:-$limit}" ]
}

present=
for name in $targets; do
    target $name
    if have "${tools}gcc"; then
        present="$present $name"
    else
        echo "skip  $title: no ${tools}gcc" >&2
    fi
done
case $1 in
--check | --unused | --frames)
    name=m0
    target $name
    have "${tools}gcc" || { echo "sizes.sh: no ${tools}gcc" >&2; exit 1; }
    command=${1#--}
    shift
    $command "$@"
    ;;
'')
    [ -n "$present" ] || exit 1
    code_table
    echo
    ram_table
    echo
    for name in $present; do
        target $name
        echo "$title: $("${tools}gcc" --version | sed 1q), $flags"
    done
    echo "All: $common -nostdlib -Wl,--gc-sections; a pool of $(comma $pool) bytes, 8 timers"
    echo
    echo "Frames of $frames_of.c, built with -DAIO_FRAME_SYMBOLS=1:"
    echo
    for name in $present; do break; done        # the first one
    target $name
    frames
    ;;
*)
    echo "usage: $0 [--check [BYTES] | --unused | --frames]" >&2
    exit 2
    ;;
esac
